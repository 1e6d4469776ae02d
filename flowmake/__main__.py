"""The entry of the program: turns Windows away, then hands over to the command line. Knows no command."""

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
        from flowmake.cli import main as command_line

        return command_line(sys.argv[1:])
    except KeyboardInterrupt:  # before the command line could look out for it
        return 130


if __name__ == "__main__":
    sys.exit(main())
