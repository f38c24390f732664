"""From a measure of one channel to a measure of a pair of signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps

import numpy as np

from nac_cli.errors import UsageError

Measure = Callable[[np.ndarray, np.ndarray, int], float]
NARROWEST = 1e-6
"""Side's share of the middle's energy (-60 dB) under which a sound counts as mono."""


def per_channel(measure: Measure) -> Measure:
    """Lets a `measure` of float64 `[T]` arrays take any float `[T]` or `[C, T]`: the mean over the channels.

    The measure then raises UsageError for signals that differ in shape or hold nothing.
    """

    @wraps(measure)
    def averaged(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
        shapes = np.shape(reference), np.shape(degraded)
        if shapes[0] != shapes[1] or len(shapes[0]) not in (1, 2) or np.size(reference) == 0:
            raise UsageError(
                f"a metric needs two signals of one shape, [T] or [C, T] with at least one sample, "
                f"got {list(shapes[0])} and {list(shapes[1])}"
            )
        originals, decoded = (np.atleast_2d(np.asarray(signal, float)) for signal in (reference, degraded))
        return float(np.mean([measure(*pair, sample_rate) for pair in zip(originals, decoded)]))

    return averaged


def of_side(measure: Measure) -> Measure:
    """`measure` of half the difference of two channels; NaN for anything but stereo, and where both sides are
    silent."""

    @wraps(measure)
    def measured(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
        if np.shape(reference) != np.shape(degraded) or len(reference) != 2 or np.ndim(reference) != 2:
            return math.nan
        original, decoded = ((np.asarray(pair[0], float) - pair[1]) / 2 for pair in (reference, degraded))
        return measure(original, decoded, sample_rate) if original.any() or decoded.any() else math.nan

    return measured


def width(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """How far the level of the side signal (left - right), relative to the middle's, is from the original's,
    in dB.

    0 is best, and narrower is as bad as wider. Levels beyond -60 and 60 dB count as these, so that mono is 60
    dB off a sound whose middle and side are alike. NaN for anything but stereo and for silence.
    """
    if np.shape(reference) != np.shape(degraded) or np.ndim(reference) != 2 or len(reference) != 2:
        return math.nan
    levels = [_side_level(np.asarray(pair, float)) for pair in (reference, degraded)]
    return abs(levels[1] - levels[0])


def _side_level(pair: np.ndarray) -> float:
    side, middle = (float(np.square(part).mean()) for part in (pair[0] - pair[1], pair[0] + pair[1]))
    if side == middle == 0:
        return math.nan
    ratio = side / middle if middle else math.inf
    return 10 * math.log10(min(max(ratio, NARROWEST), 1 / NARROWEST))
