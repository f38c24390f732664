"""From a measure of one channel to a measure of a pair of signals."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from nac_cli.errors import UsageError

Measure = Callable[[np.ndarray, np.ndarray, int], float]


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
