"""`nac train presets`: networks and schedules, of codecs and of language models."""

from __future__ import annotations

import json

import click

from nac_cli.cli import options
from nac_cli.cli.train.config import preset_named


@click.command("presets", short_help="List networks and schedules.")
@click.argument("name", required=False)
@options.json_option
def presets(name, as_json) -> None:
    """List the presets, or print all values of one as JSON.

    \b
    nac train presets
    nac train presets nac-44k > mine.json       edit it, then: nac train codec --config mine.json
    """
    from nac_cli.train.codec.presets import PRESETS
    from nac_cli.train.lm.config import PRESETS as LM_PRESETS
    from nac_cli.train.records import to_json

    every = PRESETS | LM_PRESETS
    if name is not None:
        click.echo(json.dumps(json.loads(to_json(preset_named(name, every))), indent=1))
        return
    for preset, config in every.items():
        if as_json:
            click.echo(json.dumps({"name": preset, **json.loads(to_json(config))}))
        else:
            click.echo(f"{preset:24}{config.about}")
