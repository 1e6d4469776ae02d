"""Digests of many files: small ones shared out to processes, big ones to threads, a few one by one. Unaware of caches.

The interpreter runs one thread at a time, and a small file takes it longer than the kernel and xxhash together: there
a second thread only stands in the way. A big file is read and digested without the interpreter.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from flowmake.world.cpus import available_cpus
from flowmake.world.hashing import THREADS_PAY_FROM, Hashed, hash_seen

if TYPE_CHECKING:
    from queue import SimpleQueue
    from threading import Event

    Answers = SimpleQueue[tuple[int, dict[str, Hashed] | Exception]]

Seen = tuple[str, os.stat_result]
"""A regular file, with the state in which it was just seen."""

OPENING = 1 << 15
"""As many bytes as are digested while a file is opened and closed."""

PROCESSES_PAY_FROM = 80 << 20
"""Bytes, `OPENING` included, that a process digests sooner than another one is begun and heard."""

THREADS_TOGETHER_PAY_FROM = 32 << 20
"""Bytes, in however many big files, that one thread digests sooner than the means for several are loaded."""

_BATCH = 4 << 20
"""Bytes that a thread takes on at once: handing on files one by one would hold up the other threads."""


def hash_many(files: Mapping[str, os.stat_result]) -> dict[str, Hashed]:
    """`hash_seen` of regular files, given the state of each; without those that are no longer in that state."""
    small = [seen for seen in files.items() if seen[1].st_size < THREADS_PAY_FROM]
    big = [seen for seen in files.items() if seen[1].st_size >= THREADS_PAY_FROM]
    found = _in_processes(small) if _weight(small) >= 2 * PROCESSES_PAY_FROM else _one_by_one(small)
    return found | (_in_threads(big) if _weight(big) >= THREADS_TOGETHER_PAY_FROM else _one_by_one(big))


def _weight(files: Sequence[Seen]) -> int:
    return sum([status.st_size for _, status in files]) + len(files) * OPENING


def _one_by_one(files: Iterable[Seen], stop: Event | None = None) -> dict[str, Hashed]:
    return {path: hashed for path, seen in files if (hashed := hash_seen(path, seen, stop)) is not None}


# -- processes -------------------------------------------------------------------------------------------------


def _in_processes(files: Sequence[Seen]) -> dict[str, Hashed]:
    """Whatever a process does not tell, for whatever reason, is found out here."""
    from flowmake.world.forking import can_share, share_out

    workers = min(available_cpus(), _weight(files) // PROCESSES_PAY_FROM)
    if workers < 2 or not can_share():
        return _one_by_one(files)
    shares = list(_batches(files, -(-_weight(files) // workers)))
    found: dict[str, Hashed] = {}
    for share, told in zip(shares, share_out(_tell, shares), strict=True):
        if told is None or len(told) != len(share):
            found |= _one_by_one(share)
            continue
        for (path, seen), (digest, started) in zip(share, told, strict=True):
            if digest:
                found[path] = Hashed(digest, seen, started)
    return found


def _tell(files: Sequence[Seen]) -> list[tuple[str, int]]:
    """Digest of each and when it was begun with; an empty one where the file was not in its state any more."""
    hashed = (hash_seen(path, seen) for path, seen in files)
    return [("", 0) if one is None else (one.digest, one.started_ns) for one in hashed]


# -- threads ---------------------------------------------------------------------------------------------------


def _in_threads(files: Sequence[Seen]) -> dict[str, Hashed]:
    from flowmake.world.signals import held_back

    with held_back():
        found = _answered(list(_batches(files, _BATCH)))
    return {path: hashed for number in sorted(found) for path, hashed in found[number].items()}


def _answered(batches: Sequence[Sequence[Seen]]) -> dict[int, dict[str, Hashed]]:
    # Here, since most runs hash next to nothing and these take milliseconds to load.
    from concurrent.futures import ThreadPoolExecutor
    from queue import SimpleQueue
    from threading import Event

    from flowmake.world.signals import let_through

    stop = Event()
    answers: Answers = SimpleQueue()  # to wait for one takes no lock that an interruption could leave behind
    with ThreadPoolExecutor(available_cpus()) as pool:
        try:
            for number, batch in enumerate(batches):
                pool.submit(_answer, answers, number, batch, stop)
            with let_through():
                return dict(_heard(answers.get()) for _ in batches)
        finally:
            stop.set()  # an error or an interruption would else be held up here until all are done


def _answer(answers: Answers, number: int, batch: Iterable[Seen], stop: Event) -> None:
    try:
        answers.put((number, _one_by_one(batch, stop)))
    except Exception as error:
        answers.put((number, error))


def _heard(answer: tuple[int, dict[str, Hashed] | Exception]) -> tuple[int, dict[str, Hashed]]:
    number, found = answer
    if isinstance(found, Exception):
        raise found
    return number, found


def _batches(files: Iterable[Seen], weight: int) -> Iterator[list[Seen]]:
    """Parts in order, each but the last of at least this many bytes, `OPENING` included."""
    batch: list[Seen] = []
    held = 0
    for seen in files:
        batch.append(seen)
        held += seen[1].st_size + OPENING
        if held >= weight:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
