"""postil's own analyses of a text, warm and cold.

`StaticAnalysis` is the state of one worker process: it keeps a tree per open document and what it found out about each piece
of code, and is told changes. `analyse` does the same for one text and keeps nothing. The two are equal, whatever the edits
that led to a text.

Invariant: an analyzer that raises costs its own findings and a line in the log, nothing else.
Invariant: no findings for a version other than the one asked about.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, NamedTuple

from analyzers import ANALYZERS, suppressions
from analyzers.document import Document, Point
from analyzers.finding import fingerprinted
from analyzers.languages import by_id
from analyzers.memory import Memory
from analyzers.syntax import NotParsed, Parse, SyntaxTree

if TYPE_CHECKING:
    from analyzers.finding import Finding
    from analyzers.options import Options

_log = logging.getLogger(__name__)

# Under a kilobyte each, and twice as many at most: 10 MB. A file of 10,000 lines has some 700.
_REMEMBERED_PIECES = 5_000


class Subject(NamedTuple):
    """What an analyzer is asked about. `tree` is None where the text cannot be parsed."""

    document: Document
    tree: SyntaxTree | None
    options: Options
    memory: Memory


class StaticAnalysis:
    """The open documents of one process, with their trees."""

    def __init__(self) -> None:
        """Start with no document open."""
        self._documents: dict[str, Document | Parse] = {}
        self._memory = Memory(_REMEMBERED_PIECES)

    def open(self, uri: str, version: int, language: str, text: str) -> None:
        """Take a document; one with the same URI is replaced."""
        document = Document(uri, version, language, text)
        self._documents[uri] = document if by_id(language) is None else Parse(document)

    def change(self, uri: str, version: int, changes: list[tuple[int, int, int, int, str]]) -> None:
        """Apply changes in turn: start line, start column, end line, end column (code points, clamped), new text."""
        held = self._documents.get(uri)
        if held is None:
            return
        for start_line, start_column, end_line, end_column, text in changes:
            start, end = Point(start_line, start_column), Point(end_line, end_column)
            if isinstance(held, Parse):
                held.change(start, end, text, version)
            else:
                held = self._documents[uri] = held.replaced(start, end, text, version)
        if not changes:
            document = held.document if isinstance(held, Parse) else held
            document.version = version

    def close(self, uri: str) -> None:
        """Forget a document. What was found out about its pieces is kept for a while."""
        self._documents.pop(uri, None)

    def analyse(self, uri: str, version: int, options: Options) -> list[Finding] | None:
        """Return the findings of a document, fingerprinted, suppressed ones left out; None if it is not there in `version`."""
        held = self._documents.get(uri)
        document = held.document if isinstance(held, Parse) else held
        if document is None or document.version != version:
            return None
        return _analysed(held, document, options, self._memory)

    def not_parsed(self, uri: str) -> str | None:
        """Return why a document has no tree, for a person to read; None if it has one or is in no language we know."""
        held = self._documents.get(uri)
        return _tree(held)[1] if isinstance(held, Parse) else None


def analyse(document: Document, options: Options) -> list[Finding]:
    """Return the findings of `document`, as StaticAnalysis would."""
    held = document if by_id(document.language) is None else Parse(document)
    return _analysed(held, document, options, Memory(_REMEMBERED_PIECES))


def _analysed(held: Document | Parse | None, document: Document, options: Options, memory: Memory) -> list[Finding]:
    tree = _tree(held)[0] if isinstance(held, Parse) else None
    subject = Subject(document, tree, options, memory)
    found: list[Finding] = []
    for name in ANALYZERS:
        try:
            found += importlib.import_module(name).findings(subject)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other analyzers go on
            _log.error("%s failed on a text of %d characters: %s", name, len(document), type(error).__name__)
            _log.debug("where it failed", exc_info=True)
    return fingerprinted(document, suppressions.kept(document, found))


def _tree(parse: Parse) -> tuple[SyntaxTree | None, str | None]:
    try:
        return parse.tree(), None
    except NotParsed as reason:
        return None, str(reason)
    except ImportError as error:
        return None, f"the grammar is not installed: {error.name}"
