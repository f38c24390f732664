"""The bitrate at which a peer is as good as nac: "nac at 6 kbit/s equals Opus at N".

Method: for a metric, the peer's mean score over the clips is a curve over its mean actual bitrate, straight
between the measured points on a logarithmic scale of bitrates. N is the lowest bitrate at which the curve
reaches nac's mean score over the same clips. Where the peer's smallest file is better already, or its largest
measured one still worse, N is said to lie beyond that end. The interval is a bootstrap over the clips
(resampled as a whole, 95 %): how much N depends on which clips were taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nac_cli.bench.metrics import METRICS
from nac_cli.bench.results import Row

RESAMPLES = 400
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Equal:
    """nac at `target` (its mean file at `bitrate`) is by `metric` as good as `peer` at `peer_bitrate`:
    `relation` is "=" or, where that is the end of what was measured, "<" or ">". `interval` is of bitrates.
    All in bit/s."""

    metric: str
    target: int
    bitrate: float
    peer: str
    relation: str
    peer_bitrate: float
    interval: tuple[float, float]
    clips: int


def equals(rows: Sequence[Row], metrics: Sequence[str], peers: Sequence[str], codec: str = "nac") -> list[Equal]:
    """For each metric, peer and rate of `codec`; those of which nothing can be said are left out."""
    targets = dict.fromkeys(row.target for row in rows if row.codec == codec)
    found = (_equal(rows, metric, codec, target, peer) for metric in metrics for peer in peers for target in targets)
    return [equal for equal in found if equal]


def crossing(bitrates: Sequence[float], scores: Sequence[float], score: float, higher: bool) -> tuple[str, float]:
    """Where a curve first reaches `score`: relation and bitrate as in `Equal`. `bitrates` rise."""
    ahead = [(s - score if higher else score - s) for s in scores]
    if ahead[0] >= 0:
        return ("=" if ahead[0] == 0 else "<"), bitrates[0]
    for before, after in zip(range(len(ahead) - 1), range(1, len(ahead))):
        if ahead[after] >= 0:
            share = -ahead[before] / (ahead[after] - ahead[before])
            low, high = math.log(bitrates[before]), math.log(bitrates[after])
            return "=", math.exp(low + share * (high - low))
    return ">", bitrates[-1]


def _equal(rows: Sequence[Row], metric: str, codec: str, target: int, peer: str) -> Equal | None:
    ours = {row.clip: row for row in rows if row.codec == codec and row.target == target}
    points: dict[int, dict[str, Row]] = {}
    for row in rows:
        if row.codec == peer:
            points.setdefault(row.target, {})[row.clip] = row
    points = {key: found for key, found in points.items() if ours.keys() & found.keys()}
    clips = [clip for clip in ours if all(clip in found for found in points.values())]
    clips = [
        clip
        for clip in clips
        if all(
            math.isfinite(row.scores.get(metric, math.nan))
            for row in (ours[clip], *(found[clip] for found in points.values()))
        )
    ]
    if not clips or not points:
        return None
    least = METRICS[metric].least
    scores = np.array([[max(found[clip].scores[metric], least) for clip in clips] for found in points.values()])
    bitrates = np.array([[found[clip].bitrate for clip in clips] for found in points.values()])
    own = np.array([max(ours[clip].scores[metric], least) for clip in clips])
    higher = METRICS[metric].higher_is_better

    def over(chosen: np.ndarray) -> tuple[str, float]:
        means = bitrates[:, chosen].mean(axis=1)
        order = np.argsort(means, kind="stable")
        curve = scores[:, chosen].mean(axis=1)[order]
        return crossing(means[order].tolist(), curve.tolist(), float(own[chosen].mean()), higher)

    relation, peer_bitrate = over(np.arange(len(clips)))
    rng = np.random.default_rng(0)
    drawn = [over(rng.integers(len(clips), size=len(clips)))[1] for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, INTERVAL)
    mean_rate = float(np.mean([ours[clip].bitrate for clip in clips]))
    return Equal(metric, target, mean_rate, peer, relation, peer_bitrate, (float(low), float(high)), len(clips))
