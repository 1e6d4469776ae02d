"""How much may run at once: jobs, cores, pools, resources, the one console. Unaware of what the tasks do."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from flowmake.core.errors import UsageError
from flowmake.core.suggest import nearest


class Claim(Struct, frozen=True):
    """What a task occupies while it runs: cores, a place in a pool, amounts of resources, the console."""

    cpu: int = 1
    pool: str = ""
    resources: tuple[tuple[str, int], ...] = ()
    console: bool = False


class Limits:
    """Counts what is free. A claim for more cores than there are is granted all of them.

    `jobs` bounds both the number of running tasks and, unless `resources` says otherwise, the cores they claim.
    """

    def __init__(self, jobs: int, pools: Mapping[str, int], resources: Mapping[str, int]) -> None:
        self.jobs = jobs
        self.running = 0
        self._pools = dict(pools)
        self._totals = dict(resources)
        self.cores = self._totals.pop("cpu", jobs)
        self._cpu = self.cores
        self._free = dict(self._totals)
        self._console = True

    def claim(self, task: str, pool: str, resources: Mapping[str, int], *, console: bool) -> Claim:
        """The claim of a task. Raises `UsageError` when it can never be met."""
        if pool and pool not in self._pools:
            raise UsageError(
                f"task `{task}` names the pool `{pool}`, which `[pools]` does not define", nearest(pool, self._pools)
            )
        amounts = dict(resources)
        cpu = min(max(amounts.pop("cpu", 1), 0), self.cores)
        for name, amount in amounts.items():
            if name not in self._totals:
                hint = nearest(name, self._totals) or f"write `[resources]` with `{name} = TOTAL`"
                raise UsageError(
                    f"task `{task}` needs the resource `{name}`, which `[resources]` does not define", hint
                )
            if amount > self._totals[name]:
                raise UsageError(
                    f"task `{task}` needs {amount} of `{name}`, but `[resources]` has only {self._totals[name]}"
                )
        return Claim(cpu, pool, tuple(sorted(amounts.items())), console)

    @property
    def full(self) -> bool:
        """Nothing more can start, whatever it claims."""
        return self.running >= self.jobs

    def fits(self, claim: Claim) -> bool:
        return (
            self.running < self.jobs
            and claim.cpu <= self._cpu
            and (not claim.pool or self._pools[claim.pool] > 0)
            and (self._console or not claim.console)
            and all(amount <= self._free[name] for name, amount in claim.resources)
        )

    def take(self, claim: Claim) -> None:
        self._move(claim, -1)

    def give_back(self, claim: Claim) -> None:
        self._move(claim, +1)

    def _move(self, claim: Claim, sign: int) -> None:
        self.running -= sign
        self._cpu += sign * claim.cpu
        if claim.pool:
            self._pools[claim.pool] += sign
        if claim.console:
            self._console = sign > 0
        for name, amount in claim.resources:
            self._free[name] += sign * amount
