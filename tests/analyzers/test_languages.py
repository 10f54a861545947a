"""The table of languages agrees with the grammars, and names files as editors do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from analyzers import syntax
from analyzers.document import Document
from analyzers.languages import LANGUAGES, Language, by_id, language_of


def kinds_of(language: Language) -> set[str]:
    groups = [
        language.comments, language.functions, language.classes, language.namespaces, language.wrappers, language.imports
    ]  # fmt: skip
    if (branching := language.branching) is not None:
        groups += [
            branching.decisions,
            branching.ifs,
            branching.else_ifs,
            branching.elses,
            branching.nesting,
            branching.mccabe,
        ]
        groups += [branching.jumps, branching.logical, branching.closures, branching.calls]
    return {kind for group in groups for entry in group.split() for kind in entry.split("<")}


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.id)
def test_the_grammar_knows_every_kind(language: Language) -> None:
    unknown = {kind for kind in kinds_of(language) if not syntax.kind_ids(language, kind)}
    # Kinds of ours that default to what most grammars have, and that a grammar without it need not have.
    assert unknown - {"comment"} == set()
    assert "comment" not in unknown or language.id == "java" or language.comments != "comment"


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.id)
def test_the_grammar_parses(language: Language) -> None:
    assert syntax.syntax_tree(Document("", 0, language.id, "")).root.end_byte == 0


def test_names_are_unambiguous() -> None:
    names = [name for one in LANGUAGES for name in (one.id, *one.aliases)]
    assert len(names) == len(set(names))
    suffixes = [suffix for one in LANGUAGES for suffix in (*one.suffixes, *one.names)]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() for suffix in suffixes)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a.py", "python"), ("/x/a.PYI", "python"), ("a.tsx", "typescriptreact"), ("a.d.ts", "typescript"), ("a.jsx", "javascript"),
        ("C:\\x\\a.min.js", "javascript"), ("x/tsconfig.json", "jsonc"), ("package.json", "json"), ("a.h", "c"), ("a.hpp", "cpp"),
        ("Rakefile", "ruby"), ("a.sh", "shellscript"), (".bashrc", "shellscript"), ("Cargo.lock", "toml"), ("b.yml", "yaml"),
    ],
)  # fmt: skip
def test_files_by_name(path: str, language: str) -> None:
    found = language_of(path)
    assert found is not None
    assert found.id == language


@pytest.mark.parametrize("path", ["README", "a.txt", ".py", "py", "a.py/b", "", "a.", "/"])
def test_files_in_no_language(path: str) -> None:
    assert language_of(path) is None


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("javascriptreact", "javascript"),
        ("typescriptreact", "typescriptreact"),
        ("Python", "python"),
        ("bash", "shellscript"),
    ],
)
def test_editors_names(name: str, language: str) -> None:
    found = by_id(name)
    assert found is not None
    assert found.id == language
    assert by_id("plaintext") is None


def test_the_table_is_cheap_to_import() -> None:
    code = "import sys; import analyzers.languages; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "analyzers.languages" in loaded
    assert not [
        name for name in loaded if name.startswith(("tree_sitter", "pydantic", "analyzers.syntax", "dataclasses"))
    ]
