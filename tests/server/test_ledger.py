"""A finding that an edit leaves alone stays on its text, and one that an edit touches is gone."""

from __future__ import annotations

import random

from analyzers.document import Document, Point, Span
from analyzers.finding import Category, Finding, Severity
from analyzers.options import Options
from server.ledger import OwnFinding, Plan, Tracked, follow
from server.session import Change

ALPHABET = "ab \n\r\t\x0c\u2028é𝒳"


def text(generator: random.Random, longest: int) -> str:
    return "".join(generator.choice(ALPHABET) for _ in range(generator.randrange(longest)))


def placed(document: Document, span: Span) -> OwnFinding:
    finding = Finding("rule", "postil", span, Severity.INFO, Category.SMELL, document.slice(span))
    return OwnFinding(finding, document.point(span.start), document.point(span.end))


def moved(document: Document, spans: list[Span], change: Change) -> tuple[Document, list[OwnFinding]]:
    tracked = Tracked(document.uri, document, Plan(None, Options()))
    tracked.own = [placed(document, span) for span in spans]
    tracked.document = document.replaced(change.start, change.end, change.text, 2)
    follow(tracked, document, (change,))
    return tracked.document, tracked.own


def test_moved_findings_mark_the_same_text() -> None:
    """20,000 edits of texts with every kind of line break, each with three findings."""
    generator = random.Random(11)
    kept = 0
    for _ in range(20_000):
        document = Document("file:///a.py", 1, "python", text(generator, 60))
        size = len(document)
        ends = sorted((generator.randint(0, size), generator.randint(0, size)))
        change = Change(*(document.clamp(document.point(end)) for end in ends), text(generator, 8))
        spans = []
        for _ in range(3):
            places = [document.offset(document.point(generator.randint(0, size))) for _ in range(2)]
            spans.append(Span(min(places), max(places)))
        after, findings = moved(document, spans, change)
        for one in findings:
            start, end = after.offset(one.start), after.offset(one.end)
            assert after.slice(Span(start, end)) == one.finding.message, (document.text, change, one)
            kept += 1
    assert kept > 15_000


def test_an_edit_inside_a_finding_drops_it() -> None:
    document = Document("file:///a.py", 1, "python", "one two three\n")
    _, findings = moved(document, [Span(4, 7)], Change(Point(0, 5), Point(0, 6), "W"))
    assert findings == []


def test_an_edit_beside_a_finding_leaves_it() -> None:
    document = Document("file:///a.py", 1, "python", "one two three\n")
    for change in (Change(Point(0, 0), Point(0, 3), "longer\n"), Change(Point(0, 7), Point(0, 7), "!")):
        after, findings = moved(document, [Span(4, 7)], change)
        places = [(after.offset(one.start), after.offset(one.end)) for one in findings]
        assert [after.text[start:end] for start, end in places] == ["two"]


def test_an_edit_of_a_line_that_the_editor_marks_is_noted() -> None:
    document = Document("file:///a.py", 1, "python", "one\ntwo\nthree\n")
    for change, noted in ((Change(Point(0, 0), Point(0, 1), "x"), False), (Change(Point(0, 3), Point(1, 0), ""), True)):
        tracked = Tracked(document.uri, document, Plan(None, Options()), published_ranges=((1, 1),))
        tracked.document = document.replaced(change.start, change.end, change.text, 2)
        follow(tracked, document, (change,))
        assert tracked.touched is noted
