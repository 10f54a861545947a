"""The latency tables of docs/performance.md: postil beside `ruff server` and a plain pygls server, in one interleaved run.

    python3 dev.py bench [--rounds N] [--write]

The texts are real code that every Python has: modules of its standard library, of about 300, 3,500 and 10,000 lines. What is
measured, and how right diagnostics are told from stale ones, is explained in `bench/lspbench.py`. Milliseconds move with the
machine's load; the ratios, within a round, hold. `--write` puts the tables into docs/performance.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from analyzers.ruff_configuration import own_configuration  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
TEXTS = {"300": ("json/decoder.py",), "3,500": ("typing.py",), "10,000": ("typing.py", "_pydecimal.py")}
PLAIN = 'from pygls.lsp.server import LanguageServer\nLanguageServer("plain", "1").start_io()\n'
GOALS = {"300": (2.0, 1.5), "3,500": (1.5, 1.2), "10,000": (1.5, 1.2)}


def main() -> int:
    """Run the benchmark; 0 where every ratio is within its limit, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--json", help="write all measurements here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(Path(scratch), options.rounds)
        if options.json:
            Path(options.json).write_text(json.dumps(result), encoding="utf-8")
    table, within = tables(result)
    print(table)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")
    return 0 if within else 1


def measure(scratch: Path, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return the harness's summary for each text: by server, by figure."""
    scripts = Path(sysconfig.get_path("scripts"))
    (scratch / "plain.py").write_text(PLAIN, encoding="utf-8")
    # The same rules on both sides: fewer rules are faster, and postil has fewer by default.
    same_rules = own_configuration().initialization_options()
    full = {
        "ruff": {"cmd": [str(scripts / "ruff"), "server"], "init_options": same_rules},
        "postil": {"cmd": [str(scripts / "postil"), "serve"]},
    }
    start = {**full, "plain pygls": {"cmd": [sys.executable, str(scratch / "plain.py")]}}
    library = Path(sysconfig.get_path("stdlib"))
    result: dict[str, dict[str, dict[str, float]]] = {}
    for name, modules in TEXTS.items():
        text = "".join((library / module).read_text(encoding="utf-8") for module in modules)
        file = scratch / f"text_{name.replace(',', '')}.py"
        file.write_text(text.replace("from __future__ import annotations\n", "\n"), encoding="utf-8")
        result[name] = harness(scratch, full, file, rounds, "burst,flood", ("--flood-rounds", str(max(3, rounds // 2))))
    result["start"] = harness(scratch, start, file, rounds, "start", ("--start-rounds", str(rounds)))
    return result


def harness(
    scratch: Path, servers: dict[str, object], file: Path, rounds: int, phases: str, more: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Run `bench/lspbench.py` over one file and return its summary by server."""
    (scratch / "servers.json").write_text(json.dumps(servers), encoding="utf-8")
    command = [sys.executable, str(ROOT / "bench" / "lspbench.py"), "--config", str(scratch / "servers.json")]
    command += ["--file", str(file), "--rounds", str(rounds), "--phases", phases, "--json", str(scratch / "out.json")]
    # Every server has the same settings folder, an empty one.
    environment = {**os.environ, "XDG_CONFIG_HOME": str(scratch), "XDG_STATE_HOME": str(scratch)}
    subprocess.run([*command, *more], check=True, env=environment, stdout=subprocess.DEVNULL)
    summary = json.loads((scratch / "out.json").read_text(encoding="utf-8"))["summary"]
    return {row["server"]: row for row in next(iter(summary.values()))}


def tables(result: dict[str, dict[str, dict[str, float]]]) -> tuple[str, bool]:
    """Return the Markdown tables, and whether every ratio is within its limit."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("postil", "ruff", "pygls", "tree-sitter", "msgspec")
    )
    lines = [
        f"{dt.datetime.now(tz=dt.UTC).date()}, Python {platform.python_version()}, {os.cpu_count()} cores,",
        f"{versions}.",
        "By `python3 dev.py bench --write`, the same rules on both sides. Milliseconds are p50 / p95; a ratio is the median",
        "over rounds of postil to ruff in the same round.",
        "",
        "| lines | | ruff server | postil | ratio | limit (goal) |",
        "|---|---|---|---|---|---|",
    ]
    within = True
    for name, (limit, goal) in GOALS.items():
        ruff, postil = result[name]["ruff"], result[name]["postil"]
        for key, title in (
            ("err", "a mistake typed: last key to squiggle"),
            ("fix", "mended: last key to no squiggle"),
        ):
            within = within and postil[f"{key}_x"] <= limit
            ratio = f"{postil[f'{key}_x']:.2f}"
            lines.append(
                f"| {name} | {title} | {_pair(ruff, key)} | {_pair(postil, key)} | {ratio} | {limit} ({goal}) |"
            )
        within = within and postil["flood_x"] <= 2.0
        lines.append(
            f"| {name} | 200 changes without a pause | {_pair(ruff, 'flood')} | {_pair(postil, 'flood')} "
            f"| {postil['flood_x']:.2f} | 2.0 |"
        )
    start = result["start"]
    start_ratio = start["postil"]["start_p50"] / start["plain pygls"]["start_p50"]
    within = within and start_ratio <= 0.5
    lines += [
        "",
        "| spawn to `initialize` answered | p50 / p95, ms | to a plain pygls server |",
        "|---|---|---|",
        f"| ruff server | {_pair(start['ruff'], 'start')} | |",
        f"| plain pygls server, no features | {_pair(start['plain pygls'], 'start')} | 1.00 |",
        f"| postil serve | {_pair(start['postil'], 'start')} | {start_ratio:.2f}, limit 0.5 (goal 0.3) |",
        f"| postil serve, didOpen to first diagnostics | {_pair(start['postil'], 'open')} | |",
        "",
    ]
    return "\n".join(lines), within


def _pair(row: dict[str, float], key: str) -> str:
    return f"{row[f'{key}_p50']:.1f} / {row[f'{key}_p95']:.1f}"


if __name__ == "__main__":
    sys.exit(main())
