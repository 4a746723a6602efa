"""`clearfw completion` prints the shell script that completes clearfw's command line."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from clearfw.cli.options import examples

_SCRIPTS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(
    epilog=examples(
        'eval "$(clearfw completion bash)"',
        'eval "$(clearfw completion zsh)"',
        "clearfw completion fish | source",
    )
)
@click.argument("shell", type=click.Choice(list(_SCRIPTS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the script that completes commands and names in SHELL.

    Add the line of the example to the shell's start-up file: ~/.bashrc, ~/.zshrc (after compinit) or
    ~/.config/fish/config.fish.
    """
    script = _SCRIPTS[shell](context.find_root().command, {}, "clearfw", "_CLEARFW_COMPLETE")
    click.echo(script.source())
    return 0
