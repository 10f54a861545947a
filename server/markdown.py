"""Untrusted text as Markdown that renders as that text and nothing else.

Names and strings of the analysed code, file names and a model's answers end up in hovers. An image in them would call out, a
`command:` link would run something, a right-to-left override would show other code than there is.

Why code spans and not entities: a metacharacter written as an entity is safe in a CommonMark renderer, but terminal editors
show `&#42;` as it stands, and renderers that look for bare links do so after entities were decoded. A word that is more than
letters and plain punctuation therefore goes into a code span, whose fence is longer than any run of backticks in it: every
renderer shows its content literally, none looks for links in it.

Invariant: the result holds text and code spans (`inline`, `paragraphs`) or one code block (`code_block`), whatever goes in.
"""

from __future__ import annotations

import re
import unicodedata

# A word that means nothing to any Markdown dialect: letters and digits, joined by apostrophe or hyphen, in plain punctuation.
_PLAIN_WORD = re.compile(
    r"""[("']{0,2}                                     # opened
        (?:[^\W_]+(?:['\u2019-][^\W_]+)*               # a word
          |\d+(?:[.,]\d+)+                             # a number
          |(?:[^\W\d_]\.){2,}                          # an abbreviation
        )?
        %?[)"'.,;:?!\u2026]{0,3}                       # closed
    """,
    re.VERBOSE,
)
_LIST_MARKER = re.compile(r"\d{1,9}[.)]")
_DASHES = frozenset(("-", "\u2013", "\u2014"))
_BLANK_LINES = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)\s*")
_BACKTICKS = re.compile("`+")
_LONGEST_RUN = 64  # of backticks: a longer fence than this is nobody's prose
_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def visible(text: str) -> str:
    """Return `text` with each invisible or direction-changing character written as `<U+202E>`.

    Tabs and line breaks stay, and so do the joiners inside emoji. For plain text that a person reads.
    """
    if text.isascii() and text.isprintable():
        return text
    pieces = []
    before = ""
    for character in text:
        hidden = _is_hidden(character, before)
        pieces.append(f"<U+{ord(character):04X}>" if hidden else character)
        before = "" if hidden else character
    return "".join(pieces)


def one_line(text: str, limit: int = 160) -> str:
    """Return `text` as one line of at most `limit` code points, for titles: visible, white space collapsed."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\u2026"


def inline(text: str) -> str:
    """Return untrusted `text` as one line of Markdown: plain words, and everything else in code spans.

    Pairs of single backticks, which tools put round names, become code spans of what they enclose.
    """
    text = visible(" ".join(text.split()))
    return _quoted(text) or _words(text)


def paragraphs(text: str) -> str:
    """Return untrusted `text` as Markdown paragraphs: blank lines stay, everything else is `inline`."""
    return "\n\n".join(inline(paragraph) for paragraph in _BLANK_LINES.split(text.strip()))


def code_block(text: str, language: str = "") -> str:
    """Return untrusted `text` as a fenced code block. `language` is ours, never the text's."""
    text = visible(text)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code_span(text: str) -> str:
    """Return untrusted `text` as one code span; line breaks become spaces. Empty text stays empty."""
    text = visible(" ".join(text.split()))
    if not text:
        return ""
    longest = _longest_run(text)
    if longest > _LONGEST_RUN:
        text = _BACKTICKS.sub(lambda run: run.group()[:_LONGEST_RUN], text)
        longest = _LONGEST_RUN
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _quoted(text: str) -> str:
    """Return `text` with its pairs of single backticks as code spans; the empty string where they are not plain pairs."""
    runs = _BACKTICKS.findall(text)
    if not runs or len(runs) % 2 or any(run != "`" for run in runs):
        return ""
    pieces = text.split("`")
    last = len(pieces) - 1
    result = []
    for index, piece in enumerate(pieces):
        if index % 2:
            if not piece.strip():
                return ""
            result.append(f"`{piece}`")
            continue
        words = _words(piece)
        # Two spans that touch would be one span with other fences.
        if (0 < index < last and not words) or (index > 0 and words[:1] == "`") or (index < last and words[-1:] == "`"):
            return ""
        result.append(words)
    return "".join(result)


def _words(text: str) -> str:
    """Return `text`, which has single spaces and nothing hidden, with its plain words bare and the rest in code spans.

    White space at both ends is kept.
    """
    pieces: list[str] = []
    odd_words: list[str] = []
    words = text.split()
    for position, word in enumerate(words):
        if _is_plain(word, first=position == 0):
            if odd_words:
                pieces.append(code_span(" ".join(odd_words)))
                odd_words = []
            pieces.append(word)
        else:
            odd_words.append(word)
    if odd_words:
        pieces.append(code_span(" ".join(odd_words)))
    if not pieces:
        return text[:1]
    return (" " if text.startswith(" ") else "") + " ".join(pieces) + (" " if text.endswith(" ") else "")


def _is_plain(word: str, *, first: bool) -> bool:
    if first and _LIST_MARKER.fullmatch(word):
        return False
    return _PLAIN_WORD.fullmatch(word) is not None or (word in _DASHES and not first)


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _is_hidden(character: str, before: str) -> bool:
    if character in "\t\n\r":
        return False
    if character in (_JOINER, _EMOJI_STYLE):
        # Part of an emoji, or hiding something.
        after_emoji = before != "" and unicodedata.category(before) in ("So", "Sk")
        return not (after_emoji or (character == _JOINER and before == _EMOJI_STYLE))
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return True
    code = ord(character)
    return 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF or code in (0x115F, 0x1160, 0x3164, 0xFFA0)
