"""Make the pictures of the documentation: a real Neovim and a real terminal report, on real code, as a person sees them.

    python3 dev.py pictures

Needs tmux, aha, chromium and the font DejaVu Sans Mono (on Debian: tmux aha chromium fonts-dejavu-core), and Neovim 0.11 as
`POSTIL_NVIM` or on the PATH. The code shown is a copy of an installed package; nothing is drawn by hand.

Invariant: writes the two pictures beside this file, and otherwise only into a folder that is removed again.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
POSTIL = Path(sys.prefix) / "bin" / "postil"
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: {background}; }}
pre {{ margin: 0; padding: {padding}px; color: #e0e2ea; font: {size}px/{line}px "DejaVu Sans Mono"; }}
span {{ padding: 0.3px 0; }}
</style><pre>{content}</pre>"""
SIZE, LINE, PADDING = 15, 18, 16  # CSS pixels; a line as high as the font, so that frames and backgrounds join
ADVANCE = 0.602  # of DejaVu Sans Mono, in em
BACKGROUND = "#14161b"  # Neovim's own dark background
# aha's names for the terminal's sixteen colours, and shades of them that are readable on it.
SHADES = {
    "red": "#ff6b6b",
    "lime": "#8fd694",
    "green": "#8fd694",
    "yellow": "#f0c674",
    "olive": "#f0c674",
    "#3333FF": "#7aa2f7",
    "blue": "#7aa2f7",
    "fuchsia": "#c099ff",
    "purple": "#c099ff",
    "aqua": "#7fdbca",
    "teal": "#7fdbca",
    "dimgray": "#7d828c",
}
INIT = """
vim.lsp.config("postil", {{
  cmd = {{ "{postil}", "serve" }},
  filetypes = {{ "python" }},
  root_markers = {{ "pyproject.toml", ".git" }},
}})
vim.lsp.enable("postil")
vim.opt.shortmess:append("I")
vim.opt.number, vim.opt.signcolumn, vim.opt.swapfile, vim.opt.showmode, vim.opt.ruler = true, "yes", false, false, false
vim.opt.termguicolors, vim.opt.background, vim.opt.laststatus, vim.opt.cmdheight = true, "dark", 0, 0
vim.opt.fillchars, vim.opt.wrap, vim.opt.scrolloff = {{ eob = " " }}, false, 0
vim.diagnostic.config({{ virtual_text = {{ prefix = "●", spacing = 2 }}, severity_sort = true }})
vim.keymap.set("n", "K", function() vim.lsp.buf.hover({{ border = "rounded", max_width = 84 }}) end)
"""


class Terminal:
    """A tmux server of its own, with one window of `columns` x `rows`."""

    def __init__(self, columns: int, rows: int, folder: Path, command: str) -> None:
        self.columns = columns
        self._tmux = ["tmux", "-L", f"postil-pictures-{os.getpid()}", "-f", "/dev/null"]
        size = ["-x", str(columns), "-y", str(rows)]
        environment = "env LC_ALL=C.UTF-8 TERM=tmux-256color COLORTERM=truecolor"
        self._call("new-session", "-d", "-s", "shown", *size, "-c", str(folder), f"{environment} {command}; sleep 60")
        self._call("set-option", "-g", "status", "off")
        self._call("resize-window", "-t", "shown", *size)

    def _call(self, *arguments: str) -> str:
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [*self._tmux, *arguments], check=True, capture_output=True, text=True, encoding="utf-8", env=environment
        ).stdout

    def keys(self, *keys: str) -> None:
        """Type."""
        self._call("send-keys", "-t", "shown", *keys)

    def wait_for(self, text: str, limit: float = 30) -> None:
        """Wait, at most `limit` seconds, until `text` is on the screen."""
        deadline = time.monotonic() + limit
        while text not in (screen := self._call("capture-pane", "-p", "-t", "shown")):
            if time.monotonic() > deadline:
                message = f"not on the screen: {text!r}\n{screen}"
                raise TimeoutError(message)
            time.sleep(0.05)

    def picture(self, target: Path) -> None:
        """Write what is on the screen as a PNG; empty rows at its end are left out."""
        coloured = self._call("capture-pane", "-e", "-p", "-t", "shown").rstrip()
        html = subprocess.run(
            ["aha", "--black", "--no-header"],
            input=coloured,
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        ).stdout
        html = re.sub(r"(?<=[;\"]color:)[^;\"]+", lambda name: SHADES.get(name.group(), name.group()), html)
        page = target.with_suffix(".html")
        page.write_text(
            PAGE.format(background=BACKGROUND, padding=PADDING, size=SIZE, line=LINE, content=html), encoding="utf-8"
        )
        width = round(self.columns * SIZE * ADVANCE) + 2 * PADDING
        height = (coloured.count("\n") + 1) * LINE + 2 * PADDING
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [
                    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                    *(
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--hide-scrollbars",
                    ),
                    *("--force-device-scale-factor=2", f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                    *(f"--screenshot={target}", page.as_uri()),
                ],
                check=True,
                capture_output=True,
            )
        page.unlink()

    def close(self) -> None:
        """End the window and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


def copy_of(package: str, folder: Path) -> Path:
    """Copy an installed package's sources into `folder`, as a project of its own."""
    found = importlib.util.find_spec(package)
    assert found
    assert found.submodule_search_locations
    ignored = shutil.ignore_patterns("__pycache__", "third_party")
    shutil.copytree(found.submodule_search_locations[0], folder / package, ignore=ignored)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{package}"\n', encoding="utf-8")
    return folder


def neovim(folder: Path) -> None:
    """Picture a file with findings beside the code, and the explanation of one of them."""
    program = os.environ.get("POSTIL_NVIM") or shutil.which("nvim") or str(ROOT / ".cache" / "nvim" / "bin" / "nvim")
    init = folder / "init.lua"
    init.write_text(INIT.format(postil=POSTIL), encoding="utf-8")
    homes = " ".join(f"XDG_{kind}_HOME={folder}/{kind}" for kind in ("STATE", "DATA", "CACHE", "CONFIG"))
    command = f"{homes} {program} --clean -u {init} rich/logging.py"
    terminal = Terminal(104, 41, copy_of("rich", folder / "code"), command)
    try:
        # The end of the file, so that the window opens below the code and hides none of it.
        terminal.keys(*"286Gzt298G^")
        terminal.wait_for("● Do not use bare `except`")
        terminal.keys("K")
        terminal.wait_for("╯")
        terminal.picture(HERE / "neovim.png")
    finally:
        terminal.close()


def check(folder: Path) -> None:
    """Picture the terminal report."""
    code = copy_of("rich", folder / "checked")
    files = "rich/box.py rich/logging.py rich/progress.py rich/repr.py rich/screen.py rich/tree.py"
    typed = "\\033[32m$\\033[0m postil check " + files
    terminal = Terminal(118, 50, code, f"""sh -c "printf '{typed}\\n\\n'; '{POSTIL}' check {files}" """)
    try:
        terminal.wait_for("can be fixed with")
        terminal.picture(HERE / "check.png")
    finally:
        terminal.close()


def main() -> None:
    """Make both pictures."""
    for program in ("tmux", "aha", "chromium"):
        if not shutil.which(program):
            sys.exit(f"{program} is missing; on Debian: apt install tmux aha chromium fonts-dejavu-core")
    with tempfile.TemporaryDirectory(prefix="postil-pictures-") as scratch:
        neovim(Path(scratch))
        check(Path(scratch))


if __name__ == "__main__":
    main()
