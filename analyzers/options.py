"""What the analyzers may be told: which rules, which limits.

A plain value made from the settings by `server/settings.py`, so that analyzers know nothing of files, scopes or trust, and
so that it can cross to a worker process.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Switches and limits of postil's own analyzers.

    `ignore`: rules that are off. `select`: rules that are on besides the default ones. Names may be a rule or a prefix ending
    in `*`. `cyclomatic_limit` and `cognitive_limit`: a function over it is a finding.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    # Well above what books recommend: at 15 and 25, well-kept packages get 1.3 findings per thousand lines, and nobody acts on
    # that many; at 30 and 50 it is a third of one (docs/noise.md). Who wants the stricter limits sets them.
    cyclomatic_limit: int = 30
    cognitive_limit: int = 50
    syntax_errors: bool = True  # off for Python where ruff runs: it reports them itself
