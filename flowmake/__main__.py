"""The entry of the program: turns Windows away, answers at once or hands over to the command line. Knows no command."""

from __future__ import annotations

import sys

WINDOWS = """\
error: flowmake does not run on Windows itself
hint: it runs in WSL (the Windows Subsystem for Linux): `wsl --install`, then `pip install flowmake` inside it
"""


def main() -> int:
    if sys.platform == "win32":
        sys.stderr.write(WINDOWS)
        return 2
    try:
        _open_missing_streams()
        return _answer(sys.argv[1:])
    except KeyboardInterrupt:  # before the command line could look out for it
        return 130


def _answer(argv: list[str]) -> int:
    from flowmake import fastpath

    found = fastpath.run(argv)
    if isinstance(found, int):
        return found
    from flowmake.cli import main as command_line

    return command_line(argv, found)


def _open_missing_streams() -> None:
    """Closed by the caller, their numbers would go to the next file opened, and be written to by chance."""
    if sys.stdin is not None and sys.stdout is not None and sys.stderr is not None:
        return
    import os

    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 for the life of the process
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
