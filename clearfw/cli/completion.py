"""`clearfw completion`: what makes a shell complete clearfw's command line."""

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
    """Print what makes SHELL complete commands and names.

    A line of the examples, in the shell's start-up file (~/.bashrc, ~/.zshrc after compinit,
    ~/.config/fish/config.fish), has it in every session.
    """
    script = _SCRIPTS[shell](context.find_root().command, {}, "clearfw", "_CLEARFW_COMPLETE")
    click.echo(script.source())
    return 0
