"""Which start of the machine this is. Knows nothing of what is remembered by it."""

from __future__ import annotations

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id(path: str = BOOT_ID) -> str:
    """A text that differs from one start of the machine to the next; empty where the system does not tell."""
    try:
        with open(path, "rb") as file:  # in text mode, loading the codec would take longer than all the rest
            return file.read().decode("ascii").strip()
    except (OSError, ValueError):
        return ""
