"""The digest of bytes, and whether a small file still has it. Unaware of caches and snapshots."""

from __future__ import annotations

from xxhash import xxh3_128_hexdigest


def hash_bytes(data: bytes, executable: bool = False) -> str:
    """The digest of a regular file holding `data`."""
    return xxh3_128_hexdigest(data) + ("+x" if executable else "")


def has_digest(path: bytes, digest: str) -> bool:
    """Read and compare; whether it is executable is left to who compares modes. Raises `OSError`."""
    with open(path, "rb") as file:
        return xxh3_128_hexdigest(file.read()) == digest.removesuffix("+x")
