"""The flow from Python: each `# %%` is a cell where editors and Jupyter show this file as a notebook."""

# %% Open the flow in this folder; parameters can be set here.
from collections import Counter
from pathlib import Path

import pandas as pd

import flowmake
from flowmake.core.events import Event, TaskFinished
from flowmake.core.staleness import Fresh, Stale
from flowmake.core.wording import reason_sentence

flow = flowmake.load(Path(__file__).parent, params={"draws": 100})

# %% What would run? Nothing is run or written by asking.
plan = flow.plan()
print("before:", Counter(type(judgement.verdict).__name__ for judgement in plan.tasks()))

# %% Run it, and look on.
slow: dict[str, float] = {}


def on_event(event: Event) -> None:
    if isinstance(event, TaskFinished) and event.status == "succeeded":
        slow[event.task] = event.seconds


end = flow.run(["table"], on_event=on_event)
assert end is not None
print("run:", end.status, end.counts)
print("ran:", len(slow))

# %% The result is a file like any other.
print(pd.read_csv(flow.flow.root + "/slopes.csv").to_string(index=False))

# %% Why would a task run again?
judgement = flow.why("table")
print("table is fresh:", isinstance(judgement.verdict, Fresh))

more = flowmake.load(flow.flow.root, params={"draws": 200})
verdict = more.why("resample@Japan,0").verdict
assert isinstance(verdict, Stale)
print("with more draws:", reason_sentence(verdict.reasons[0]))

# %% Who waits for whom?
graph = flow.graph()
calls = [name for name in graph.upstream("table") if name.startswith("resample@")]
print("table waits for", len(calls), "calls of", graph.tasks[calls[0]].declared.action)
