"""The tasks of a report, each with what a person may want to know of it. Reads logs; judges and draws nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flowmake.cli.reporting import Account, concrete_upstream
from flowmake.core.standing import state_of
from flowmake.core.text import cut_middle, safe_line, safe_text
from flowmake.core.wording import reason_sentence
from flowmake.views.reasons import explain
from flowmake.views.report.page import Past, TaskPage

if TYPE_CHECKING:
    from flowmake.core.plan import Judgement
    from flowmake.core.secrets import Secrets
    from flowmake.views.reasons import Line
    from flowmake.views.timeline import Span
    from flowmake.world.state import StateDir

_FILES_SHOWN = 100
_REASONS_SHOWN = 12
_PAST_SHOWN = 12
_LOGS, _COMMANDS = 600_000, 400_000
"""Characters for the logs and commands of all tasks together, so that the page stays small however many there are."""


class TaskPages:
    """Makes the task entries of a page; `files` collects the paths with their digests that they point to."""

    def __init__(self, account: Account, state: StateDir, secrets: Secrets) -> None:
        self._account = account
        self._state = state
        self._secrets = secrets
        self.numbers = {name: index for index, name in enumerate(account.names)}
        self._files: dict[tuple[str, str], int] = {}
        self._critical = set(account.critical)
        self._first: dict[str, Span] = {span.task: span for span in reversed(account.spans)}
        self._last: dict[str, Span] = {span.task: span for span in account.spans}
        self._log_room = _share(_LOGS, len(self.numbers))
        self._command_room = _share(_COMMANDS, len(self.numbers))

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Paths (as text for people) and digests; in the order in which tasks count them."""
        return tuple(self._files)

    def all(self) -> tuple[TaskPage, ...]:
        return tuple(self._page(name) for name in self.numbers)

    def _page(self, name: str) -> TaskPage:
        account = self._account
        judgement = account.plan.judgements.get(name)
        ended = self._ended(name)
        inputs, inputs_of = self._inputs(name, judgement)
        outputs = self._outputs(ended, judgement)
        text, cut, log_run = self._log(name, judgement)
        reasons = self._reasons(name, judgement)
        past = self._past(name)
        before = [old.seconds for old in past if old.status == "succeeded"]
        task = judgement.task if judgement is not None else None
        return TaskPage(
            name=safe_line(name),
            status=ended.get("status", ""),
            now=state_of(judgement, running=account.running) if judgement is not None else "gone",
            description=safe_text(self._secrets.mask(task.description)) if task is not None else "",
            tags=tuple(safe_line(tag) for tag in task.declared.tags) if task is not None else (),
            command=cut_middle(safe_text(self._secrets.mask(self._command(name, judgement))), self._command_room),
            started=self._started(name),
            seconds=round(ended["seconds"], 3) if ended.get("attempt") else None,
            before=before[-1] if before else None,
            attempt=ended.get("attempt", 0),
            ended=_how(ended),
            host=safe_line(host) if (host := ended.get("host", "")) != account.run.host else "",
            allowed=ended.get("allowed", False),
            cut_off=ended.get("cut_off", False),
            critical=name in self._critical,
            reasons=_explained(reasons),
            why=reason_sentence(reasons[0]) if reasons else "",
            inputs=self._numbers(inputs),
            more_inputs=max(0, len(inputs) - _FILES_SHOWN),
            inputs_of=inputs_of,
            outputs=self._numbers(outputs),
            more_outputs=max(0, len(outputs) - _FILES_SHOWN),
            log=text,
            log_cut=cut,
            log_run=log_run,
            history=past,
            upstream=self._upstream(name),
        )

    def _ended(self, name: str) -> dict[str, Any]:
        """The end of a task in this run; where the events are gone, as the store recorded it."""
        account = self._account
        if name in account.ended:
            return account.ended[name]
        if (record := account.records.get(name)) is not None:
            return {
                field: getattr(record, field)
                for field in ("status", "attempt", "seconds", "exit_code", "signal", "host")
            }
        if (started := account.started.get(name)) is not None:
            last = self._last[name]
            return {"status": last.status, "attempt": started["attempt"], "seconds": last.seconds}
        return self._begun(name)

    def _begun(self, name: str) -> dict[str, Any]:
        """Of a task whose start is recorded, while the event of it is not written yet, or was lost with the run."""
        judgement = self._account.plan.judgements.get(name)
        attempt = judgement.attempt if judgement is not None else None
        if attempt is None or attempt.run != self._account.run.id or attempt.status != "running":
            return {}
        return {"status": "running" if self._account.running else "interrupted"}

    def _started(self, name: str) -> float | None:
        first = self._first.get(name)
        return round(max(first.start - self._account.run.started, 0.0), 3) if first is not None else None

    def _command(self, name: str, judgement: Judgement | None) -> str:
        """What ran in this run, else what ran last, else what would run."""
        if (started := self._account.started.get(name)) is not None:
            return str(started["command"])
        if judgement is None:
            return ""
        if judgement.facts.recipe is not None:
            return judgement.facts.recipe.text
        return judgement.trace.recipe if judgement.trace is not None else ""

    def _inputs(self, name: str, judgement: Judgement | None) -> tuple[Mapping[str, str], str]:
        """With digests as this run recorded them; where it did not, as they are now, or as they were last."""
        if judgement is None:
            return {}, ""
        trace = judgement.trace
        ran_now = trace is not None and trace.run == self._account.run.id
        if trace is not None and (ran_now or not judgement.facts.inputs):
            return trace.inputs, trace.run
        return judgement.facts.inputs, ""

    def _outputs(self, ended: Mapping[str, Any], judgement: Judgement | None) -> Mapping[str, str]:
        made: Mapping[str, str] = ended.get("outputs") or {}
        return made or (judgement.facts.outputs if judgement is not None else {})

    def _numbers(self, files: Mapping[str, str]) -> tuple[int, ...]:
        chosen = list(files.items())[:_FILES_SHOWN]
        return tuple(self._files.setdefault((safe_line(p), safe_line(d)), len(self._files)) for p, d in chosen)

    def _reasons(self, name: str, judgement: Judgement | None) -> tuple[Mapping[str, Any], ...]:
        """Why it ran in this run. Fresh tasks have none; of what did not come to its turn, why it is stale."""
        from flowmake.core.staleness import Stale

        if (record := self._account.records.get(name)) is not None:
            return tuple(self._secrets.deep(reason) for reason in record.reasons)
        if name not in self._account.ended and judgement is not None and isinstance(judgement.verdict, Stale):
            return tuple(self._secrets.deep(reason.as_dict()) for reason in judgement.verdict.reasons)
        return ()

    def _log(self, name: str, judgement: Judgement | None) -> tuple[str, bool, str]:
        """The end of its log in this run, else of its last one; whether that is not all; the run, if another."""
        account = self._account
        run = account.run.id
        if name not in account.started and judgement is not None and judgement.attempt is not None:
            run = judgement.attempt.run
        text, cut = _tail(self._state.log(run, name), self._log_room, self._secrets)
        return text, cut, run if run != account.run.id and text else ""

    def _past(self, name: str) -> tuple[Past, ...]:
        """Its ends in earlier runs, the oldest first."""
        found: list[Past] = []
        for run, records in self._account.earlier:
            if (record := records.get(name)) is not None and len(found) < _PAST_SHOWN:
                found.append(Past(run.id, record.status, round(record.seconds, 3)))
        return tuple(reversed(found))

    def _upstream(self, name: str) -> tuple[int, ...]:
        if name not in self._account.plan.judgements:
            return ()
        return tuple(dict.fromkeys(self.numbers[other] for other in concrete_upstream(self._account.plan, name)))


def _share(total: int, tasks: int) -> int:
    return min(max(total // max(tasks, 1), 200), 8_000)


def _explained(reasons: Iterable[Mapping[str, Any]]) -> tuple[Line, ...]:
    chosen = list(reasons)
    lines = list(explain(chosen[:_REASONS_SHOWN]))
    if len(chosen) > _REASONS_SHOWN:
        lines.append((("", f"and {len(chosen) - _REASONS_SHOWN} more"),))
    return tuple(lines)


def _how(ended: Mapping[str, Any]) -> str:
    """How a task failed, or why it was skipped, in words; nothing where the status says it all."""
    from flowmake.observers.wording import signal_name

    if ended.get("status") not in ("failed", "skipped"):
        return ""
    message = safe_line(ended.get("message") or "")
    if (number := ended.get("signal")) is not None:
        return f"killed by {signal_name(number)}"
    if ended.get("exit_code"):
        code = f"exit code {ended['exit_code']}"
        return message if code in message else f"{code}; {message}" if message else code
    return message


def _tail(path: str, room: int, secrets: Secrets) -> tuple[str, bool]:
    """The last lines of a log as safe text, at most about `room` characters; whether something is left out.

    More is read than shown: of a log that is still being written, secrets are masked here, and half of one could not be
    told.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2 * room))
            data = file.read(2 * room)
    except OSError:  # logs of old runs are removed; a page without one is no worse for it
        return "", False
    text = safe_text(secrets.mask(data.decode("utf-8", "replace"))).rstrip("\n")
    if size <= room:
        return text, False
    tail = text[-room:]
    return tail.partition("\n")[2] or tail, True
