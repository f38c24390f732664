"""`nac bench`: numbers, pictures and ears, against other codecs."""

from __future__ import annotations

import click

from nac_cli.cli.bench import listening as bench_listening
from nac_cli.cli.bench import model as bench_model
from nac_cli.cli.bench import run as bench_run

DEFAULT = "run"


class Bench(click.Group):
    """`nac bench PATHS` is `nac bench run PATHS`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group("bench", cls=Bench, short_help="How good nac is, beside other codecs.")
def command() -> None:
    """Measure nac beside other codecs at the same file size, and make a page to look at and to listen to.

    nac bench PATHS is short for nac bench run PATHS.

    \b
    nac bench clips/ --rates 3,6,12 --peers opus,mp3 -o report/
    nac bench listen report/                        a blind listening test
    nac bench score answers/*.json                  what the listeners said
    """


for other in (
    bench_run.run,
    bench_run.report,
    bench_listening.listen,
    bench_listening.score,
    bench_model.speed,
    bench_model.codes,
):
    command.add_command(other)
