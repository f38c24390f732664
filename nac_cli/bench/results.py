"""Rows of a comparison: their means, as CSV, as JSON, as a table."""

from __future__ import annotations

import csv
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TextIO

import numpy as np
from rich.table import Table

from nac_cli.bench.metrics import METRICS

MEAN = "mean"
PACKAGES = ("nac-cli", "av", "soxr", "numpy", "scipy", "visqol-python", "zimtohrli")


@dataclass(frozen=True)
class Row:
    """One clip through one codec at one nominal `target`; `bitrate` is the file's. Rates in bit/s.

    `scores` maps the keys of METRICS to what was measured, NaN where a metric says nothing about the clip.
    """

    clip: str
    codec: str
    target: int
    bitrate: float
    file_bytes: int
    setting: str
    scores: dict[str, float]


def means(rows: Sequence[Row]) -> list[Row]:
    """One row per codec and target, in order of appearance: plain means over the clips that have a figure."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.codec, row.target), []).append(row)
    return [
        Row(
            clip=MEAN,
            codec=codec,
            target=target,
            bitrate=_mean([row.bitrate for row in group]),
            file_bytes=round(_mean([row.file_bytes for row in group])),
            setting=f"{len(group)} clips",
            scores={name: _mean([row.scores[name] for row in group]) for name in group[0].scores},
        )
        for (codec, target), group in groups.items()
    ]


def write_csv(rows: Sequence[Row], file: TextIO) -> None:
    """One line per row and, below them, the means; a column per metric."""
    names = list(rows[0].scores) if rows else []
    lines = csv.writer(file)
    lines.writerow(["clip", "codec", "target", "bitrate", "file_bytes", "setting", *names])
    for row in (*rows, *means(rows)):
        origin = [row.clip, row.codec, row.target, f"{row.bitrate:.1f}", row.file_bytes, row.setting]
        lines.writerow([*origin, *(f"{row.scores[name]:.4f}" for name in names)])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Rows, means and the versions that made them. JSON has no NaN and no infinity: both become null."""
    content = {
        "versions": {"python": platform.python_version(), **_versions()},
        "rows": [_plain(row) for row in rows],
        "means": [_plain(row) for row in means(rows)],
    }
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> Table:
    """For a terminal; an undefined figure is a dash."""
    names = list(rows[0].scores) if rows else []
    layout = Table("clip", "codec", "setting")
    for heading in ("target", "file kbit/s", *(METRICS[name].label for name in names)):
        layout.add_column(heading, justify="right")
    for row in rows:
        rates = f"{row.target / 1000:g}", f"{row.bitrate / 1000:.2f}"
        scores = ("–" if math.isnan(row.scores[name]) else f"{row.scores[name]:.2f}" for name in names)
        layout.add_row(row.clip, row.codec, row.setting, *rates, *scores)
    return layout


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def _plain(row: Row) -> dict:
    scores = {name: score if math.isfinite(score) else None for name, score in row.scores.items()}
    return {**vars(row), "scores": scores}


def _versions() -> dict[str, str | None]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found
