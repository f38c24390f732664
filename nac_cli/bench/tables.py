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
FIRST_COLUMNS = ("codec", "wanted", "file kbit/s")
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
    """Header and lines: what `means` are of quality; a star marks files that missed their size."""
    header = [*FIRST_COLUMNS, *(METRICS[name].label for name in metrics)]
    lines = [[*_first_cells(row), *(figure(row.scores.get(name, math.nan)) for name in metrics)] for row in rows]
    return header, lines


def cost_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and lines: what quality takes, speed and memory."""
    lines = [
        [
            *_first_cells(row),
            figure(row.encode_speed, 1),
            figure(row.decode_speed, 1),
            figure(row.peak_bytes and row.peak_bytes / 1e6, 0),
        ]
        for row in rows
    ]
    return [*FIRST_COLUMNS, "encode x", "decode x", "peak MB"], lines


def _first_cells(row: Row) -> list[str]:
    file = figure(row.bitrate / 1000) + ("" if row.met else "*")
    return [LABELS[row.codec], f"{row.target / 1000:g}", file]


def place_text(equal: Equal) -> str:
    """`at 9.8 kbit/s (8.9 to 11.2)`, for a sentence."""
    beyond = {"=": "at", "<": "below", ">": "above"}[equal.relation]
    return f"{beyond} {equal.peer_bitrate / 1000:.1f} kbit/s{_interval(equal)}"


def place_figure(equal: Equal) -> str:
    """`9.8 (8.9 to 11.2)` in kbit/s, for a table; `> 24.0` beyond what was measured."""
    beyond = "" if equal.relation == "=" else f"{equal.relation} "
    return f"{beyond}{equal.peer_bitrate / 1000:.1f}{_interval(equal)}"


def _interval(equal: Equal) -> str:
    low, high = (bound / 1000 for bound in equal.interval)
    return f" ({low:.1f} to {high:.1f})" if equal.relation == "=" and high > low else ""
