"""A bounded memory of results by content, for a process that sees the same functions again and again.

Two generations: what was asked for since the younger one began survives when it is full, the rest is dropped. That is nearly
"least recently used" at the price of a dictionary look-up.

Invariant: it never holds more than `2 * limit` results, and forgetting is never an error.
"""

from __future__ import annotations


class Memory:
    """Results by key. Values must be immutable: they are handed out again."""

    __slots__ = ("_old", "_young", "limit")

    def __init__(self, limit: int) -> None:
        """Keep at least the last `limit` results asked for or added."""
        self.limit = limit
        self._young: dict[object, object] = {}
        self._old: dict[object, object] = {}

    def __len__(self) -> int:
        """How many results are held."""
        return len(self._young) + len(self._old)

    def get(self, key: object) -> object | None:
        """Return the result of `key`, or None."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: object, result: object) -> None:
        """Remember `result`, which is not None."""
        if len(self._young) >= self.limit:
            self._old = self._young
            self._young = {}
        self._young[key] = result
