"""How loud the excerpts are that a codec learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nac_cli.errors import UsageError

QUIETEST = 1e-3
"""The least scale (-60 dB), so that silence is not amplified to full level."""
LONGEST_BLOCK = 0.4
"""Seconds of a gating block of ITU-R BS.1770."""


@dataclass(frozen=True)
class Level:
    """Decibels between `low` and `high`, drawn anew for each excerpt, above a `reference`:

    - "unit": an RMS of 1 over the excerpt and what is around it, where a file's gain nodes bring a recording;
    - "segment": an RMS of exactly 1 of the channels' mean within the excerpt, as EnCodec divides segments;
    - "recording": the recording's own level;
    - "loudness": 0 LUFS of the excerpt by itself. Needs `pyloudnorm`.

    The latter two are natural levels: what would exceed full scale is brought down to it.
    """

    reference: str = "unit"
    low: float = -4.0
    high: float = 4.0

    def __post_init__(self) -> None:
        if self.reference not in REFERENCES or self.low > self.high:
            raise UsageError(f"a level's reference is one of {', '.join(REFERENCES)}, and low at most high, not {self}")

    @property
    def natural(self) -> bool:
        return self.reference in ("recording", "loudness")

    def apply(self, excerpt: np.ndarray, rms: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
        """`excerpt` float32 `[..., T]` at unit RMS, that of its recording being `rms`, at a level of this kind and with
        either polarity."""
        level = 10 ** (rng.uniform(self.low, self.high) / 20) * rng.choice((-1, 1))
        excerpt = excerpt * np.float32(level * REFERENCES[self.reference](excerpt, rms, sample_rate))
        return excerpt / max(np.abs(excerpt).max(), np.float32(1)) if self.natural else excerpt


def _loudness(excerpt: np.ndarray, sample_rate: int) -> float:
    """LUFS of `[..., T]`; shorter than a gating block, it is one."""
    try:
        from pyloudnorm import Meter
    except ImportError as error:
        raise UsageError(f"pyloudnorm is not installed: pip install 'nac-cli[train]' ({error})") from error
    block = min(LONGEST_BLOCK, excerpt.shape[-1] / sample_rate)
    return Meter(sample_rate, block_size=block).integrated_loudness(excerpt.T)


def _to_full_loudness(excerpt: np.ndarray, rms: float, sample_rate: int) -> float:
    loudness = _loudness(excerpt, sample_rate)
    return 10 ** (-max(loudness, 20 * np.log10(QUIETEST)) / 20)


def _to_unit_segment(excerpt: np.ndarray, rms: float, sample_rate: int) -> float:
    middle = excerpt.reshape(-1, excerpt.shape[-1]).mean(0)
    return 1 / max(float(np.sqrt(np.mean(middle**2))), QUIETEST)


REFERENCES: dict[str, Callable[[np.ndarray, float, int], float]] = {
    "unit": lambda excerpt, rms, sample_rate: 1.0,
    "segment": _to_unit_segment,
    "recording": lambda excerpt, rms, sample_rate: rms,
    "loudness": _to_full_loudness,
}
"""Factors `(excerpt, rms, sample_rate)` by name."""
