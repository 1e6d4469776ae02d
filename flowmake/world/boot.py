"""Which start of the machine this is. Knows nothing of what is remembered by it."""

from __future__ import annotations

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id(path: str = BOOT_ID) -> str:
    """A text that differs from one start of the machine to the next; empty where the system does not tell."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
