"""Quantisation steps from the base's own spectrum: the decoder has it as well, so they cost nothing."""

from __future__ import annotations

import numpy as np

from nac_cli.detail.bands import Blocks
from nac_cli.detail.shapes import Shape

FLOOR = 1e-8
"""Least mean power of a line; the sound has about unit level."""
LOWEST_HZ = 200.0


def log_steps(base: np.ndarray, blocks: Blocks, shape: Shape, sample_rate: int) -> np.ndarray:
    """Natural logarithms float32 `[T]` of the steps for a step index that stands for 1, from the base's coefficients
    `[T]`.

    envelope^(alpha / 2) * (max(f, 200 Hz) / 1 kHz)^tilt, the envelope being the base's mean power in bands, averaged
    with half of each neighbouring block's.
    """
    power = blocks.sums(base * base) / blocks.widths()
    padded = np.pad(power, ((1, 1), (0, 0)), mode="edge")
    envelope = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    logs = blocks.slopes(shape.alpha / 2 * np.log(envelope + FLOOR))
    if shape.tilt:
        hz = np.maximum(blocks.frequencies() * (sample_rate / 2), LOWEST_HZ)
        logs += shape.tilt * np.log(hz / 1000)
    return logs
