"""flowmake: run only what is stale. The version and the public names, imported when first used."""

TYPE_CHECKING = False  # as from `typing`, whose import alone would cost more than all of this file
if TYPE_CHECKING:
    from flowmake.build import Project, RunOptions, load
    from flowmake.core.errors import FlowfileError, FlowmakeError

__version__ = "0.3.0"

__all__ = ["FlowfileError", "FlowmakeError", "Project", "RunOptions", "__version__", "load"]

_HOMES = {
    "load": "flowmake.build",
    "Project": "flowmake.build",
    "RunOptions": "flowmake.build",
    "FlowmakeError": "flowmake.core.errors",
    "FlowfileError": "flowmake.core.errors",
}

if not TYPE_CHECKING:  # type checkers see the imports above instead, and can tell a name that is not there

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(home), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
