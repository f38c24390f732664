"""Figures as text, for a terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nac_cli.bench.equal import Equal
from nac_cli.bench.metrics import METRICS
from nac_cli.bench.nac import FAMILIES
from nac_cli.bench.peers import PEERS
from nac_cli.bench.results import Row

UNDEFINED = "–"
LABELS = {
    "nac": "nac",
    **{name: peer.label for name, peer in PEERS.items()},
    **{name: name for name in FAMILIES},
}


def figure(value: float | None, digits: int = 2) -> str:
    """A dash for what is undefined."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}f}"


def mean_table(rows: Sequence[Row], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Header and lines; a star marks files that missed their size."""
    header = [
        "codec",
        "wanted",
        "file kbit/s",
        *(METRICS[name].label for name in metrics),
        "encode x",
        "decode x",
        "peak MB",
    ]
    lines = [
        [
            LABELS[row.codec],
            f"{row.target / 1000:g}",
            figure(row.bitrate / 1000) + ("" if row.met else "*"),
            *(figure(row.scores.get(name, math.nan)) for name in metrics),
            figure(row.encode_speed, 1),
            figure(row.decode_speed, 1),
            figure(row.peak_bytes and row.peak_bytes / 1e6, 0),
        ]
        for row in rows
    ]
    return header, lines


def equal_text(equal: Equal) -> str:
    """`Opus at 9.8 kbit/s (8.9 to 11.2)`."""
    return f"{LABELS[equal.peer]} {place_text(equal)}"


def place_text(equal: Equal) -> str:
    """The same without the peer."""
    beyond = {"=": "at", "<": "below", ">": "above"}[equal.relation]
    low, high = (bound / 1000 for bound in equal.interval)
    interval = f" ({low:.1f} to {high:.1f})" if equal.relation == "=" and high > low else ""
    return f"{beyond} {equal.peer_bitrate / 1000:.1f} kbit/s{interval}"
