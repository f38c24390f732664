"""From float samples to integers, with dither and an account of what was clipped."""

from __future__ import annotations

import numpy as np
from numpy.random import PCG64, Generator

DITHER_SEED = 0x6E6163


class Quantizer:
    """Rounds float samples in [-1, 1) to integers of `bits` bits; full scale 1.0 is 2^(bits - 1).

    `dither` adds triangular noise of +-1 step before rounding (Lipshitz, Wannamaker and Vanderkooy, 1992),
    which makes the rounding error independent of the sound. The noise is the same in every run and for every
    split into blocks. Digital silence stays digital silence.
    """

    def __init__(self, bits: int, dither: bool):
        self._scale = float(1 << (bits - 1))
        self._noise = Generator(PCG64(DITHER_SEED)) if dither else None
        self.clipped = 0
        """Samples so far that lay beyond full scale."""

    def quantize(self, block: np.ndarray) -> np.ndarray:
        """Integers int32 `[T, C]` (interleaved) of a float32 block `[C, T]`."""
        samples = np.ascontiguousarray(block.T)
        self.clipped += int(np.count_nonzero(np.abs(samples) > 1.0))
        steps = samples * np.float32(self._scale)
        if self._noise is not None:
            noise = self._noise.random((*samples.shape, 2), dtype=np.float32)
            steps += np.where(samples == 0, np.float32(0), noise[..., 0] - noise[..., 1])
        np.rint(steps, out=steps)
        return np.clip(steps, -self._scale, self._scale - 1, out=steps).astype(np.int32)
