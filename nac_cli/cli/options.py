"""Options and arguments that several commands share, said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from nac_cli.cli.units import Duration
from nac_cli.errors import UsageError
from nac_cli.models import zoo
from nac_cli.pipelines.chain.duration import MAX_SECONDS
from nac_cli.values import ENTROPY, MAX_PLANES

if TYPE_CHECKING:
    from nac_cli.pipelines.rate.target import Target
    from nac_cli.values import CodecSpec


def _usable(ctx: click.Context, param: click.Parameter, device: str) -> str:
    """Refuses a GPU that is not there once, not for every input."""
    if device == "cuda" and not ctx.resilient_parsing:
        from nac_cli.pipelines.models.opening import choose_device

        choose_device(device)
    return device


DEFAULT_MODEL = zoo.DEFAULT
FILE = click.Path(allow_dash=True)

inputs_argument = click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=FILE)
files_argument = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=FILE)

output_option = click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=FILE,
    help="A file; a folder (one that exists, or a name ending in /, made if needed); or - for stdout.  "
    "[default: beside IN, or stdout if IN is -]",
)
force_option = click.option("-f", "--force", is_flag=True, help="Replace outputs that exist.")
tags_option = click.option("--no-tags", is_flag=True, help="Leave tags and pictures out.")
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    callback=_usable,
    help="Where the model runs; auto takes a GPU if there is one.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads.  [default: all cores]"
)
max_duration_option = click.option(
    "--max-duration",
    type=Duration(),
    default=MAX_SECONDS,
    help="Refuse files of more sound, such as 90s, 9m or 1h30m; a few bytes can claim years.  [default: 100h]",
)
bitrate_help = "such as 6kbps, 1.5kbps or 6000 (bit/s; k is 1000)"
detail_option = click.option(
    "--detail/--no-detail",
    default=True,
    help="Whether a part of the bitrate goes to detail over the codes: from 2.2 kbit/s on, stereo from 5.25.  "
    "[default: yes]",
)
entropy_option = click.option(
    "--entropy",
    type=click.Choice(ENTROPY),
    default="auto",
    show_default=True,
    help="How codes are packed: plain bits; by the model's tables; by its language model, which makes smaller "
    "files and takes longer both ways. auto takes the smallest of what the model has.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, an object for each input.")
quiet_option = click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")


def planes_option(help: str) -> Callable:
    """`-q`, with a command's own help."""
    return click.option("-q", "--planes", type=click.IntRange(1, MAX_PLANES), metavar="N", help=help)


def target(bitrate: int | None, planes: int | None) -> Target:
    """The target that `-b` and `-q` ask for. Raises click.UsageError where both are given."""
    from nac_cli.pipelines.rate.target import Target

    if bitrate is not None and planes is not None:
        raise click.UsageError("-b and -q exclude each other: give a bitrate or a depth.")
    return Target(bitrate, planes)


def require_possible(target: Target, codec: CodecSpec) -> None:
    """Raises click.UsageError for a depth that `codec` lacks: once, not for every input."""
    try:
        target.require_possible(codec)
    except UsageError as error:
        raise click.UsageError(f"{error}.") from error
