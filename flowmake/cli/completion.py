"""`flowmake completion`: prints the script that teaches a shell to complete. Unaware of what there is to complete."""

from __future__ import annotations

import sys

import click

from flowmake.cli.table import help_of

SHELLS = ("bash", "zsh", "fish")
_MORE = """\
\b
bash:  echo 'eval "$(flowmake completion bash)"' >> ~/.bashrc
zsh:   echo 'eval "$(flowmake completion zsh)"' >> ~/.zshrc
fish:  flowmake completion fish > ~/.config/fish/completions/flowmake.fish
"""


@click.command("completion", help=help_of("completion", _MORE))
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    from flowmake.cli.complete import script

    sys.stdout.write(script(shell))
    return 0
