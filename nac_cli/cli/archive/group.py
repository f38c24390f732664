"""`nac archive`: whole libraries."""

from __future__ import annotations

import click

from nac_cli.cli.archive import check as archive_check
from nac_cli.cli.archive import restore as archive_restore
from nac_cli.cli.archive import run as archive_run

RUN = "run"


class Archive(click.Group):
    """`nac archive SRC DST` means `nac archive run SRC DST`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if not args or args[0] in own else [RUN, *args])


@click.group("archive", cls=Archive, short_help="Whole libraries, resumable and verifiable.")
def command() -> None:
    """Compress whole libraries of sound files, and keep account of every file.

    \b
    nac archive music/ small/ -b 6kbps     makes small/, or brings it up to date
    nac archive verify small/              sizes, hashes, structure
    nac archive restore small/ music2/     sound files again, with tags and times
    nac archive status small/              what is in it, what failed
    nac archive export small/ bag/ --bagit a bag for other tools

    SRC and DST are folders, or URLs of object stores (s3://bucket/folder). nac archive SRC DST is short for nac archive
    run SRC DST, whose help lists the options.
    """


for other in (
    archive_run.run, archive_check.verify, archive_check.status, archive_restore.restore, archive_restore.export,
):  # fmt: skip
    command.add_command(other)
