"""Which of ruff's rules are on when nobody says otherwise, and how bad each one is.

The selection is meant to be quiet: a rule is in it when what it reports is almost always a defect, or dead code that is safe
to remove. It was chosen from ruff's documentation and then measured on well-kept packages (`docs/noise.md` has the figures
and the command). A rule whose hits there were all deliberate is out, however sensible it sounds: useless expressions (B018:
19 hits, all of them attribute accesses made for their effect), caches on methods (B019), star imports (F403, F405), bare
`raise` outside a handler (PLE0704), arguments redefined by a loop (PLR1704), `subprocess.run` without `check` (PLW1510).

Invariant: pure data and lookups in it. No file, no process.
"""

from __future__ import annotations

from typing import Final

from analyzers.finding import Category, Severity

RULE_URL = "https://docs.astral.sh/ruff/rules/"

DEFAULT_SELECT: Final = (
    # Pyflakes: undefined and unused names, broken formats, unreachable handlers.
    "F",
    # Files that cannot be read or parsed.
    "E9",
    # `== None`, a bare `except` that also catches Ctrl-C, an escape that Python will refuse one day.
    *("E711", "E722", "W605"),
    # The bugs of flake8-bugbear that are bugs wherever they stand.
    *("B002", "B003", "B004", "B005", "B006", "B012", "B014", "B015", "B016", "B017", "B021", "B022", "B023", "B025"),
    *("B029", "B030", "B031", "B032", "B033", "B034", "B035", "B039"),
    # What blocks or breaks an event loop.
    *("ASYNC100", "ASYNC105", "ASYNC210", "ASYNC212", "ASYNC221", "ASYNC222", "ASYNC250", "ASYNC251", "RUF006"),
    # `utcnow` and `utcfromtimestamp`, whose results lie about their time zone.
    *("DTZ003", "DTZ004"),
    # Pylint's errors, and those of its warnings that are certain.
    "PLE",
    *("PLW0120", "PLW0127", "PLW0128", "PLW0129", "PLW0131", "PLW0133", "PLW0177", "PLW0211", "PLW0245", "PLW0406"),
    *("PLW0602", "PLW0604", "PLW0642", "PLW0711", "PLW1501", "PLW1507", "PLW1508", "PLW1509", "PLW2101"),
    *("PLR0124", "PLR0133", "PLR0206", "PLR1708", "PLC0131", "PLC0132"),
    # Dataclasses, decimals, asserts and containers that do not do what they seem to.
    *("RUF008", "RUF009", "RUF016", "RUF018", "RUF020", "RUF024", "RUF026", "RUF030", "RUF032", "RUF033", "RUF034"),
    *("RUF040", "RUF048", "RUF049", "RUF053", "RUF060", "RUF064", "RUF068", "RUF071"),
    # Logging calls that raise, or log nothing.
    *("LOG001", "LOG002", "LOG004", "LOG007", "LOG014", "G010", "G101"),
    # Classes and conditions that contradict themselves.
    *("PIE794", "PIE796", "SIM107", "SIM220", "SIM221", "SIM222", "SIM223"),
    # Version checks that go wrong with Python 3.10, forgotten debuggers, translations of text that is formatted already.
    *("YTT", "T10", "INT"),
    # What NumPy removed; tests that test nothing; routes whose parameter never arrives; receivers that never fire.
    *("NPY001", "NPY003", "NPY201", "PD007", "PGH005", "PT010", "PT014", "PT025", "PT028", "FAST003", "DJ013"),
    # Imports for type checkers that are needed at run time.
    *("TC004", "TC007", "TC010"),
    # A `#!` line that the system does not see.
    *("EXE003", "EXE005"),
)

DEFAULT_IGNORE: Final = (
    "F403",
    "F405",
    # `__all__ += module.__all__` is a usual way to put a package together, and is taken for a wrong format.
    "PLE0605",
    "PLE0704",
)

# Files whose business is to import names for others.
DEFAULT_PER_FILE_IGNORES: Final = (
    ("__init__.py", "F401"),
    ("__init__.pyi", "F401"),
    ("compat.py", "F401"),
    ("_compat.py", "F401"),
    ("conftest.py", "F401"),
)

SYNTAX_ERROR: Final = "syntax-error"  # the rule's id in postil, whoever found the error

# The program ends, or this line of it fails, as soon as it is reached.
_ERRORS: Final = (
    *(
        "syntax-error",
        "E9",
        "PLE",
        "F50",
        "F521",
        "F524",
        "F62",
        "F633",
        "F634",
        "F70",
        "F82",
        "B016",
        "B030",
        "B035",
    ),
    *("ASYNC105", "RUF016", "RUF033", "TC004", "TC007", "TC010", "G101", "NPY001", "NPY201"),
)

# The longest prefix of a code decides.
_CATEGORIES: Final = {
    "syntax-error": Category.SYNTAX,
    "E9": Category.SYNTAX,
    "F": Category.BUG,
    "F401": Category.SMELL,
    "F541": Category.SMELL,
    "F811": Category.SMELL,
    "F841": Category.SMELL,
    "F842": Category.SMELL,
    "B": Category.BUG,
    "ASYNC": Category.BUG,
    "DTZ": Category.BUG,
    "PLE": Category.BUG,
    "PLE25": Category.SECURITY,
    "PLW": Category.BUG,
    "PLR0124": Category.BUG,
    "PLR0133": Category.BUG,
    "PLR0206": Category.BUG,
    "PLR1708": Category.BUG,
    "PLC013": Category.BUG,
    "PD007": Category.BUG,
    "PT010": Category.BUG,
    "PT025": Category.BUG,
    "EXE": Category.BUG,
    "RUF": Category.BUG,
    "LOG": Category.BUG,
    "G": Category.BUG,
    "PIE794": Category.BUG,
    "PIE796": Category.BUG,
    "SIM107": Category.BUG,
    "SIM22": Category.BUG,
    "YTT": Category.BUG,
    "INT": Category.BUG,
    "NPY": Category.BUG,
    "PGH005": Category.BUG,
    "FAST": Category.BUG,
    "DJ": Category.BUG,
    "TC004": Category.BUG,
    "TC007": Category.BUG,
    "TC010": Category.BUG,
    "W605": Category.BUG,
    "E711": Category.BUG,
    "E722": Category.BUG,
    "S": Category.SECURITY,
    "SIM": Category.SMELL,
    "SLF": Category.SMELL,
    "SLOT": Category.SMELL,
    "E": Category.STYLE,
    "W": Category.STYLE,
    "D": Category.STYLE,
    "N": Category.STYLE,
    "I": Category.STYLE,
    "Q": Category.STYLE,
    "COM": Category.STYLE,
    "CPY": Category.STYLE,
    "ANN": Category.STYLE,
    "DOC": Category.STYLE,
}

# Weaknesses, for those who switch ruff's security rules on: CWE's own entries for what each rule describes.
_WEAKNESSES: Final = {
    "PLE25": 1007,  # insufficient visual distinction of homoglyphs: invisible and reordering characters
    "S102": 95,
    "S104": 1327,
    "S105": 798,
    "S106": 798,
    "S107": 798,
    "S108": 377,
    "S113": 400,
    "S301": 502,
    "S302": 502,
    "S306": 377,
    "S307": 95,
    "S311": 338,
    "S323": 295,
    "S324": 328,
    "S501": 295,
    "S506": 502,
    "S602": 78,
    "S604": 78,
    "S605": 78,
    "S606": 78,
    "S608": 89,
    "S701": 79,
}

_UNNECESSARY: Final = frozenset({"F401", "F811", "F841", "F842", "RUF059", "RUF100"})


def severity_of(code: str) -> Severity:
    """Return how bad a finding of the rule `code` is: an error where the program cannot go on, a warning otherwise."""
    # Reordering characters stand in honest right-to-left text as well; the program runs on with them.
    return Severity.ERROR if code.startswith(_ERRORS) and not code.startswith("PLE25") else Severity.WARNING


def category_of(code: str) -> Category:
    """Return what kind of trouble the rule `code` is about."""
    for length in range(len(code), 0, -1):
        found = _CATEGORIES.get(code[:length])
        # A prefix ends where the letters end: `S` is not `SIM`, whose rules are looked up by their own name.
        if found is not None and not (code[:length].isalpha() and code[length : length + 1].isalpha()):
            return found
    return Category.SMELL


def cwe_of(code: str) -> int | None:
    """Return the number of the weakness that the rule `code` is about, where there is one."""
    for length in range(len(code), 0, -1):
        if code[:length] in _WEAKNESSES:
            return _WEAKNESSES[code[:length]]
    return None


def is_unnecessary(code: str) -> bool:
    """Return whether what the rule reports is code that could be left out (editors show it faded)."""
    return code in _UNNECESSARY


def is_selector(name: str) -> bool:
    """Return whether `name` is a rule or a family of ruff's (`F401`, `PLE`, `ALL`), by its form."""
    letters = name.rstrip("0123456789")
    return letters.isalpha() and letters.isupper() and letters.isascii()


def selects(selector: str, code: str) -> bool:
    """Return whether ruff's `selector` covers the rule `code`: `F` covers `F401` and not `FAST003`."""
    if selector == "ALL":
        return True
    digits = "0123456789"
    family = selector.rstrip(digits)
    same_family = code.rstrip(digits) == family or (family == "PL" and code.startswith("PL"))
    return is_selector(selector) and same_family and code.startswith(selector)
