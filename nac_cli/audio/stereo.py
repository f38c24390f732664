"""Rotation of a stereo pair into a principal and a residual channel, by angles in units of 2 pi / 64.

The principal channel lies along the direction in which the pair has most energy (principal component
analysis, as in van der Waal and Veldhuis, "Subband coding of stereophonic digital audio signals", ICASSP
1991): what is in the middle of a mix leaves nothing in the residual. Angle 0 is left/right, 8 (45 degrees) is
mid/side.
"""

from __future__ import annotations

import math

import numpy as np

from nac_cli.kernels.blas import one_thread

STEPS = 64
"""Angles on the circle."""
MID_SIDE = 8
SILENCE = 1e-10
"""Mean square below which a block has no direction (-100 dBFS)."""
LEAST_DIRECTION = 0.1
"""Difference of the two principal energies over their sum, below which the direction is chance."""


def rotate(pair: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Principal and residual `[2, T]` of left and right `[2, T]`; `angles` `[T]` in radians."""
    cosine, sine = _cos_sin(pair, angles)
    left, right = pair
    return np.stack([cosine * left + sine * right, cosine * right - sine * left])


def unrotate(pair: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Left and right `[2, T]` of principal and residual `[2, T]`: the inverse of `rotate`."""
    cosine, sine = _cos_sin(pair, angles)
    principal, residual = pair
    return np.stack([cosine * principal - sine * residual, sine * principal + cosine * residual])


def _cos_sin(pair: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.cos(angles).astype(pair.dtype), np.sin(angles).astype(pair.dtype)


def angle_ramp(start: int, end: int, start_sample: int, stop_sample: int, length: int) -> np.ndarray:
    """Radians float64 `[n]` at the samples [start_sample, stop_sample) of a chunk of `length` samples.

    The angle goes evenly from node `start` at sample 0 to node `end` at sample `length`, the shorter way
    round the circle; from one node to the opposite one, upwards.
    """
    turn = (end - start) % STEPS
    if turn > STEPS // 2:
        turn -= STEPS
    samples = np.arange(start_sample, stop_sample, dtype=np.float64)
    return (start + turn * (samples / max(length, 1))) * (2 * math.pi / STEPS)


def principal_angle(pair: np.ndarray, previous: int | None) -> int:
    """The node 0..63 nearest to the principal direction of a pair's block `[2, T]`.

    A direction and its opposite serve equally well: the one nearer to `previous` is taken. Where there is no
    clear direction (silence, or two equal and unrelated channels) the answer is `previous`, or mid/side at
    the beginning.
    """
    left, right = pair.astype(np.float64)
    with one_thread():  # others make the sums no faster, and order them otherwise on every machine
        energy_left, energy_right, cross = left @ left, right @ right, left @ right
    total = energy_left + energy_right
    difference = math.hypot(energy_left - energy_right, 2 * cross)
    if total <= SILENCE * max(left.size, 1) or difference < LEAST_DIRECTION * total:
        return MID_SIDE if previous is None else previous
    angle = math.atan2(2 * cross, energy_left - energy_right) / 2
    node = round(angle * STEPS / (2 * math.pi)) % STEPS
    if previous is None or _distance(node, previous) <= STEPS // 4:
        return node
    return (node + STEPS // 2) % STEPS


def _distance(one: int, other: int) -> int:
    """Nodes between two angles, the shorter way round."""
    return min((one - other) % STEPS, (other - one) % STEPS)
