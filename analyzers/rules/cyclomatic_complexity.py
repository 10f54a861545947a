"""`cyclomatic-complexity`: a function with too many paths to test.

Reported only where `cognitive-complexity` is not: one defect, one finding.
"""

from __future__ import annotations

from analyzers.rules.rule import RuleDoc

DOC = RuleDoc(
    id="cyclomatic-complexity",
    title="A function has too many paths",
    what=(
        "The number of independent paths through the function is over the limit: one, and one more for every `if`, loop, "
        "`except`, `case`, ternary, comprehension, `and` and `or`."
    ),
    why=(
        "The number is how many tests it takes to run every branch once. Functions with many paths are tested in part, and "
        "keep their faults in the rest."
    ),
    bad="""def describe(code):
    if code == 200:
        return "ok"
    elif code == 301:
        return "moved"
    elif code == 404:
        return "not found"
    # ... and so on for twenty more
""",
    good="""DESCRIPTIONS = {200: "ok", 301: "moved", 404: "not found"}


def describe(code):
    return DESCRIPTIONS.get(code, "unknown")
""",
    fix=(
        "Turn a chain of comparisons into a table. Split the function where it does one thing after another. Move a decision "
        "to the place that knows the answer already."
    ),
    link="https://radon.readthedocs.io/en/latest/intro.html#cyclomatic-complexity",
    not_reported=(
        "Code outside functions. The paths of a nested function, which is judged apart. A function that is reported as hard to "
        "follow already: that message names both figures."
    ),
)


def message(name: str, cyclomatic: int, limit: int) -> str:
    """Return the message."""
    return f"{name} has too many paths: cyclomatic complexity {cyclomatic} (limit {limit})"
