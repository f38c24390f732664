"""Options and arguments that several commands share, said once."""

from __future__ import annotations

import click


def _usable(ctx: click.Context, param: click.Parameter, device: str) -> str:
    """Refuses a GPU that is not there once, not for every input."""
    if device == "cuda" and not ctx.resilient_parsing:
        from nac_cli.pipelines.models.opening import choose_device

        choose_device(device)
    return device


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
bitrate_help = "such as 6kbps, 1.5kbps or 6000 (bit/s; k is 1000)"
entropy_option = click.option(
    "--entropy",
    type=click.Choice(["auto", "packed", "static", "lm"]),
    default="auto",
    show_default=True,
    help="How codes are packed: plain bits; by the model's tables; by its language model, which makes smaller "
    "files and takes longer both ways. auto takes the smallest of what the model has.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, an object for each input.")
quiet_option = click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")


def chosen_device(device: str, threads: int | None) -> str:
    """What `device_option` and `threads_option` come to; sets the number of CPU threads."""
    from nac_cli.pipelines.models.opening import choose_device

    return choose_device(device, threads)
