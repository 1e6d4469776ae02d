"""How much may run at once, here and elsewhere: jobs, cores, pools, resources, the console. Unaware of the tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from flowmake.core.errors import UsageError
from flowmake.core.suggest import nearest


class Claim(Struct, frozen=True):
    """What a task occupies while it runs: cores, a place in a pool, amounts of resources, the console.

    With a `lane`, the name of a remote executor, it takes a place there instead of cores and job slots here.
    """

    cpu: int = 1
    pool: str = ""
    resources: tuple[tuple[str, int], ...] = ()
    console: bool = False
    lane: str = ""

    @property
    def slots(self) -> int:
        """Job tokens of this machine."""
        return 0 if self.lane else max(self.cpu, 1)


class Limits:
    """Counts what is free. A claim for more cores than there are is granted all of them.

    `jobs` bounds both the number of running tasks and, unless `resources` says otherwise, the cores they claim.
    `lanes` are the capacities of remote executors.
    """

    def __init__(
        self,
        jobs: int,
        pools: Mapping[str, int],
        resources: Mapping[str, int],
        lanes: Mapping[str, int] | None = None,
    ) -> None:
        self.jobs = jobs
        self._lanes = dict(lanes or {})
        self.running = 0
        self._pools = dict(pools)
        self._totals = dict(resources)
        self.cores = self._totals.pop("cpu", jobs)
        self._cpu = self.cores
        self._free = dict(self._totals)
        self._console = True

    def claim(
        self,
        task: str,
        pool: str,
        resources: Mapping[str, int],
        *,
        console: bool,
        lane: str = "",
        granted: Collection[str] = (),
    ) -> Claim:
        """The claim of a task; `granted` resources are counted by others, or by nobody.

        Raises `UsageError` when it can never be met.
        """
        if pool and pool not in self._pools:
            raise UsageError(
                f"task `{task}` names the pool `{pool}`, which `[pools]` does not define", nearest(pool, self._pools)
            )
        cpu = max(resources.get("cpu", 1), 0)
        if not lane:
            cpu = min(cpu, self.cores)
        amounts = {name: amount for name, amount in resources.items() if name != "cpu" and name not in granted}
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
        return Claim(cpu, pool, tuple(sorted(amounts.items())), console, lane)

    @property
    def full(self) -> bool:
        """Nothing more can start, whatever it claims."""
        return self.running >= self.jobs and not any(self._lanes.values())

    def fits(self, claim: Claim) -> bool:
        room = self._lanes[claim.lane] > 0 if claim.lane else self.running < self.jobs and claim.cpu <= self._cpu
        return (
            room
            and (not claim.pool or self._pools[claim.pool] > 0)
            and (self._console or not claim.console)
            and all(amount <= self._free[name] for name, amount in claim.resources)
        )

    def take(self, claim: Claim) -> None:
        self._move(claim, -1)

    def give_back(self, claim: Claim) -> None:
        self._move(claim, +1)

    def _move(self, claim: Claim, sign: int) -> None:
        if claim.lane:
            self._lanes[claim.lane] += sign
        else:
            self.running -= sign
            self._cpu += sign * claim.cpu
        if claim.pool:
            self._pools[claim.pool] += sign
        if claim.console:
            self._console = sign > 0
        for name, amount in claim.resources:
            self._free[name] += sign * amount
