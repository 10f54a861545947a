"""A report as SARIF 2.1.0, for code scanning services and viewers.

One run. Locations are relative to the working directory, percent-encoded, with no base id: every consumer that we know takes
them from the root of the checkout then. Columns count code points (`columnKind`). What was left out or failed is told as the
invocation's notifications, so that an empty list of results is not taken for a clean bill where it is none.

Invariant: no time, no machine's path, no code beyond what a fix inserts: the same findings give the same bytes.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from analyzers.finding import Category, Severity

if TYPE_CHECKING:
    from analyzers.rule_docs import RuleHelp
    from server.reported import Place, Report, Reported

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note", Severity.HINT: "note"}
# What code scanning services sort security findings by, where nothing more is known than how bad we call it.
_SECURITY_SEVERITIES = {Severity.ERROR: "8.0", Severity.WARNING: "6.0", Severity.INFO: "3.0", Severity.HINT: "1.0"}

Json = dict[str, object]


def sarif(report: Report, version: str) -> str:
    """Return the report as one SARIF log."""
    from analyzers.rule_docs import rule_helps

    first: dict[str, Reported] = {}
    for one in report.findings:
        first.setdefault(one.finding.rule, one)
    codes = sorted(first)
    helps = rule_helps(codes)
    driver: Json = {
        "name": "postil",
        "semanticVersion": version,
        "rules": [_rule(first[code], helps.get(code)) for code in codes],
    }
    notifications = [{"level": "warning", "message": {"text": text}} for text in messages(report)]
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": not report.failed, "toolExecutionNotifications": notifications}],
        "results": [_result(one, codes.index(one.finding.rule)) for one in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def messages(report: Report) -> list[str]:
    """Return what a reader must know besides the findings: what was skipped, and what failed."""
    result = list(report.notes)
    total = sum(report.skipped.values())
    if total:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(report.skipped.items()))
        result.append(f"{total} file{'s' if total != 1 else ''} skipped: {reasons}")
    return result


def uri_of(path: str) -> str:
    """Return `path` as a URI: a reference relative to the working directory, or a `file:` URI where it is absolute."""
    encoded = quote(os.fsencode(path.replace(os.sep, "/")), safe="/")
    return "file://" + encoded if os.path.isabs(path) else encoded


def _rule(one: Reported, help_: RuleHelp | None) -> Json:
    finding = one.finding
    tags = [str(finding.category)]
    if finding.cwe is not None:
        tags = sorted({*tags, "security", f"external/cwe/cwe-{finding.cwe:03d}"})
    properties: Json = {"tags": tags, "precision": "high" if finding.confidence >= 0.8 else "medium"}
    if finding.category is Category.SECURITY:
        properties["security-severity"] = _SECURITY_SEVERITIES[finding.severity]
    else:
        properties["problem.severity"] = {"note": "recommendation"}.get(
            _LEVELS[finding.severity], _LEVELS[finding.severity]
        )
    rule: Json = {
        "id": finding.rule,
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": properties,
    }
    text = finding.help if finding.help and not finding.help.startswith("https://") else ""
    if help_ is not None:
        rule["name"] = "".join(word.capitalize() for word in help_.title.split())
        rule["shortDescription"] = {"text": help_.title[:1].upper() + help_.title[1:]}
        rule["fullDescription"] = {"text": help_.summary(markdown=False)}
        rule["help"] = {"text": help_.plain, "markdown": help_.text}
        if help_.url:
            rule["helpUri"] = help_.url
    else:
        rule["help"] = {"text": text or finding.rule, "markdown": text or f"`{finding.rule}`"}
    if "helpUri" not in rule and finding.help.startswith("https://"):
        rule["helpUri"] = finding.help
    return rule


def _result(one: Reported, index: int) -> Json:
    finding = one.finding
    result: Json = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": _location(one)}],
        "partialFingerprints": {"postil/v1": finding.fingerprint},
    }
    properties: Json = {"source": finding.source, "confidence": finding.confidence}
    if finding.cwe is not None:
        properties["cwe"] = f"CWE-{finding.cwe}"
    result["properties"] = properties
    fixes = [
        {
            "description": {"text": fix.title if fix.safe else f"{fix.title} (may change what the program does)"},
            "artifactChanges": [
                {
                    "artifactLocation": {"uri": uri_of(one.path)},
                    "replacements": [
                        {"deletedRegion": _region(edit.start, edit.end), "insertedContent": {"text": edit.text}}
                        for edit in edits
                    ],
                }
            ],
        }
        for fix, edits in zip(finding.fixes, one.replacements, strict=True)
        if edits
    ]
    if fixes:
        result["fixes"] = fixes
    return result


def _location(one: Reported) -> Json:
    return {"artifactLocation": {"uri": uri_of(one.path)}, "region": _region(one.start, one.end)}


def _region(start: Place, end: Place) -> Json:
    return {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column}
