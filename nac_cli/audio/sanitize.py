"""Cleaning of sound before coding (NaN and infinity), and account of clipping and silence."""

from __future__ import annotations

import numpy as np


class Sanitizer:
    """Cleans sound block by block and keeps account; `messages` then says it in words.

    - NaN and infinity become silence: one of them would spoil everything near it.
    - Samples beyond full scale stay (they are legal in float files), but are counted: integer outputs clip.
    """

    def __init__(self) -> None:
        self.replaced = 0
        """NaN and infinite samples so far."""
        self.beyond = 0
        """Samples so far beyond +-1."""
        self.peak = 0.0
        """Greatest absolute value so far."""
        self._samples = 0

    @property
    def silent(self) -> bool:
        """Whether there were samples, and all of them zero."""
        return self._samples > 0 and self.peak == 0.0

    def push(self, block: np.ndarray) -> np.ndarray:
        """The block `[C, T]`, itself if it is clean, else a cleaned copy."""
        self._samples += block.size
        if block.size == 0:
            return block
        peak = max(float(np.max(block)), -float(np.min(block)))
        if not np.isfinite(peak):
            finite = np.isfinite(block)
            self.replaced += int(block.size - np.count_nonzero(finite))
            block = np.where(finite, block, np.float32(0))
            peak = float(np.max(np.abs(block)))
        if peak > 1.0:
            self.beyond += int(np.count_nonzero(np.abs(block) > 1.0))
        self.peak = max(self.peak, peak)
        return block

    def messages(self) -> list[str]:
        """A sentence for everything worth telling, nothing for ordinary sound."""
        said = []
        if self.replaced:
            said.append(f"{_samples(self.replaced)} NaN or infinite; silence took their place")
        if self.beyond:
            level = 20 * np.log10(self.peak)
            peak = f"peak {level:+.1f} dBFS"
            said.append(f"{_samples(self.beyond)} beyond full scale ({peak}); integer outputs clip there")
        if self.silent:
            said.append("the sound is silent throughout")
        return said


def _samples(count: int) -> str:
    return f"{count} sample was" if count == 1 else f"{count} samples were"
