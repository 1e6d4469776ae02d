"""`python -m tests.fuzz TARGET [SECONDS]`: look for inputs that make a target fail; prints the first as bytes."""

from __future__ import annotations

import itertools
import os
import resource
import sys
import time
from importlib import import_module
from importlib.util import find_spec

from tests.fuzz.mutations import CORPUS, mutations
from tests.fuzz.targets import TARGETS, Target

MOST_MEMORY = 4 << 30
"""Bytes; a few wrong ones in a file can ask for any amount."""


def main(name: str, seconds: float = 60.0) -> int:
    """0 if nothing was found."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    target = TARGETS[name]
    if find_spec("atheris") is not None:
        _search_guided(name, target, seconds)
    return _search(name, target, seconds)


def _search(name: str, target: Target, seconds: float) -> int:
    """Mutations of the corpus with a new seed each time."""
    limit = time.monotonic() + seconds
    for seed in itertools.count(int(time.time())):
        for data in mutations(name, 100, seed):
            try:
                target(data)
            except Exception:
                print(f"{name} fails on {data!r}", file=sys.stderr)
                raise
        if time.monotonic() > limit:
            return 0
    return 0


def _search_guided(name: str, target: Target, seconds: float) -> None:
    """Guided by what of the code an input reaches. Does not come back: the fuzzer ends the process."""
    atheris = import_module("atheris")
    atheris.instrument_all()
    arguments = [sys.argv[0], f"-max_total_time={seconds:.0f}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=0"]
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"flowmake-fuzz-{name}")
    os.makedirs(folder, exist_ok=True)
    atheris.Setup([*arguments, f"-artifact_prefix={folder}/crash-", folder, str(CORPUS / name)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(float, sys.argv[2:])))
