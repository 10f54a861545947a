"""How often valid files get a syntax error: run over folders of well-kept sources, by language.

    python bench/syntax_noise.py FOLDER... [--show N] [--most N]

A file counts once, however many findings it has. `grammar` is how many files tree-sitter finds an error in, `reported` in how
many postil says so. On sources that compile, every one reported is a false alarm.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from analyzers.document import Document
from analyzers.languages import language_of
from analyzers.options import Options
from analyzers.static import analyse
from analyzers.syntax import NotParsed, syntax_tree


def main() -> int:
    """Print one line per language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--show", type=int, default=0, help="how many findings to print for each language")
    parser.add_argument("--most", type=int, default=1500, help="how many files of each language, chosen at random")
    arguments = parser.parse_args()
    files: dict[str, list[Path]] = defaultdict(list)
    for folder in arguments.folders:
        for path in folder.rglob("*"):
            language = language_of(path.name)
            if language is not None and path.is_file() and not path.is_symlink():
                files[language.id].append(path)
    print(f"{'language':16}{'files':>7}{'kLOC':>8}{'refused':>9}{'grammar':>9}{'reported':>10}")
    for language_id, paths in sorted(files.items()):
        random.Random(0).shuffle(paths)
        measure(language_id, paths[: arguments.most], arguments.show)
    return 0


def measure(language: str, paths: list[Path], show: int) -> None:
    """Print the figures of one language."""
    counts = {"files": 0, "lines": 0, "refused": 0, "grammar": 0, "reported": 0}
    shown: list[str] = []
    for path in paths:
        try:
            document = Document(path.as_uri(), 0, language, path.read_bytes().decode())
        except (UnicodeDecodeError, OSError):
            continue
        counts["files"] += 1
        counts["lines"] += len(document.lines)
        try:
            counts["grammar"] += syntax_tree(document).root.has_error
        except NotParsed:
            counts["refused"] += 1
        found = [one for one in analyse(document, Options()) if one.rule == "syntax-error"]
        counts["reported"] += bool(found)
        lines = [document.point(one.span.start).line + 1 for one in found[: max(0, show - len(shown))]]
        shown += [f"    {path}:{line}: {one.message}" for line, one in zip(lines, found, strict=False)]
    figures = (counts["files"], counts["lines"] / 1000, counts["refused"], counts["grammar"], counts["reported"])
    print("{:16}{:>7}{:>8.0f}{:>9}{:>9}{:>10}".format(language, *figures), *shown, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
