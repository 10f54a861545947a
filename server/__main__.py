"""The command line's front: one table of commands, each imported when it is called.

`serve` must answer `initialize` in a fraction of the time that an argument parser and the settings take to import, so it
is told apart here, before either.
"""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run `postil ARGV…` and return its exit code."""
    command = argv[0] if argv else ""
    if command == "serve":
        from server.handshake import serve

        return serve(argv[1:])
    if command == "worker":  # internal: a process for CPU-bound work
        from server.worker_process import work

        return work(argv[1:])
    from server.cli import main as command_line

    return command_line(argv)
