"""`cognitive-complexity`: a function that is hard to follow.

The default limit is chosen for quiet: see `docs/noise.md` for what it reports in well-kept packages.
"""

from __future__ import annotations

from analyzers.rules.rule import RuleDoc

DOC = RuleDoc(
    id="cognitive-complexity",
    title="A function is hard to follow",
    what=(
        "The function's cognitive complexity is over the limit. Each break in the linear flow (`if`, loops, `except`, a run of "
        "`and` or `or`, recursion) costs one, and one more for every level it is nested in."
    ),
    why=(
        "Every level is something a reader has to keep in mind while reading the next line. Deeply nested code is where "
        "reviewers stop checking every path, and where changes break a case nobody thought of."
    ),
    bad="""def total(orders, user):
    result = 0
    for order in orders:
        if order.paid:
            for line in order.lines:
                if line.quantity > 0:
                    if user.is_member and line.discount:
                        result += line.price * line.quantity * line.discount
                    else:
                        result += line.price * line.quantity
    return result
""",
    good="""def total(orders, user):
    return sum(line_price(line, user) for line in paid_lines(orders))


def paid_lines(orders):
    return (line for order in orders if order.paid for line in order.lines if line.quantity > 0)


def line_price(line, user):
    price = line.price * line.quantity
    return price * line.discount if user.is_member and line.discount else price
""",
    fix=(
        "Return or continue early instead of nesting. Move the body of an inner loop or of a long branch into a function with "
        "a name. Name a long condition. Replace a chain of `elif` on one value by a dictionary or `match`."
    ),
    link="https://www.sonarsource.com/resources/cognitive-complexity/",
    not_reported=(
        "Code outside functions. A function whose complexity is that of an inner function which is reported itself. In "
        "JavaScript and TypeScript, a function that only holds other functions: those are judged one by one."
    ),
)


def message(name: str, cognitive: int, limit: int, cyclomatic: int | None = None, cyclomatic_limit: int = 0) -> str:
    """Return the message; with `cyclomatic` when that is over its limit too."""
    text = f"{name} is hard to follow: cognitive complexity {cognitive} (limit {limit})"
    return text if cyclomatic is None else f"{text}, cyclomatic complexity {cyclomatic} (limit {cyclomatic_limit})"
