"""A report in words: for a terminal, for other programs, for pull requests.

Invariant: text from files (names, code, messages) passes `term_safe` in every format that a terminal or a build log shows;
JSON and SARIF carry it whole, in their own escapes.
Invariant: the order is the report's; nothing here depends on the clock but the seconds of the summary.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from analyzers.finding import Severity
from server.sarif import messages, sarif
from server.terminal import BLUE, BOLD, CYAN, DIM, GREEN, RED, YELLOW, display_width, painter, term_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.reported import Report, Reported

FORMATS = ("text", "json", "sarif", "github", "markdown")
_STYLES = {Severity.ERROR: RED, Severity.WARNING: YELLOW, Severity.INFO: BLUE, Severity.HINT: CYAN}
_TAB = 4  # columns
_INDENT = 20  # cells before a finding's message: its place and its severity
_MOST_ROWS = 300  # of a Markdown report: a comment of a pull request ends at 65,536 characters
_LONGEST_EXCERPT = 2_000  # code points of a source line that are looked at


def as_text(report: Report, *, colour: bool, excerpts: bool, quiet: bool, width: int) -> str:
    """Return the report for a person. `excerpts`: with source lines, grouped by file; else one line per finding."""
    paint = painter(colour=colour)
    lines: list[str] = []
    for path, group in groupby(report.findings, key=lambda one: one.path):
        if excerpts:
            lines.append(paint(BOLD, _path(path)))
            for one in group:
                lines += _block(one, paint, width)
            lines.append("")
        else:
            lines += [_line(one, paint) for one in group]
    if not quiet:
        lines += [paint(DIM, f"note: {term_safe(text)}") for text in messages(report)]
        lines.append(_summary(report, paint))
    return "\n".join(lines) + "\n" if lines else ""


def as_json(report: Report) -> str:
    """Return the findings as one JSON array."""
    rows = [
        {
            "rule": one.finding.rule,
            "source": one.finding.source,
            "severity": one.finding.severity.name.lower(),
            "category": str(one.finding.category),
            "message": one.finding.message,
            "path": plain_path(one.path),
            "start": {"line": one.start.line, "column": one.start.column},
            "end": {"line": one.end.line, "column": one.end.column},
            "fingerprint": one.finding.fingerprint,
            "cwe": one.finding.cwe,
            "confidence": one.finding.confidence,
            "fixable": any(fix.safe for fix in one.finding.fixes),
            "help": one.finding.help,
        }
        for one in report.findings
    ]
    if not rows:
        return "[]\n"
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def as_sarif(report: Report, version: str) -> str:
    """Return the report as SARIF 2.1.0."""
    return sarif(report, version)


def as_github(report: Report) -> str:
    """Return the findings as workflow commands, which become annotations of a pull request."""
    commands = {Severity.ERROR: "error", Severity.WARNING: "warning"}
    lines = []
    for one in report.findings:
        properties = [f"file={_property(one.path)}", f"line={one.start.line}", f"endLine={one.end.line}"]
        if one.start.line == one.end.line:
            properties += [f"col={one.start.column}", f"endColumn={one.end.column}"]
        properties.append(f"title={_property('postil ' + one.finding.rule)}")
        command = commands.get(one.finding.severity, "notice")
        lines.append(f"::{command} {','.join(properties)}::{_data(one.finding.message)}")
    lines += [f"::notice title=postil::{_data(text)}" for text in messages(report)]
    return "\n".join(lines) + "\n" if lines else ""


def as_markdown(report: Report) -> str:
    """Return the report for a comment on a pull request; everything from files is in code spans or plain words."""
    from server.markdown import code_span, inline

    lines = [f"**postil: {count_line(report)}**", ""]
    shown = report.findings[:_MOST_ROWS]
    for path, group in groupby(shown, key=lambda one: one.path):
        lines += [code_span(term_safe(path)), "", "| line | | rule | |", "| --: | --- | --- | --- |"]
        for one in group:
            rule = code_span(term_safe(one.finding.rule))
            if one.finding.help.startswith("https://"):
                rule = f"[{rule}]({one.finding.help})"
            cells = (
                str(one.start.line),
                one.finding.severity.name.lower(),
                rule,
                inline(term_safe(one.finding.message)),
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    if len(report.findings) > len(shown):
        lines += [f"… and {len(report.findings) - len(shown)} more.", ""]
    lines += [f"- {inline(term_safe(text))}" for text in messages(report)]
    return "\n".join(lines).rstrip() + "\n"


def count_line(report: Report) -> str:
    """Return how much was found in how many files: `3 findings (1 error, 2 warnings) in 2 of 34 files`."""
    files = f"{report.checked} file{_s(report.checked)}"
    if not report.findings:
        return f"no findings in {files}" if report.checked else "no files to check"
    counts = Counter(one.finding.severity for one in report.findings)
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info", Severity.HINT: "hint"}
    plurals = {word: word if word == "info" else f"{word}s" for word in words.values()}
    parts = ", ".join(
        f"{counts[one]} {word if counts[one] == 1 else plurals[word]}" for one, word in words.items() if counts[one]
    )
    total = len(report.findings)
    affected = len({one.path for one in report.findings})
    return f"{total} finding{_s(total)} ({parts}) in {affected} of {files}"


def plain_path(path: str) -> str:
    """Return `path` as text that every program can read: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _summary(report: Report, paint: Callable[[str, str], str]) -> str:
    severities = [one.finding.severity for one in report.findings]
    style = _STYLES[min(severities)] if severities else GREEN if report.checked else ""
    line = count_line(report)
    text = paint(f"{BOLD};{style}" if style else BOLD, line[:1].upper() + line[1:])
    details = [f"{report.seconds:.2f} s"]
    if report.unchanged:
        details.append(f"{report.unchanged} unchanged")
    text += paint(DIM, f" ({', '.join(details)})")
    if report.fixed:
        text += f"; {report.fixed} fixed"
    fixable = sum(any(fix.safe for fix in one.finding.fixes) for one in report.findings)
    if fixable:
        text += f"; {fixable} can be fixed with --fix"
    return text


def _line(one: Reported, paint: Callable[[str, str], str]) -> str:
    place = f"{_path(one.path)}:{one.start.line}:{one.start.column}:"
    severity = one.finding.severity.name.lower()
    return f"{place} {paint(_STYLES[one.finding.severity], severity)}[{_rule(one)}] {_message(one)}"


def _block(one: Reported, paint: Callable[[str, str], str], width: int) -> Iterator[str]:
    style = _STYLES[one.finding.severity]
    place = f"{one.start.line}:{one.start.column}"
    severity = paint(style, f"{one.finding.severity.name.lower():<7}")
    words = [(word, 1, "") for word in _message(one).split(" ")] + [(_rule(one), 2, DIM)]
    if any(fix.safe for fix in one.finding.fixes):
        words.append(("[fixable]", 1, DIM))
    first, *rest = _folded(words, max(width - _INDENT, 20), paint)
    yield f"{place:>9}  {severity}  {first}"
    yield from (" " * _INDENT + line for line in rest)
    if one.lines and one.lines[0].strip():
        source, before, marked = _excerpt(one, max(width - 13, 40))
        yield f"{paint(DIM, f'{one.start.line:>9} │')} {source}"
        yield f"{paint(DIM, '          │')} {' ' * before}{paint(style, '^' * marked)}"


def _folded(words: list[tuple[str, int, str]], room: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Yield lines of at most `room` cells of `words`: each with the spaces before it and its style. A long word stays whole."""
    line, used = "", 0
    for word, gap, style in words:
        cells = display_width(word)
        if used and used + gap + cells > room:
            yield line
            line, used = "", 0
        line += " " * (gap if used else 0) + paint(style, word)
        used += cells + (gap if used else 0)
    yield line


def _excerpt(one: Reported, width: int) -> tuple[str, int, int]:
    """Return the finding's first line cut to `width` cells, the cells before the finding, and the cells under it."""
    line = one.lines[0]
    start = one.start.column - 1
    end = one.end.column - 1 if one.end.line == one.start.line else len(line)
    # Long lines are cut around the finding before anything is measured.
    low = max(0, start - _LONGEST_EXCERPT // 2)
    line, start, end = line[low : low + _LONGEST_EXCERPT], start - low, min(end - low, _LONGEST_EXCERPT)
    indent = len(line) - len(line.lstrip()) if not low else 0
    drop = min(indent, start)
    head, middle, tail = (
        term_safe(piece.expandtabs(_TAB) if "\t" in piece else piece)
        for piece in (line[drop:start], line[start:end], line[end:])
    )
    if display_width(head) > width // 2:
        head = "…" + _last_cells(head, width // 2 - 1)
    before = display_width(head)
    marked = max(1, min(display_width(middle), width - before))
    return _first_cells(head + middle + tail, width), before, marked


def _first_cells(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    used, kept = 0, []
    for character in text:
        used += display_width(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _last_cells(text: str, width: int) -> str:
    used, at = 0, len(text)
    while at and used + display_width(text[at - 1]) <= width:
        at -= 1
        used += display_width(text[at])
    return text[at:]


def _rule(one: Reported) -> str:
    return term_safe(one.finding.rule)


def _path(path: str) -> str:
    """Return `path` so that it cannot start a workflow command in a build's log, where a line that starts with `::` is one."""
    return "./" + term_safe(path) if path.startswith(("::", "##")) else term_safe(path)


def _message(one: Reported) -> str:
    return term_safe(" ".join(one.finding.message.split()))


def _data(text: str) -> str:
    """Return `text` as the data of a workflow command."""
    return term_safe(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
