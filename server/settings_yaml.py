"""A YAML settings file, with the place of every key and value in it.

Read event by event with the safe loader's own resolver: no node is built before its depth is known, nothing is constructed
but texts, numbers, truth values and nothing, and a second definition of a key is seen.

Invariant: no aliases (so no bombs and no cycles), no tags of anybody's own, at most `MAX_EVENTS` events and `MAX_DEPTH` levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from analyzers.document import Span
from server.settings_toml import MAX_DEPTH, MAX_PART, Parsed, Path, Place, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EVENTS = 5_000
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset((_TAG + "bool", _TAG + "int", _TAG + "float", _TAG + "null"))
# The parser in C where the wheel has it: ten times faster, the same events.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _RefusedError(Exception):
    """The file is not read; `span` says where the reason stands."""

    def __init__(self, span: Span, message: str, rule: str = "settings-syntax") -> None:
        super().__init__(message)
        self.trouble = Trouble(span, rule, message)


def parse_yaml(text: str) -> Parsed:
    """Return what `text` holds. Never raises for any text."""
    parsed = Parsed()
    if len(text) > MAX_PART:
        message = f"longer than {MAX_PART // 1024} KiB: not read"
        parsed.troubles.append(Trouble(Span(0, 0), "settings-unreadable", message))
        return parsed
    try:
        values = _Reader(text, parsed).read()
    except _RefusedError as refused:
        parsed.troubles.append(refused.trouble)
        return parsed
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        start = mark.index if mark else 0
        message = f"not valid YAML: {error.problem or error.context}"[:200]
        parsed.troubles.append(Trouble(Span(start, _line_end(text, start)), "settings-syntax", message))
        return parsed
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a control character, a lone surrogate
        at = getattr(error, "position", None)
        start = at if isinstance(at, int) and 0 <= at <= len(text) else 0
        message = "not valid YAML: a character that YAML does not allow"
        parsed.troubles.append(Trouble(Span(start, start + 1), "settings-syntax", message))
        return parsed
    if isinstance(values, dict):
        parsed.values = values
    elif values is not None:
        message = "this must be a mapping of settings, as in `cyclomatic-limit: 15`"
        parsed.troubles.append(Trouble(Span(0, _line_end(text, 0)), "settings-value", message))
    return parsed


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


class _Reader:
    """One walk over the events of a text."""

    def __init__(self, text: str, parsed: Parsed) -> None:
        self._parsed = parsed
        self._resolver: Any = yaml.SafeLoader("")
        self._text = text

    def read(self) -> object:
        events = self._events()
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError(_span(event), "a second YAML document: one is enough")
            elif isinstance(event, yaml.NodeEvent):
                value, _ = self._node(event, events, (), 0)
        return value

    def _events(self) -> Iterator[Any]:
        for count, event in enumerate(yaml.parse(self._text, Loader=_Loader)):
            if count > MAX_EVENTS:
                raise _RefusedError(_span(event), "too many values: not read", "settings-unreadable")
            yield event

    def _node(self, event: Any, events: Iterator[Any], path: Path, depth: int) -> tuple[object, Span]:
        """Return the value that begins with `event`, and where it stands."""
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _RefusedError(_span(event), "anchors and aliases are not read in postil's settings")
        if depth > MAX_DEPTH:
            raise _RefusedError(_span(event), "nested too deep: not read")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event), _span(event)
        if event.tag is not None and not event.implicit:
            raise _RefusedError(_span(event), "tags are not read in postil's settings")
        read = self._mapping if isinstance(event, yaml.MappingStartEvent) else self._sequence
        value, end = read(events, path, depth + 1)
        return value, Span(event.start_mark.index, end)

    def _mapping(self, events: Iterator[Any], path: Path, depth: int) -> tuple[object, int]:
        values: dict[str, object] = {}
        end = 0
        for key in events:
            if isinstance(key, yaml.MappingEndEvent):
                return values, _closed_at(key, end)
            if not isinstance(key, yaml.ScalarEvent):
                raise _RefusedError(_span(key), "a name must be a plain text")
            inner = (*path, key.value)
            twice = key.value in values
            value, span = self._node(next(events), events, inner, depth)
            end = span.end
            if twice:
                message = "this stands in the file a second time: the first one counts"
                self._parsed.troubles.append(Trouble(_span(key), "settings-syntax", message))
                continue
            values[key.value] = value
            self._parsed.places[inner] = Place(_span(key), span)
        return values, end

    def _sequence(self, events: Iterator[Any], path: Path, depth: int) -> tuple[object, int]:
        values: list[object] = []
        end = 0
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                return values, _closed_at(event, end)
            inner = (*path, len(values))
            value, span = self._node(event, events, inner, depth)
            end = span.end
            values.append(value)
            self._parsed.places[inner] = Place(span, span)
        return values, end

    def _scalar(self, event: Any) -> object:
        """Return a text, a number, a truth value or nothing; what YAML would make a date stays a text."""
        tag = event.tag
        if tag is not None and tag != "!" and not tag.startswith(_TAG):
            raise _RefusedError(_span(event), "tags are not read in postil's settings")
        if tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag not in _PLAIN_TAGS:
            return event.value
        try:
            value: object = self._resolver.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, LookupError, OverflowError) as error:  # `!!int text`, a number of 5,000 digits
            raise _RefusedError(_span(event), "this value cannot be read") from error
        return value


def _span(event: Any) -> Span:
    return Span(event.start_mark.index, max(event.end_mark.index, event.start_mark.index))


def _closed_at(event: Any, last: int) -> int:
    """Return where a collection ends: at its bracket, or with its `last` value where it has none."""
    end: int = event.end_mark.index
    return max(end, last) if end > event.start_mark.index else last
