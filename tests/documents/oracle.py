"""What an editor does to a text, said as plainly as possible, to compare postil's documents with.

A text is one string. Lines are found by walking over it, positions by counting units one character at a time. Slow, and
meant to be: nothing is kept, so nothing can be out of date.

Invariant: independent of postil's code.
"""

from __future__ import annotations

import random
from typing import Any

Json = Any

ENCODINGS = ("utf-8", "utf-16", "utf-32")
# What may stand in a text: line ends, separators that end no line, characters of one to four bytes, joiners, half characters.
PIECES = [
    "\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r",
    "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00", "\x1f", "\ufeff",
    "a", "b ", "def f():", "\t", "", "x = 1",
    "é", "ß", "日本", "\U0001f600", "\U0001f468\u200d\U0001f469", "e\u0301", "\u200d", "\U0010ffff", "\uffff",
    "\ud83d", "\udc00", "\ud800\ud800",
]  # fmt: skip


def size(character: str, encoding: str) -> int:
    """Return how many units of `encoding` a code point takes."""
    number = ord(character)
    if encoding == "utf-32":
        return 1
    if encoding == "utf-16":
        return 2 if number > 0xFFFF else 1
    return 1 if number < 0x80 else 2 if number < 0x800 else 3 if number < 0x10000 else 4


def line_spans(text: str) -> list[tuple[int, int]]:
    """Return each line's start and its end before its line break, in code points."""
    spans = []
    start = at = 0
    while at < len(text):
        if text[at] == "\r" and text[at + 1 : at + 2] == "\n":
            spans.append((start, at))
            at += 2
            start = at
        elif text[at] in "\r\n":
            spans.append((start, at))
            at += 1
            start = at
        else:
            at += 1
    spans.append((start, len(text)))
    return spans


def offset(text: str, line: int, character: int, encoding: str) -> int:
    """Return the offset that a position means: clamped, and inside a character its start."""
    spans = line_spans(text)
    if line >= len(spans):
        return len(text)
    at, end = spans[line]
    left = character
    while at < end and left >= size(text[at], encoding):
        left -= size(text[at], encoding)
        at += 1
    return at


def applied(text: str, change: Json, encoding: str) -> str:
    """Return `text` after one content change of a didChange notification."""
    if "range" not in change:
        return str(change["text"])
    one, other = change["range"]["start"], change["range"]["end"]
    start = offset(text, one["line"], one["character"], encoding)
    end = offset(text, other["line"], other["character"], encoding)
    start, end = min(start, end), max(start, end)
    return text[:start] + str(change["text"]) + text[end:]


def random_text(chance: random.Random, pieces: int) -> str:
    """Return a text of up to so many pieces."""
    return "".join(chance.choices(PIECES, k=chance.randrange(pieces + 1)))


def random_position(chance: random.Random, text: str, encoding: str) -> Json:
    """Return a position: mostly in the text, at times past a line's end, past the text, or absurd."""
    spans = line_spans(text)
    line = chance.randrange(len(spans))
    start, end = spans[line]
    length = sum(size(character, encoding) for character in text[start:end])
    how = chance.random()
    if how < 0.75:
        return {"line": line, "character": chance.randrange(length + 1)}
    if how < 0.9:
        return {"line": line, "character": length + chance.choice([1, 2, 3, 100, 2**31 - 1])}
    if how < 0.95:
        return {"line": len(spans) + chance.choice([0, 1, 10**6]), "character": chance.choice([0, 1, 500])}
    return {
        "line": chance.choice([line, 2**31 - 1]),
        "character": chance.choice([2**31 - 1, 2**32, 9223372036854776000]),
    }


def random_change(chance: random.Random, text: str, encoding: str, *, longest: int = 400) -> Json:
    """Return a content change for `text`; a text longer than `longest` is mostly made shorter."""
    how = chance.random()
    if how < 0.01:
        return {"text": random_text(chance, 40)}
    start = random_position(chance, text, encoding)
    if how < 0.04 or (len(text) > longest and how < 0.5):
        end = random_position(chance, text, encoding)
    elif how < 0.4:  # a short range, as people make
        end = {
            "line": start["line"] + chance.choice([0, 0, 0, 1]),
            "character": start["character"] + chance.randrange(4),
        }
    else:
        end = dict(start)
    new = random_text(chance, 4) if chance.random() < 0.8 else ""
    return {"range": {"start": start, "end": end}, "text": new}
