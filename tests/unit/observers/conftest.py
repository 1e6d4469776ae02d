"""Events with their common fields filled in, and a clock that only moves when told."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from flowmake.core.events import Event

TIME = 1_700_000_000.25


class HandClock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Stream(io.StringIO):
    """A text stream that says of itself what a test wants."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__()
        self._encoding = encoding
        self._terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def stream_of() -> type[Stream]:
    return Stream


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Stream()


@pytest.fixture
def event() -> Callable[..., Event]:
    def make(kind: type[Event], **fields: Any) -> Event:
        return kind(**{"time": TIME, "run": "r1", **fields})

    return make
