"""Presets by name, and the changes that a command's options make to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import click

Config = TypeVar("Config")


def preset_named(name: str, known: Mapping[str, Config]) -> Config:
    """Raises click.UsageError for a name that there is not."""
    if name not in known:
        raise click.UsageError(f"there is no preset {name!r}; choose one of {', '.join(known)}.")
    return known[name]


def changed(config: Config, changes: Path | None, steps: int | None, batch_size: int | None) -> Config:
    """`config` with the values of the JSON file `changes`, then with those of options that were given."""
    from nac_cli.train.records import merged, override

    if changes is not None:
        config = merged(config, changes.read_text(encoding="utf-8"))
    return override(config, steps=steps, batch_size=batch_size)
