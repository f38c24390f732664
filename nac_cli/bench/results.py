"""Rows of a comparison: their means, as CSV, as JSON, and one by one on disk so that a run can be resumed."""

from __future__ import annotations

import csv
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import TextIO

import numpy as np

from nac_cli.files import write_text

MEAN = "mean"
MOST = 1e15
LONGEST_SHOWN = 80
"""Characters of a row in a message."""
EVERYTHING = "all"
"""Domain of the means over all clips."""
PACKAGES = (
    "nac-cli",
    "torch",
    "av",
    "soxr",
    "numpy",
    "scipy",
    "visqol-python",
    "zimtohrli",
    "pesq",
    "pystoi",
)


@dataclass(frozen=True)
class Row:
    """One clip through one codec at one nominal `target`; `bitrate` is the file's. Rates in bit/s, times in
    seconds.

    `met` says whether the file has the size that it was to have: a peer under its floor has a larger one.
    `peak_bytes` is the memory of a process that did nothing but this, None where it was not measured, `split`
    where the bits of a nac file went (as `pipelines.split.Split`), `sound` the decoded sound's place in the report's
    folder. `scores` maps keys of METRICS to what was measured, NaN where a metric says nothing about the
    clip.
    """

    clip: str
    codec: str
    target: int
    bitrate: float
    file_bytes: int
    setting: str
    scores: dict[str, float]
    domain: str = EVERYTHING
    met: bool = True
    seconds: float = 0.0
    sample_rate: int = 0
    channels: int = 1
    encode_seconds: float = math.nan
    decode_seconds: float = math.nan
    peak_bytes: int | None = None
    split: dict | None = None
    sound: str | None = None

    @property
    def kept_sound(self) -> str:
        """`sound`, of a row that has one."""
        assert self.sound is not None  # whoever asks has looked
        return self.sound

    @property
    def encode_speed(self) -> float:
        """Seconds of sound encoded in a second (the inverse of a real-time factor); NaN where unknown."""
        return self.seconds / self.encode_seconds if self.encode_seconds else math.nan

    @property
    def decode_speed(self) -> float:
        return self.seconds / self.decode_seconds if self.decode_seconds else math.nan


PLAIN = [field.name for field in fields(Row) if field.name not in ("clip", "codec", "scores", "split", "sound")]


def means(rows: Sequence[Row], domain: str | None = None) -> list[Row]:
    """One row per codec and target, in order of appearance: plain means over the clips (of `domain`, or all)
    that have a finite figure."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if domain in (None, row.domain):
            groups.setdefault((row.codec, row.target), []).append(row)
    return [_mean_row(group, domain or EVERYTHING) for group in groups.values()]


def domains(rows: Sequence[Row]) -> list[str]:
    """In order of appearance."""
    return list(dict.fromkeys(row.domain for row in rows))


def metrics_of(rows: Sequence[Row]) -> list[str]:
    """Metrics of which some row has a figure."""
    names = dict.fromkeys(name for row in rows for name in row.scores)
    return [name for name in names if any(not math.isnan(row.scores.get(name, math.nan)) for row in rows)]


def write_csv(rows: Sequence[Row], file: TextIO) -> None:
    """One line per row and, below them, the means; a column per metric."""
    names = list(rows[0].scores) if rows else []
    lines = csv.writer(file)
    lines.writerow(["clip", "codec", *PLAIN, *names])
    for row in (*rows, *means(rows)):
        values = [getattr(row, name) for name in PLAIN]
        scores = (f"{row.scores.get(name, math.nan):.4f}" for name in names)
        lines.writerow([row.clip, row.codec, *(_short(value) for value in values), *scores])


def write_json(rows: Sequence[Row], path: Path, about: dict | None = None) -> None:
    """Rows, means and the versions that made them, with what else is to be said `about` the run. JSON has no
    NaN and no infinity: they become null and the texts "inf" and "-inf"."""
    content = {
        "versions": {"python": platform.python_version(), **_versions()},
        **(about or {}),
        "rows": [plain(row) for row in rows],
        "means": [plain(row) for row in means(rows)],
    }
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def plain(row: Row) -> dict:
    """For JSON."""
    scores = {name: _number(score) for name, score in row.scores.items()}
    timed = {name: _number(getattr(row, name)) for name in ("encode_seconds", "decode_seconds")}
    return asdict(row) | {"scores": scores} | timed


def from_plain(values: dict) -> Row:
    """Inverse of `plain`. Raises ValueError, KeyError, TypeError or AttributeError for what no row is: the file may
    be a stranger's."""
    scores = {name: math.nan if score is None else float(score) for name, score in values["scores"].items()}
    times = ("encode_seconds", "decode_seconds")
    timed = {name: math.nan if values[name] is None else values[name] for name in times}
    row = Row(**values | {"scores": scores} | timed)
    if not (_has_types(row) and _has_split(row.split) and _is_inside(row.sound)):
        raise ValueError(f"no row of results: {str(values)[:LONGEST_SHOWN]}")
    return row


def _has_types(row: Row) -> bool:
    texts = row.clip, row.codec, row.setting, row.domain
    counts = row.target, row.file_bytes, row.sample_rate, row.channels, row.peak_bytes or 0
    sizes = *counts, row.bitrate, row.seconds
    times = row.encode_seconds, row.decode_seconds
    return (
        all(isinstance(text, str) for text in texts)
        and all(type(count) is int for count in counts)
        and all(isinstance(size, int | float) and 0 <= size < MOST for size in sizes)
        and all(isinstance(time, int | float) and not time < 0 for time in times)
        and row.target > 0
    )


def _has_split(split: object) -> bool:
    """Whether it is None, or says where bits went."""
    if split is None or split == {}:
        return True
    if not isinstance(split, dict) or not isinstance(split["planes"], list) or not isinstance(split["modes"], dict):
        return False
    counts = *split["planes"], *split["modes"].values(), *(split[name] for name in ("container", "side", "coder"))
    return all(isinstance(count, int | float) and 0 <= count < MOST for count in counts)


def _is_inside(sound: object) -> bool:
    """Whether a sound is None, or named by a path inside of the report's folder."""
    if sound is None or sound == "":
        return True
    return isinstance(sound, str) and not Path(sound).is_absolute() and ".." not in Path(sound).parts


def _mean_row(group: list[Row], domain: str) -> Row:
    first = group[0]
    peaks = [row.peak_bytes for row in group if row.peak_bytes is not None]
    return Row(
        clip=MEAN,
        codec=first.codec,
        target=first.target,
        bitrate=mean([row.bitrate for row in group]),
        file_bytes=round(mean([row.file_bytes for row in group])),
        setting=f"{len(group)} clips",
        scores={name: mean([row.scores.get(name, math.nan) for row in group]) for name in first.scores},
        domain=domain,
        met=all(row.met for row in group),
        seconds=sum(row.seconds for row in group),
        sample_rate=first.sample_rate,
        channels=first.channels,
        encode_seconds=sum(row.encode_seconds for row in group),
        decode_seconds=sum(row.decode_seconds for row in group),
        peak_bytes=max(peaks, default=None),
    )


def mean(values: Sequence[float]) -> float:
    """Mean of the finite values, NaN if there is none."""
    defined = [value for value in values if math.isfinite(value)]
    return float(np.mean(defined)) if defined else math.nan


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _short(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else value


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found
