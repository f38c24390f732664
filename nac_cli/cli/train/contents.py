"""The contents of a corpus, in words and for `--json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted

if TYPE_CHECKING:
    from nac_cli.train.corpus.prepare import Item


def say_corpus(target: Path, items: list[Item], out: Output) -> None:
    """Say how much sound of which domains a new corpus holds."""
    seconds = seconds_of(items)
    total = sum(seconds.values())
    full_band = sum(item.seconds for item in items if item.full_band)
    out.say(
        f"{target}: {counted(len(items), 'file')}, {clock(total)} ({shares(seconds)}), "
        f"{full_band / total:.0%} full-band"
    )


def corpus_record(target: Path, items: list[Item]) -> dict[str, object]:
    """The figures that `say_corpus` prints, for `--json`."""
    full_band = sum(item.seconds for item in items if item.full_band)
    return {
        "target": str(target), "files": len(items), "seconds": seconds_of(items), "full_band_seconds": full_band,
    }  # fmt: skip


def seconds_of(items: list[Item]) -> dict[str, float]:
    """Seconds of sound in each domain, in alphabetical order."""
    seconds = {domain: 0.0 for domain in sorted({item.domain for item in items})}
    for item in items:
        seconds[item.domain] += item.seconds
    return seconds


def shares(seconds: dict[str, float]) -> str:
    """Seconds of sound by domain, in words."""
    return ", ".join(f"{domain} {clock(length)}" for domain, length in seconds.items())
