"""Where our own ruff is: the binary that was installed with postil, and no other."""

from __future__ import annotations

import os
import sysconfig


def ruff_binary() -> str:
    """Return the absolute path of the ruff that came with postil. Raises FileNotFoundError.

    Only the scripts folder of the running interpreter is looked at: never PATH, never the workspace.
    """
    name = "ruff" + (sysconfig.get_config_var("EXE") or "")
    for scheme in (None, sysconfig.get_preferred_scheme("user")):
        folder = sysconfig.get_path("scripts") if scheme is None else sysconfig.get_path("scripts", scheme=scheme)
        path = os.path.join(os.path.abspath(folder), name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    message = f"no {name} beside the running Python; reinstall postil"
    raise FileNotFoundError(message)
