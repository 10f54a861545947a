"""`python -m tests.lsp.conformance`: the LSP check-list's numbers, with what the tests say about each.

Runs pytest on this folder (further arguments are handed to it) and prints a table: number, title, passed, failed or not
applicable yet. Exit code 1 where an item failed or has no test.

The server under test is this checkout's, or the one that POSTIL_SERVE starts.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

TITLES = {
    "A. Base protocol": {
        1: "header names in any case, blanks or none round the colon",
        2: "impossible Content-Length ends cleanly",
        3: "header block limited",
        4: "Content-Type in either order",
        5: "malformed JSON: -32700, id null",
        6: "invalid request: -32600",
        7: "bad params: -32602 with the id",
        8: "unknown methods",
        9: "unknown `$/` methods",
        10: "only integer or string ids",
        11: "an id in flight is refused",
        12: "results that JSON cannot say: one -32603",
        13: "no traceback, path or code in errors",
        14: "SystemExit and KeyboardInterrupt survived",
        15: "prints do not reach the stream",
        16: "bad UTF-8, nesting, long integers, surrogates",
        17: "nested `jsonrpc` is plain data",
    },
    "B. Life cycle": {
        18: "before initialize: -32002",
        19: "second initialize: -32600",
        20: "silence before the initialize answer",
        21: "after shutdown: -32600",
        22: "shutdown answers null always",
        23: "exit codes",
        24: "exit at once with busy workers",
        25: "end of stdin",
        26: "end of stdout",
        27: "dead parent",
        28: "children die with the server",
        29: "arguments that clients add",
    },
    "C. Cancellation and progress": {
        30: "cancel answered at once, once",
        31: "cancel stops the inner work",
        32: "no handler blocks another",
        33: "ContentModified only for real invalidation",
        34: "ServerCancelled only for diagnostics",
        35: "progress tokens",
        36: "partial results",
    },
    "D. Documents": {
        37: "three line ends",
        38: "positions clamped",
        39: "position encodings",
        40: "changes in order",
        41: "a batch wholly or not at all",
        42: "versions that do not increase",
        43: "change before open",
        44: "double open, unknown close",
        45: "documents are not read from disk",
        46: "spellings of one URI",
        47: "language change, close",
        48: "no willSaveWaitUntil",
        49: "notebook cells",
    },
    "E. Diagnostics": {
        50: "versions, clearing, push or pull",
        51: "resultId and unchanged",
        52: "workspace/diagnostic",
        53: "refresh at most once a second",
        54: "only what was announced",
        55: "ranges inside the document",
    },
    "F. Actions, edits, hover": {
        56: "only, triggerKind, resolve, stale actions",
        57: "documentChanges or changes; no overlaps",
        58: "annotations, snippets, operations only if announced",
        59: "applied: false respected",
        60: "hover formats",
    },
    "G. Configuration and registration": {
        61: "static or dynamic, never both",
        62: "configuration answers of any shape",
        63: "folders",
        64: "storms of watched files",
        65: "own requests time out; one message a cause",
    },
}
_NUMBER = re.compile(r"::test_lsp_(\d+)_")


class Tally:
    """A pytest plug-in that counts the outcomes of each item's tests."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one report: the call's outcome, or a set-up that failed or skipped."""
        match = _NUMBER.search(report.nodeid)
        if match and (report.when == "call" or report.outcome != "passed"):
            self.counts[int(match[1])][report.outcome] += 1


def state(counts: dict[str, int]) -> str:
    """Return an item's state in words."""
    if counts.get("failed"):
        return "failed"
    if counts.get("passed"):
        return "passed"
    return "not applicable yet" if counts.get("skipped") else "no test"


def main(arguments: list[str]) -> int:
    """Run the tests and print the table. Returns the exit code."""
    tally = Tally()
    folder = str(Path(__file__).resolve().parent)
    pytest.main([folder, "-q", "--tb=no", "-k", "test_lsp_", *arguments], plugins=[tally])
    totals: dict[str, int] = defaultdict(int)
    for section, titles in TITLES.items():
        print(f"\n{section}")
        for number, title in titles.items():
            counts = tally.counts.get(number, {})
            outcome = state(counts)
            totals[outcome] += 1
            tests = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            print(f"  {number:2}  {outcome:18}  {title}" + (f"  ({tests})" if tests else ""))
    print(
        "\n" + ", ".join(f"{count} {name}" for name, count in sorted(totals.items())) + f", of {sum(totals.values())}"
    )
    return 1 if totals["failed"] or totals["no test"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
