"""Guessing what was meant: the nearest known name for a misspelt one. Pure text."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as ``did you mean `clean`?``, or empty when nothing is near."""
    from difflib import get_close_matches  # only for mistakes

    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean `{matches[0]}`?" if matches else ""
