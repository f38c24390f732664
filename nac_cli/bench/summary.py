"""Summary of a comparison: sentences, wins and losses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from nac_cli.bench.equal import Equal, equals
from nac_cli.bench.metrics import METRICS
from nac_cli.bench.results import Row
from nac_cli.bench.tables import LABELS, UNDEFINED, figure, place_figure, place_text

FIRST = ("visqol", "zimtohrli", "mel", "pesq", "stoi")
"""Metrics of the sentence: they disagree, so it has all of them that were measured."""
USUAL_RATE = 6000


def peers_of(rows: Sequence[Row]) -> list[str]:
    """Codecs beside nac, in order of appearance."""
    return [codec for codec in dict.fromkeys(row.codec for row in rows) if codec != "nac"]


def sentence(rows: Sequence[Row]) -> str:
    """`On 11 clips, nac at 6 kbit/s is as good as Opus at 9.8 kbit/s by ViSQOL, ...; ...`"""
    clips = len({row.clip for row in rows})
    counted = counted_clips(clips)
    ours, peers = [row for row in rows if row.codec == "nac"], peers_of(rows)
    if not ours or not peers:
        codecs = ", ".join(LABELS[codec] for codec in dict.fromkeys(row.codec for row in rows))
        return f"{codecs} on {counted}."
    target = usual_rate({row.target for row in ours})
    peer = peers[0]
    some = [name for name in FIRST if any(math.isfinite(row.scores.get(name, math.nan)) for row in ours)]
    some = some or list(ours[0].scores)[:1]
    found = [equal for equal in equals(rows, some, [peer]) if equal.target == target]
    parts = [f"{place_text(equal)} by {METRICS[equal.metric].label}{_on(equal, clips)}" for equal in found]
    wins = [
        f"{METRICS[name].label} {won} of {whole}"
        for name in some
        for won, _, whole in [wins_of(rows, target, peer, name)]
        if whole
    ]
    said = (
        f"On {counted}, nac at {target / 1000:g} kbit/s is as good as {LABELS[peer]} {', '.join(parts)}."
        if parts
        else ""
    )
    return (
        f"{said} At the same file size it is better than {LABELS[peer]} on: {', '.join(wins)} clips." if wins else said
    )


def usual_rate(rates: Iterable[int]) -> int:
    """The one nearest to USUAL_RATE."""
    return min(rates, key=lambda rate: (abs(rate - USUAL_RATE), rate))


def counted_clips(count: int) -> str:
    return f"{count} clip" + ("" if count == 1 else "s")


def _on(equal: Equal, clips: int) -> str:
    """How many clips a metric speaks of, if it is not all."""
    return "" if equal.clips == clips else f" ({equal.clips} of them)"


def wins_of(rows: Sequence[Row], target: int, peer: str, metric: str) -> tuple[int, int, int]:
    """On how many clips nac is better than `peer` at `target`, on how many worse, and how many have both
    figures."""
    won = lost = whole = 0
    better = METRICS[metric].better
    for ours, theirs in pairs(rows, target, peer):
        a, b = ours.scores.get(metric, math.nan), theirs.scores.get(metric, math.nan)
        if not (math.isnan(a) or math.isnan(b)):
            whole, won, lost = whole + 1, won + better(a, b), lost + better(b, a)
    return won, lost, whole


def pairs(rows: Sequence[Row], target: int, peer: str) -> list[tuple[Row, Row]]:
    """nac's row and the peer's of each clip that has both."""
    theirs = {row.clip: row for row in rows if row.codec == peer and row.target == target}
    ours = [row for row in rows if row.codec == "nac" and row.target == target]
    return [(row, theirs[row.clip]) for row in ours if row.clip in theirs]


def clip_table(rows: Sequence[Row], target: int, peer: str, metrics: Sequence[str]) -> list[dict]:
    """A line per clip: nac's figure, the peer's, and which is better."""
    lines = []
    for ours, theirs in pairs(rows, target, peer):
        cells = []
        for name in metrics:
            a, b = ours.scores.get(name, math.nan), theirs.scores.get(name, math.nan)
            kind = "win" if METRICS[name].better(a, b) else "loss" if METRICS[name].better(b, a) else ""
            mark = {"win": " ▲", "loss": " ▼", "": ""}[kind]
            cells.append({"text": f"{figure(a)} / {figure(b)}{mark}", "kind": kind})
        lines.append({"clip": ours.clip, "cells": cells})
    return lines


def win_table(rows: Sequence[Row], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Header and lines: for each peer and rate of nac, on how many clips nac is better by each metric."""
    found = {}
    for peer in peers_of(rows):
        for target in dict.fromkeys(row.target for row in rows if row.codec == "nac"):
            found[peer, target] = [_wins_text(rows, target, peer, name) for name in metrics]
    return _header("beside", metrics), [[_beside(*key), *cells] for key, cells in found.items()]


def equal_table(rows: Sequence[Row], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Header and lines: for each peer and rate of nac, the peer's bitrate in kbit/s that is as good by each
    metric."""
    found: dict[tuple[str, int], dict[str, Equal]] = {}
    for equal in equals(rows, metrics, peers_of(rows)):
        found.setdefault((equal.peer, equal.target), {})[equal.metric] = equal
    lines = [
        [_beside(*key), *(place_figure(by[name]) if name in by else UNDEFINED for name in metrics)]
        for key, by in found.items()
    ]
    return _header("peer, nac at", metrics), lines


def _header(first: str, metrics: Sequence[str]) -> list[str]:
    return [first, *(METRICS[name].label for name in metrics)]


def _beside(peer: str, target: int) -> str:
    return f"{LABELS[peer]}, {target / 1000:g} kbit/s"


def _wins_text(rows: Sequence[Row], target: int, peer: str, metric: str) -> str:
    wins, losses, whole = wins_of(rows, target, peer, metric)
    alike = whole - wins - losses
    return (f"{wins} of {whole}" if whole else UNDEFINED) + (f" ({alike} alike)" if alike else "")
