"""What broke a child process before, so that it is not sent there again.

A subject is a digest, of a text say; one `Quarantine` belongs to one kind of child, so that a text which is bad for one
tool is still given to the others. A text that broke its child breaks the next one as well, so once is enough; and an edit
makes another digest, so a quarantine ends when the text changes.

Invariant: bounded. The oldest subject is forgotten for the newest.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_SUBJECTS = 512
KILLS_UNTIL_BLAME = 3


class Quarantine:
    """The subjects that broke or hung one kind of child."""

    def __init__(self) -> None:
        """Begin with none."""
        self._blamed: OrderedDict[str, None] = OrderedDict()
        self._kills: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, subject: str) -> bool:
        return subject in self._blamed

    def __len__(self) -> int:
        return len(self._blamed)

    def blame(self, subject: str) -> None:
        """Remember that the child broke, or hung, on `subject`. The empty subject is nobody's."""
        if subject:
            self._blamed[subject] = None
            self._blamed.move_to_end(subject)
            if len(self._blamed) > MAX_SUBJECTS:
                self._blamed.popitem(last=False)

    def killed_from_outside(self, subject: str) -> None:
        """Remember that somebody killed the child while it worked on `subject`.

        Not the subject's fault, unless it happens each time: the system kills who takes too much memory.
        """
        if not subject:
            return
        kills = self._kills.pop(subject, 0) + 1
        if kills >= KILLS_UNTIL_BLAME:
            self.blame(subject)
            return
        self._kills[subject] = kills
        if len(self._kills) > MAX_SUBJECTS:
            self._kills.popitem(last=False)
