"""How one document is analysed: its folder's settings, trust, the project's own ruff configuration, exclusions.

Invariant: an untrusted workspace's ruff configuration is not read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzers.options import Options
from analyzers.ruff_configuration import from_project, own_configuration, project_configuration
from server.convert import path_from_uri
from server.ledger import Plan

if TYPE_CHECKING:
    from analyzers.document import Document
    from server.session import Folder


def plan(document: Document, folder: Folder | None) -> Plan:
    """Return how `document`, which lies in `folder`, is analysed."""
    if folder is None or folder.settings is None:
        return Plan(own_configuration(), Options(syntax_errors=document.language != "python"))
    settings = folder.settings.settings
    path = path_from_uri(document.uri)
    if path is not None and folder.path is not None and _is_excluded(path, folder.path, settings.exclude):
        return Plan(None, Options(), enabled=False)
    ruff = settings.ruff_options()
    options = settings.options()
    if not ruff.enabled:
        return Plan(None, options, settings.ignore, largest=settings.max_file_size)
    if document.language == "python":
        options = replace(options, syntax_errors=False)
    configuration = own_configuration(ruff.select, ruff.extend_select, ruff.ignore)
    may_decide = folder.trusted and ruff.use_project_configuration
    if (
        may_decide
        and path is not None
        and folder.path is not None
        and project_configuration(Path(folder.path), Path(path))
    ):
        configuration = from_project(ruff.extend_select, ruff.ignore)
    return Plan(configuration, options, settings.ignore, largest=settings.max_file_size)


def _is_excluded(path: str, root: str, patterns: tuple[str, ...]) -> bool:
    if not patterns or not path.startswith(root):
        return False
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns).match_file(path[len(root) :].lstrip("/\\"))
