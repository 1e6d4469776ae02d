"""`--profile`: options for `run` kept in a TOML file, under their long names. The command line wins over them."""

from __future__ import annotations

import os
from typing import Any

import click


def locate(profile: str) -> str:
    """A path is taken as it is; a bare name is looked up in the user's configuration folder."""
    if "/" in profile or profile.endswith(".toml"):
        return profile
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "flowmake", "profiles", f"{profile}.toml")


def apply(ctx: click.Context, param: click.Parameter, profile: str | None) -> None:
    """Make what the profile says the defaults of this command's options. Raises `UsageError`."""
    if profile is None or ctx.resilient_parsing:
        return
    path = locate(profile)
    names = {option[2:]: p.name for p in ctx.command.params for option in p.opts if option.startswith("--")}
    defaults: dict[str, Any] = {}
    for key, value in _read(path).items():
        if key not in names:
            from flowmake.core.errors import UsageError
            from flowmake.core.suggest import nearest

            raise UsageError(f"`{path}` sets `{key}`, which is no option of `{ctx.command_path}`", nearest(key, names))
        defaults[names[key] or ""] = value
    ctx.default_map = defaults


def _read(path: str) -> dict[str, Any]:
    import tomli

    from flowmake.core.errors import UsageError

    try:
        with open(path, "rb") as file:
            return tomli.load(file)
    except OSError as error:
        raise UsageError(f"cannot read the profile `{path}`: {error.strerror}") from error
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the profile `{path}` is not TOML: {error}") from error
