"""Regular expressions that are compiled when they are first used. Unaware of what they match.

Most runs use few of those that the modules they load define, and to compile them all takes as long as a dozen modules.
So does loading what compiles them, where none is used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as from `typing`, whose import alone takes longer than that of all who need nothing else of it
if TYPE_CHECKING:
    import re
    from typing import Any, AnyStr


class _Later:
    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        import re

        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def expression(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`; what is wrong with it shows when it is used."""
    return _Later(source, flags)  # type: ignore[return-value]  # it becomes one when it is first used
