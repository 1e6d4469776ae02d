"""Regular expressions that are compiled when they are first used. Unaware of what they match.

Most runs use few of those that the modules they load define, and to compile them all takes as long as a dozen modules.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Later:
    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def expression(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`; what is wrong with it shows when it is used."""
    return cast("re.Pattern[AnyStr]", _Later(source, flags))
