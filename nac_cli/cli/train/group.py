"""`nac train`: a corpus, a codec, a weight file."""

from __future__ import annotations

import click

from nac_cli.cli.train import build, codec, corpus, detail, lm, presets


@click.group("train", short_help="Train a model of your own.")
def command() -> None:
    """Train a codec: prepare a corpus, train on it, export a weight file; then a language model for its codes.

    \b
    nac train prepare music/ speech/ corpus/
    nac train codec corpus/ --out run/ --steps 100000
    nac train export run/ mine.safetensors --corpus corpus/
    nac train lm corpus/ --out lm/ --model mine.safetensors
    """


for member in (
    corpus.prepare, build.corpus, corpus.scan, corpus.pack, lm.tokens, lm.lm, lm.export_lm,
    codec.codec, presets.presets, codec.checkpoint_command, codec.export, detail.detail,
):  # fmt: skip
    command.add_command(member)
