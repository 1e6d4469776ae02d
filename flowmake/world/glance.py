"""Whether the state file looks whole, told from its size and first bytes. Standard library only; no SQLite.

Much less than SQLite would find, but enough for what befalls files: removed, emptied, cut short, overwritten.
The fields are those of https://www.sqlite.org/fileformat.html#the_database_header.
"""

from __future__ import annotations

import os

_MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = slice(16, 18)
_PAGES = slice(28, 32)


def looks_whole(path: str) -> bool:
    """Whether a database is there that can be read, of the length that it tells."""
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_PAGES.stop)
            size = os.fstat(file.fileno()).st_size
    except OSError:
        return False
    page = int.from_bytes(head[_PAGE_SIZE], "big")
    pages = int.from_bytes(head[_PAGES], "big")
    # The largest page, of 64 KiB, does not fit into its field, and is told as 1.
    return head.startswith(_MAGIC) and size == pages * (1 << 16 if page == 1 else page) > 0
