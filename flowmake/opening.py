"""From a path to a flow: finds the Flowfile, reads it with all it includes. Makes no graph and looks at no records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from flowmake import wiring
from flowmake.core.flowfile import load_flow
from flowmake.core.model import Flow
from flowmake.world.files import DiskFiles


class Opened(Struct, frozen=True):
    """A flow, the disk as it was read from, and what include programs printed for it.

    `is_certain`: nothing else was looked at, such as a file of parameters.
    """

    flow: Flow
    files: DiskFiles
    includes: wiring.Includes
    is_certain: bool


def open_flow(path: str | None, params: Mapping[str, Any] | None, params_file: str | None) -> Opened:
    """Read the Flowfile at `path`, or the one found from the current folder upwards; parameters as in `build.load`.

    Raises `UsageError` when there is none, `FlowfileError` with everything that is wrong in it.
    """
    root, name = os.path.split(wiring.find_flowfile(path))
    state = wiring.open_state(root, name)
    files = wiring.open_files(root, state)
    includes = wiring.Includes(root, state, files)
    flow = load_flow(
        root,
        name,
        files.read,
        glob=files.glob,
        run_include=includes.output,
        environ=os.environ,
        params={**wiring.read_params(params_file), **(params or {})},
    )
    return Opened(flow, files, includes, params_file is None)
