"""What is wrong with this text? Pure functions from a document to findings.

Invariant: nothing here knows of LSP, files, settings or the network, and nothing here imports `server`.
"""

# Each is a module with a function `findings(subject)`, run in this order by `analyzers/static.py`. Names and not functions:
# whoever imports anything of this package imports this file, and the server does before it answers `initialize`.
ANALYZERS: tuple[str, ...] = (
    "analyzers.syntax_errors",
    "analyzers.complexity",
)
