"""`nac train detail`: tables of the detail coder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.bench.options import KilobitRates
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted, kilobits
from nac_cli.cli.train.corpus import FOLDER
from nac_cli.cli.train.lm import model_option
from nac_cli.cli.train.teller import RunTeller

if TYPE_CHECKING:
    from nac_cli.train.detail.run import Measured

COLUMNS = ("DOMAIN", "BITRATE", "LAYERS", "BITS", "SAVED")


@click.command("detail", short_help="Learn the tables of the detail coder.")
@click.argument("corpus", type=FOLDER)
@click.option(
    "--out",
    "target",
    required=True,
    metavar="FILE.safetensors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the new tables.",
)
@model_option
@click.option(
    "--clips", type=click.IntRange(min=2), default=200, show_default=True, metavar="N", help="Drawn from the corpus."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=10,
    show_default=True,
    metavar="S",
    help="Length of a clip.",
)
@click.option(
    "--rates",
    "bitrates",
    type=KilobitRates(),
    default="5,6,8,9,12,16",
    show_default=True,
    help="Rates of the clips in turn, in kbit/s.",
)
@click.option(
    "--from",
    "start",
    type=click.Choice(["tables", "untrained"]),
    default="tables",
    show_default=True,
    help="Begin with the tables that nac has, or with nothing.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which clips are drawn.")
@options.device_option
@options.threads_option
@options.force_option
@options.json_option
@options.quiet_option
def detail(corpus, target, as_json, quiet, **rest) -> None:
    """Learn the tables that the coder of detail starts from, on CORPUS: a folder made by `nac train corpus` or
    `nac train prepare`, or any folder of recordings.

    Clips of it are compressed, and the coder goes through the detail of one after the other. One recording in eight is
    held out: on these the new tables are measured beside those that nac has.

    nac goes on using its own tables, which every file with detail stands on: others are another detail coding.

    \b
    nac train detail corpus/ --out tables.safetensors --clips 200
    """
    from nac_cli.train.detail import run

    out = Output(as_json, quiet)
    trained = run.train(corpus, target, **rest, listener=RunTeller(out))
    out.table([_row(measured) for measured in trained.held_out], COLUMNS)
    out.say(
        f"{target}: learnt from {counted(trained.layers, 'layer')}; SHA-256 {trained.sha256.hex()}; "
        f"{trained.saved:.2%} of the bits of held-out layers saved"
    )
    out.record(
        {
            "target": str(target), "sha256": trained.sha256.hex(), "layers": trained.layers, "saved": trained.saved,
            "held_out": [asdict(row) for row in trained.held_out], "exit_code": 0,
        }
    )  # fmt: skip


def _row(measured: Measured) -> tuple[str, ...]:
    old_bits, saved = f"{measured.old_bits:.0f}", f"{measured.saved:.2%}"
    return measured.domain, kilobits(measured.bitrate), str(measured.layers), old_bits, saved
