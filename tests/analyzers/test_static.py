"""StaticAnalysis: warm equals cold, versions are minded, nothing crashes it, and typing costs little."""

from __future__ import annotations

import logging
import random
import statistics
import time
from typing import TYPE_CHECKING

import pytest

from analyzers import complexity
from analyzers.document import Document
from analyzers.languages import LANGUAGES
from analyzers.options import Options
from analyzers.static import StaticAnalysis, analyse
from tests.analyzers.sources import SOURCES, random_changes

if TYPE_CHECKING:
    from analyzers.finding import Finding

STRICT = Options(cyclomatic_limit=1, cognitive_limit=1)
URI = "test:///a"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("language", SOURCES)
def test_warm_equals_cold(language: str, seed: int) -> None:
    analysis = StaticAnalysis()
    document = Document(URI, 0, language, SOURCES[language])
    analysis.open(URI, 0, language, document.text)
    found = 0
    for change, after in random_changes(document, 100 + seed, 50):
        analysis.change(URI, after.version, [change])
        if after.version % 4 == 0:
            continue
        warm = analysis.analyse(URI, after.version, STRICT)
        assert warm == analyse(after, STRICT)
        found += len(warm or ())
    assert found or language in ("html", "css", "json", "jsonc", "yaml", "toml", "sql", "shellscript")


def test_changes_of_one_message_apply_in_turn() -> None:
    analysis = StaticAnalysis()
    analysis.open(URI, 1, "python", "")
    analysis.change(URI, 2, [(0, 0, 0, 0, "def f(a):\n"), (9, 9, 9, 9, "    return a or 1\n"), (0, 4, 0, 5, "g")])
    [found] = analysis.analyse(URI, 2, STRICT) or []
    assert found.message == "`g` has too many paths: cyclomatic complexity 2 (limit 1)"
    assert found.span == (4, 5)
    assert found.fingerprint


def test_versions() -> None:
    analysis = StaticAnalysis()
    assert analysis.analyse(URI, 1, STRICT) is None
    analysis.change(URI, 1, [(0, 0, 0, 0, "x")])
    analysis.open(URI, 1, "python", "def f(a): return a or 1\n")
    assert analysis.analyse(URI, 2, STRICT) is None
    assert len(analysis.analyse(URI, 1, STRICT) or ()) == 1
    analysis.change(URI, 2, [])
    assert analysis.analyse(URI, 1, STRICT) is None
    assert len(analysis.analyse(URI, 2, STRICT) or ()) == 1
    analysis.open(URI, 1, "python", "x = 1\n")
    assert analysis.analyse(URI, 1, STRICT) == []
    analysis.close(URI)
    analysis.close(URI)
    assert analysis.analyse(URI, 1, STRICT) is None


def test_a_language_that_is_not_in_the_table() -> None:
    analysis = StaticAnalysis()
    analysis.open(URI, 1, "plaintext", "x = (\n")
    analysis.change(URI, 2, [(0, 0, 0, 0, "y")])
    assert analysis.analyse(URI, 2, STRICT) == []
    assert analysis.not_parsed(URI) is None
    assert analyse(Document(URI, 1, "plaintext", "x = (\n"), STRICT) == []


def test_why_there_is_no_tree() -> None:
    analysis = StaticAnalysis()
    analysis.open(URI, 1, "python", "(" * 500)
    assert analysis.analyse(URI, 1, STRICT) == []
    assert analysis.not_parsed(URI) == "brackets are nested deeper than 200"
    analysis.change(URI, 2, [(0, 0, 0, 500, "")])
    assert analysis.not_parsed(URI) is None


def test_an_analyzer_that_raises_costs_its_own_findings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> list[Finding]:
        raise ValueError("a" * 10)

    monkeypatch.setattr(complexity, "findings", broken)
    document = Document(URI, 1, "python", "def f(a):\n    return (a or 1\n")
    with caplog.at_level(logging.INFO):
        found = analyse(document, STRICT)
    assert [one.rule for one in found] == ["syntax-error"]
    assert [record.getMessage() for record in caplog.records] == [
        "analyzers.complexity failed on a text of 29 characters: ValueError"
    ]


_RANDOM = random.Random(7)  # the same noise each time
POISON = {
    "50,000 brackets": "(" * 50_000,
    "brackets to the limit": "(" * 199 + "\n",
    "1 MB of noise": _RANDOM.randbytes(1_000_000).decode("latin-1"),
    "60 kB of noise": _RANDOM.randbytes(60_000).decode("latin-1"),
    "NUL": "\0" * 5000 + "x = 1\n",
    "lone surrogates": '\ud800\udc00x = "\udfff"\n' * 100,
    "10 MB line": '"' * 10_000_000,
    "CR alone": "def f():\r  if a:\r    b\r" * 100,
    "empty": "",
    "one line break": "\r\n",
    "a mark inside": "x = 1\n\ufeffy = 2\n",
    "quotes": '"\n' * 9000,
    "open strings": ('f"{' * 60 + "\n") * 100,
    "deep blocks": "".join(" " * depth + "if a:\n" for depth in range(150)),
    "long chain": "if a:\n b\n" + "elif c:\n d\n" * 2000,
    "operators": "x = (1\n" + "and 1\n" * 5000 + ")",
    "attributes": "x" + ".a" * 9000,
    "comments": "/*" * 9000 + "\n" + "//" * 9000,
    "templates": "{%" * 9000 + "\n" + "{{" * 60,
    "suppressions": ("#" * 9000 + "postil:\n") * 20,
}


@pytest.mark.parametrize("language", [one.id for one in LANGUAGES])
def test_nothing_crashes_it(language: str) -> None:
    for name, text in POISON.items():
        analysis = StaticAnalysis()
        analysis.open(URI, 1, language, text)
        start = time.process_time()
        found = analysis.analyse(URI, 1, STRICT)
        assert found is not None, name
        # Mostly well under half a second; the worst grammars look up from their work every few seconds only.
        assert time.process_time() - start < 8, name
        assert all(0 <= one.span.start <= one.span.end <= len(text) for one in found), name
        analysis.change(URI, 2, [(0, 0, 0, 0, "x"), (0, 0, 99, 0, "")])
        assert analysis.analyse(URI, 2, STRICT) is not None, name


def test_typing_in_a_long_file_costs_little() -> None:
    text = SOURCES["python"] * 112  # 3,500 lines
    analysis = StaticAnalysis()
    analysis.open(URI, 0, "python", text)
    analysis.analyse(URI, 0, Options())
    line = text.splitlines().index("            c -= 1", 1700)
    times = []
    for version in range(1, 60):
        start = time.process_time()
        analysis.change(URI, version, [(line, 12, line, 12 + (version % 2 == 0), "c" if version % 2 else "")])
        analysis.analyse(URI, version, Options())
        times.append(time.process_time() - start)
    # The goal is 10 ms on an idle machine; the limit here only tells a walk of the whole file from a look at what changed.
    assert statistics.median(times) < 0.03
