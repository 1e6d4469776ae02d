"""Walks over who waits for whom: order, reachability, cycles; no recursion, so chains may be long. Names only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def order(upstream: dict[str, tuple[str, ...]], names: Iterable[str]) -> list[str]:
    """These names and all they wait for, upstream first (depth-first, iterative)."""
    done: dict[str, None] = {}
    for root in names:
        path: dict[str, Iterator[str]] = {} if root in done else {root: iter(upstream[root])}
        while path:
            name = next(reversed(path))
            child = next(path[name], None)
            if child is None:
                done[name] = None
                del path[name]
            elif child not in done:
                path[child] = iter(upstream[child])
    return list(done)


def reaches(upstream: dict[str, tuple[str, ...]], start: str, goal: str) -> bool:
    """Does `start` wait, directly or not, for `goal`?"""
    seen: set[str] = set()
    stack = [start]
    while stack:
        current = stack.pop()
        if current == goal:
            return True
        if current not in seen:
            seen.add(current)
            stack.extend(upstream[current])
    return False


def find_cycle(upstream: dict[str, tuple[str, ...]], names: Iterable[str]) -> list[str]:
    """Some cycle reachable from `names`, each member waiting for the next; else empty (depth-first, iterative)."""
    done: set[str] = set()
    for root in names:
        if root in done:
            continue
        path: dict[str, Iterator[str]] = {root: iter(upstream[root])}
        while path:
            name = next(reversed(path))
            child = next(path[name], None)
            if child is None:
                done.add(name)
                del path[name]
            elif child in path:
                members = list(path)
                return members[members.index(child) :]
            elif child not in done:
                path[child] = iter(upstream[child])
    return []
