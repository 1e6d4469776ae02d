"""How names, variables and paths are spelt in a Flowfile. Knows no tables; needs nothing that takes long to load."""

from __future__ import annotations

from flowmake.core.expressions import expression

NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_.-]*"
NAME = expression(NAME_PATTERN)
VARIABLE = expression(r"[^=\0]+")
CALL = expression(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
FAILURE = expression(r"(?a)exit:\d{1,3}|signal:[A-Z][A-Z0-9+]*|timeout")
"""What attempts may be repeated on."""
ORDINARY_PATH = expression(r"[^!\s\0][^\n\0]*")
"""A path that needs no second look."""

OVERRIDE = "FLOWMAKE_PARAM_"
"""How variables begin that override parameters."""
