"""`nac`: finds and imports the sub-command, and turns what went wrong into a message and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import NoReturn

import click

from nac_cli import __version__
from nac_cli.cli import program
from nac_cli.cli.errors import EXIT_CODES, explain
from nac_cli.cli.interrupt import interruptible
from nac_cli.cli.output import Output

COMMANDS = {
    "compress": "compress",
    "decompress": "decompress",
    "recode": "recode",
    "tag": "tag",
    "info": "info",
    "verify": "verify",
    "archive": "archive.group",
    "models": "models.group",
    "train": "train.group",
    "bench": "bench.group",
    "completion": "completion",
}
"""The module of this package whose function `command` a command is."""

EPILOG = "\n".join(["\b", "Exit codes:", *(f"  {code:<3} {meaning}" for code, meaning in EXIT_CODES.items())])


class Nac(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return import_module(f"nac_cli.cli.{COMMANDS[name]}").command if name in COMMANDS else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = args[: args.index("--")] if "--" in args else args
        ctx.obj = Output(json="--json" in options)  # for errors, even those found while options are parsed
        with _reported(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with _reported(ctx), interruptible():
            return super().invoke(ctx)

    def __call__(self, *args, **kwargs) -> NoReturn:
        """`main` as a program, which ends the process."""
        command = partial(self.main, *args, standalone_mode=False, **kwargs)
        sys.exit(program.run(command, lambda error: _report(error, Output())))


@click.group(cls=Nac, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nac", message="%(prog)s %(version)s")
def main() -> None:
    """A neural audio codec for files: music and speech at 1.5 to 64 kbit/s.

    \b
    nac compress song.wav -b 6kbps      makes song.nac
    nac decompress song.nac             makes song.wav
    nac info song.nac                   says what it holds
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a name that stdout's encoding lacks is no reason to fail


@contextmanager
def _reported(ctx: click.Context) -> Iterator[None]:
    """Errors inside are told, and become the exit code."""
    try:
        yield
    except click.exceptions.Exit:
        raise
    except (Exception, KeyboardInterrupt) as error:
        ctx.exit(_report(error, ctx.obj))


def _report(error: BaseException, output: Output) -> int:
    try:
        return output.failed(error)
    except OSError as second:  # what says so is what failed
        return explain(second).exit_code


if __name__ == "__main__":
    main(prog_name="nac")
