"""`nac completion`."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion", short_help="Completion for a shell.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes nac's commands and options in SHELL.

    \b
    nac completion bash > ~/.local/share/bash-completion/completions/nac
    nac completion zsh > ~/.zfunc/_nac          (a folder in $fpath)
    nac completion fish > ~/.config/fish/completions/nac.fish
    """
    script = SHELLS[shell](ctx.find_root().command, {}, "nac", "_NAC_COMPLETE")
    click.echo(script.source())
