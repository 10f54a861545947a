"""What a rule means: the explanation behind a code, for hovers, SARIF and the terminal.

ruff explains its rules itself (`ruff rule CODE --output-format json`), in our own binary, so the words fit the version that
found the finding and nothing is fetched. Our own rules' words are in `analyzers/rules/`. Both become a `RuleHelp`, cut to
what fits on a screen: what, why, an example, the same mended, a link.

Why one process for one rule: an answer takes 4 ms, all rules are 1.6 MB, and an editor asks for a handful. A report, which
names many rules, reads all of them at once.

Invariant: nothing from the analysed code gets in here, so the Markdown is ours and is not escaped.
Invariant: a code is a code before it is an argument of a command line.
"""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from analyzers.processes import kill_group, spawn
from analyzers.ruff_binary import ruff_binary
from analyzers.ruff_rules import RULE_URL, cwe_of
from analyzers.rules import rule_doc

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

LIMIT = 5.0  # seconds for ruff to explain a rule
_LONGEST_WHAT = 400  # code points of prose, cut at a paragraph
_LONGEST_WHY = 700
_LONGEST_EXAMPLE = 24  # lines
_MANY = 4  # rules; from here on it is cheaper to read all
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,79}")
_HEADING = re.compile(r"## +(?P<title>.*?):?\s*")
_FENCE = re.compile(r"(?P<fence>```+|~~~+)(?P<language>\w*)\s*")
_FENCE_LINE = re.compile(r"^[\s>]*(?:```|~~~).*$", re.MULTILINE)
_DEFINITION = re.compile(r"\[(?P<name>[^\]]+)\]: +(?P<url>\S+)\s*")
_INLINE_LINK = re.compile(r"\[(?P<text>(?:`[^`]*`|[^\]`])+)\]\(https?://[^)\s]*\)")
_REFERENCE = re.compile(
    r"(?P<code>`[^`]*`)"  # brackets inside are the code's
    r"|(?<![\w\]])\[(?P<text>(?:`[^`]*`|[^\]`])+)\](?:\[[^\]]*\])?(?!\()"
)
_EMPHASIS = re.compile(r"\*\*|(?<!\w)[_*](?=\S)|(?<=\S)[_*](?!\w)")
_SYNTAX_ERROR = "invalid-syntax"


@dataclass(frozen=True, slots=True)
class RuleHelp:
    """One rule in words. `bad` and `good` are code in `language`, the other texts are Markdown prose.

    `title` is the rule's name in words; `cwe` the weakness's number. What is not known is empty.
    """

    code: str
    source: str
    title: str
    what: str
    why: str = ""
    bad: str = ""
    good: str = ""
    fix: str = ""
    fix_safety: str = ""
    not_reported: str = ""
    url: str = ""
    language: str = "python"
    cwe: int | None = None

    @property
    def text(self) -> str:
        """The whole as Markdown."""
        return self.written(markdown=True)

    @property
    def plain(self) -> str:
        """The whole as plain text."""
        return self.written(markdown=False)

    def written(self, *, markdown: bool) -> str:
        """Return the whole as Markdown or as plain text."""
        return "\n\n".join(part for part in self._parts(markdown=markdown) if part)

    def summary(self, *, markdown: bool) -> str:
        """Return the first paragraph of what the rule is about."""
        first = self.what.partition("\n\n")[0]
        return first if markdown else _without_markup(first)

    def _parts(self, *, markdown: bool) -> list[str]:
        prose = str if markdown else _without_markup
        strong = "**" if markdown else ""
        return [
            prose(self.what),
            f"{strong}Why{strong}: {prose(self.why)}" if self.why else "",
            f"{strong}Example{strong}\n{_code(self.bad, self.language, markdown=markdown)}" if self.bad else "",
            f"{strong}Better{strong}\n{_code(self.good, self.language, markdown=markdown)}" if self.good else "",
            f"{strong}How to fix{strong}: {prose(self.fix)}" if self.fix else "",
            f"{strong}Fix safety{strong}: {prose(self.fix_safety)}" if self.fix_safety else "",
            f"{strong}Not reported{strong}: {prose(self.not_reported)}" if self.not_reported else "",
        ]


class _Explanation(msgspec.Struct):
    """One rule, in ruff's words."""

    name: str
    explanation: str = ""
    summary: str = ""
    code: str | None = None


_ONE = msgspec.json.Decoder(_Explanation)
_ALL = msgspec.json.Decoder(list[_Explanation])


class RuleDocs:
    """The explanations asked for so far. Must be used from the main thread, which starts ruff."""

    def __init__(self) -> None:
        self._known: dict[str, RuleHelp | None] = {}

    def known(self, code: str) -> RuleHelp | None:
        """Return the explanation of `code` if no process is needed for it."""
        return self._known.get(code) or _own(code)

    async def fetch(self, code: str) -> RuleHelp | None:
        """Return the explanation of `code`, or None. ruff is waited for in a thread, which costs the loop nothing."""
        if not self._is_settled(code):
            child = _ask_ruff(code)
            output = await asyncio.to_thread(_answer, child) if child is not None else b""
            self._known[code] = _decoded(code, output)
        return self._known[code]

    def get(self, code: str) -> RuleHelp | None:
        """Return the explanation of `code`, or None. Waits for ruff: for the terminal, not for the server's loop."""
        if not self._is_settled(code):
            child = _ask_ruff(code)
            self._known[code] = _decoded(code, _answer(child) if child is not None else b"")
        return self._known[code]

    def get_all(self, codes: Iterable[str]) -> dict[str, RuleHelp]:
        """Return the explanations of `codes`, as far as there are any. Waits for ruff."""
        wanted = list(dict.fromkeys(codes))
        missing = [code for code in wanted if not self._is_settled(code)]
        if len(missing) >= _MANY:
            child = _spawned(["--all"])
            explanations = _explanations(_answer(child) if child is not None else b"")
            # ruff's preview calls rules by their names, and new ones have no code at all.
            by_code = {name: one for one in explanations for name in (one.name, one.code) if name}
            for code in missing:
                self._known[code] = _help(code, by_code[code]) if code in by_code else None
        found = {code: self.get(code) for code in wanted}
        return {code: one for code, one in found.items() if one is not None}

    def _is_settled(self, code: str) -> bool:
        if code not in self._known:
            own = _own(code)
            if own is not None:
                self._known[code] = own
        return code in self._known


@lru_cache(maxsize=256)
def rule_help(code: str) -> RuleHelp | None:
    """Return the explanation of a rule, ruff's or ours; None where there is none. Waits for ruff, from the main thread."""
    return RuleDocs().get(code)


def rule_helps(codes: Iterable[str]) -> dict[str, RuleHelp]:
    """Return the explanations of several rules, by code, with at most a handful of processes. Waits as `rule_help`."""
    return RuleDocs().get_all(codes)


def _own(code: str) -> RuleHelp | None:
    """Return the words of one of our own rules, or of what is no rule: a syntax error."""
    doc = rule_doc(code)
    if doc is not None:
        return RuleHelp(
            code=doc.id,
            source="postil",
            title=doc.title,
            what=doc.what,
            why=doc.why,
            bad=doc.bad.strip("\n"),
            good=doc.good.strip("\n"),
            fix=doc.fix,
            not_reported=doc.not_reported,
            url=doc.link,
            language=doc.language,
            cwe=doc.cwe,
        )
    if code == _SYNTAX_ERROR:
        return RuleHelp(
            code=code,
            source="ruff",
            title="invalid syntax",
            what="The text is not valid Python here, so nothing after this place can be checked with certainty.",
            fix="Look at the place named, and at the line before it: an open bracket or quote is noticed late.",
        )
    return None


def _ask_ruff(code: str) -> subprocess.Popen[bytes] | None:
    return _spawned([code]) if _CODE.fullmatch(code) else None


def _spawned(arguments: list[str]) -> subprocess.Popen[bytes] | None:
    try:
        return spawn([ruff_binary(), "rule", *arguments, "--output-format", "json"])
    except OSError:
        return None  # no ruff: no explanation, and other parts of postil say so


def _answer(child: subprocess.Popen[bytes]) -> bytes:
    """Return what `child` wrote; nothing if it failed or took too long."""
    timer = threading.Timer(LIMIT, kill_group, (child,))
    timer.daemon = True
    timer.start()
    try:
        output, _ = child.communicate()
    finally:
        timer.cancel()
    return output if child.returncode == 0 else b""


def _decoded(code: str, output: bytes) -> RuleHelp | None:
    if not output:
        return None
    try:
        return _help(code, _ONE.decode(output))
    except msgspec.DecodeError:
        return None


def _explanations(output: bytes) -> list[_Explanation]:
    try:
        return _ALL.decode(output) if output else []
    except msgspec.DecodeError:
        return []


def _help(code: str, explanation: _Explanation) -> RuleHelp:
    """Return ruff's explanation cut down to what is worth reading in a hover."""
    sections = _sections(explanation.explanation)
    example = sections.get("Example", sections.get("Examples", ""))
    bad, language = _first_block(example.partition("Use instead:")[0])
    good, _ = _first_block(example.partition("Use instead:")[2])
    return RuleHelp(
        code=code,
        source="ruff",
        title=explanation.name.replace("-", " "),
        what=_prose(sections.get("What it does", explanation.summary), _LONGEST_WHAT),
        why=_prose(sections.get("Why is this bad?", ""), _LONGEST_WHY),
        bad=bad,
        good=good,
        fix_safety=_prose(sections.get("Fix safety", sections.get("Fix Safety", "")), _LONGEST_WHAT),
        url=f"{RULE_URL}{explanation.name}",
        language=language,
        cwe=cwe_of(code),
    )


def _sections(text: str) -> dict[str, str]:
    """Return the text below each second-level heading. A `##` inside a code block is a comment and no heading."""
    sections: dict[str, list[str]] = {}
    lines = sections.setdefault("", [])
    fence = ""
    for line in text.splitlines():
        opening = _FENCE.fullmatch(line)
        if opening and (not fence or opening["fence"] == fence):
            fence = "" if fence else opening["fence"]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading:
            lines = sections.setdefault(heading["title"], [])
        elif fence or not _DEFINITION.fullmatch(line):
            lines.append(line)
    return {title: "\n".join(lines).strip() for title, lines in sections.items()}


def _prose(text: str, limit: int) -> str:
    """Return whole paragraphs of `text`, the first one always, then as many as fit in `limit` code points.

    Code blocks end it: what leads to one makes no sense without it. References become their words, for what they refer to
    is at the end of ruff's page.
    """
    taken: list[str] = []
    length = 0
    for paragraph in re.split(r"\n\s*\n", _FENCE_LINE.split(text, maxsplit=1)[0].strip()):
        if taken and length + len(paragraph) > limit:
            break
        taken.append(paragraph)
        length += len(paragraph)
    while len(taken) > 1 and taken[-1].rstrip().endswith(":"):
        taken.pop()
    return _REFERENCE.sub(lambda match: match["code"] or match["text"], "\n\n".join(taken)).strip()


def _first_block(text: str) -> tuple[str, str]:
    """Return the first code block of `text`, cut to a few lines, and its language."""
    code: list[str] = []
    fence = language = ""
    for line in text.splitlines():
        mark = _FENCE.fullmatch(line)
        if fence and mark and mark["fence"] == fence:
            break
        if fence:
            code.append(line)
        elif mark:
            fence, language = mark["fence"], mark["language"]
    if len(code) > _LONGEST_EXAMPLE:
        code = [*code[:_LONGEST_EXAMPLE], "..."]
    return "\n".join(code).strip("\n"), {"": "python", "py": "python", "pyi": "python"}.get(language, language)


def _code(code: str, language: str, *, markdown: bool) -> str:
    if markdown:
        return f"```{language}\n{code}\n```"
    return "\n".join(f"    {line}" if line else "" for line in code.splitlines())


def _without_markup(text: str) -> str:
    """Return our own Markdown prose as plain text: links as their words, no code marks, no emphasis."""
    pieces = _INLINE_LINK.sub(lambda match: match["text"], text).split("`")
    return "".join(piece if odd % 2 else _EMPHASIS.sub("", piece) for odd, piece in enumerate(pieces))
