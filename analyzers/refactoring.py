"""What a refactoring of Python answers: edits of files, or why there are none.

Invariant: plain values that cross from the worker process. Lines and columns count from 0, columns in code points.
"""

from __future__ import annotations

import hashlib
import keyword
import unicodedata
from dataclasses import dataclass

from analyzers.text_changes import Change  # noqa: TC001 - msgspec reads the annotations


@dataclass(frozen=True, slots=True)
class FileEdits:
    """Edits of one file, sorted and disjoint. `digest`: SHA-256 of the text that they are for (its UTF-8)."""

    path: str
    edits: tuple[Change, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Refactoring:
    """What a refactoring would change, or why it is `refused`.

    `unsure`: places (path, line, column) where the word stands too and may or may not mean the same: an attribute of an
    object whose class is not known, or a string of that text. `unsure_count` counts them all, `unsure` holds the first.
    """

    files: tuple[FileEdits, ...] = ()
    refused: str = ""
    unsure: tuple[tuple[str, int, int], ...] = ()
    unsure_count: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """The name that a rename would change, and where it stands; or why there is none to rename."""

    line: int = 0
    column: int = 0
    end_column: int = 0
    name: str = ""
    refused: str = ""


class Refused(Exception):
    """The refactoring cannot be done; the message is for the author."""


def check_name(name: str) -> None:
    """Raise Refused unless `name` can be given to something."""
    if not name.isidentifier():
        raise Refused(f"'{name}' is not a name in Python")
    if keyword.iskeyword(name):
        raise Refused(f"'{name}' is a keyword")
    if unicodedata.normalize("NFKC", name) != name:
        raise Refused(f"Python reads '{name}' as '{unicodedata.normalize('NFKC', name)}'")
    if name.startswith("__"):
        raise Refused("names that begin with two underscores mean something else in each class")


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal, as `Document.digest` has it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
