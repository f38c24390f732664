"""A peer at its best: every setting's bitrate parameter searched until the file has the size, the best
setting kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import soxr

from nac_cli.errors import UsageError

SEARCH_STEPS = 12
CLOSE_ENOUGH = 0.004
TOLERANCE = 0.02
JUDGES = ("visqol", "zimtohrli", "mel")


class Setting(Protocol):
    """All that is chosen beside the bitrate; its text names the choice. Audio is float32 `[C, T]` at
    `sample_rate`."""

    @property
    def sample_rate(self) -> int: ...

    def limits(self, channels: int) -> tuple[int, int]:
        """The bitrates (bit/s) that the encoder takes."""

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        """A whole file; `bitrate` is the encoder's parameter, which it may miss."""

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        """From the first sample on; there may be too many at the end."""


@dataclass(frozen=True)
class PeerResult:
    """`decoded` is float32 `[C, T]` like what went in; `bitrate` (bit/s) is that of the whole file; times in
    seconds are those of one encoding and one decoding; `scores` are those that the choice of the setting
    needed."""

    decoded: np.ndarray
    file_bytes: int
    bitrate: float
    setting: str
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)

    def meets(self, target: float) -> bool:
        """Whether the file has the size that was asked for."""
        return abs(self.bitrate / target - 1) <= TOLERANCE


def through(samples: np.ndarray, sample_rate: int, bitrate: int, setting: Setting) -> PeerResult:
    """`samples` float `[C, T]`, C 1 or 2, into a file and back, with `bitrate` as the encoder's parameter.

    Raises UsageError for other shapes and for bitrates that the encoder refuses.
    """
    samples = checked(samples)
    low, high = setting.limits(len(samples))
    if not low <= bitrate <= high:
        raise UsageError(f"{setting} takes {low} to {high} bit/s for {len(samples)} channel(s), got {bitrate}")
    audio = _at_rate(samples, sample_rate, setting.sample_rate)
    started = time.perf_counter()
    file = setting.encode(audio, bitrate)
    return _result(file, samples.shape, sample_rate, setting, time.perf_counter() - started)


def matched(
    samples: np.ndarray,
    sample_rate: int,
    target: float,
    settings: Sequence[Setting],
    judges: Sequence[str] = JUDGES,
) -> PeerResult:
    """A peer at its best for this clip, with a *file* of `target` bit/s.

    Each setting's bitrate parameter is searched until its file meets the target within TOLERANCE; of those
    that do, the one with the best mean rank by `judges` (keys of METRICS) wins. Every codec has a floor under
    which some settings, and in the end all, have no file that small: if all miss, the nearest is returned,
    and `meets` says so. A setting that its encoder refuses is left out; UsageError is raised if it refuses
    all.
    """
    samples = checked(samples)
    candidates, refused = [], []
    for setting in settings:
        audio = _at_rate(samples, sample_rate, setting.sample_rate)
        try:
            file, seconds = file_of_size(audio, target * samples.shape[1] / sample_rate / 8, setting)
            candidates.append(_result(file, samples.shape, sample_rate, setting, seconds))
        except UsageError as error:
            refused.append(error)
    if not candidates:
        raise refused[0]
    misses = [abs(candidate.bitrate / target - 1) for candidate in candidates]
    limit = max(TOLERANCE, min(misses))
    fitting = [candidate for candidate, miss in zip(candidates, misses) if miss <= limit]
    return fitting[best_by_rank(samples, sample_rate, fitting, judges)]


def best_by_rank(
    samples: np.ndarray, sample_rate: int, candidates: Sequence[PeerResult], judges: Sequence[str] = JUDGES
) -> int:
    """Index of the candidate with the lowest mean rank over `judges`; the first judge decides a tie, and
    without judges it is the first."""
    from nac_cli.bench.metrics import METRICS  # not before it is needed: it would count as the peers' memory

    if len(candidates) == 1 or not judges:
        return 0
    penalties = np.empty((len(judges), len(candidates)))
    for j, judge in enumerate(judges):
        sign = -1 if METRICS[judge].higher_is_better else 1
        for i, candidate in enumerate(candidates):
            score = METRICS[judge].measure(samples, candidate.decoded, sample_rate)
            candidate.scores[judge] = score
            penalties[j, i] = sign * score
    ranks = (penalties[:, :, None] > penalties[:, None, :]).sum(axis=2)
    return int(np.lexsort((penalties[0], ranks.sum(axis=0)))[0])


def file_of_size(audio: np.ndarray, file_bytes: float, setting: Setting) -> tuple[bytes, float]:
    """The file nearest to `file_bytes`, by search over the bitrate parameter, and the seconds that encoding
    it took. Files grow with the parameter, in steps."""
    low, high = setting.limits(len(audio))
    bitrate = round(min(max(file_bytes * 8 * setting.sample_rate / audio.shape[1], low), high))
    best, best_seconds = b"", 0.0
    for _ in range(SEARCH_STEPS):
        started = time.perf_counter()
        file = setting.encode(audio, bitrate)
        seconds = time.perf_counter() - started
        if not best or abs(len(file) - file_bytes) < abs(len(best) - file_bytes):
            best, best_seconds = file, seconds
        low, high = (low, bitrate) if len(file) > file_bytes else (bitrate, high)
        if abs(len(best) - file_bytes) < CLOSE_ENOUGH * file_bytes or high - low < CLOSE_ENOUGH * low:
            break
        in_proportion = bitrate * file_bytes / len(file)
        bitrate = round(in_proportion if low < in_proportion < high else (low * high) ** 0.5)
    return best, best_seconds


def checked(samples: np.ndarray) -> np.ndarray:
    """`samples` as float32. Raises UsageError for anything but one or two channels with samples."""
    if np.ndim(samples) != 2 or not 1 <= len(samples) <= 2 or samples.shape[1] == 0:
        raise UsageError(f"a peer takes [C, T] of 1 or 2 channels, not empty, got {list(np.shape(samples))}")
    return np.asarray(samples, np.float32)


def _result(
    file: bytes, shape: tuple[int, int], sample_rate: int, setting: Setting, encode_seconds: float
) -> PeerResult:
    channels, length = shape
    started = time.perf_counter()
    decoded = setting.decode(file, channels)
    seconds = time.perf_counter() - started
    decoded = _at_rate(decoded, setting.sample_rate, sample_rate)[:, :length]
    decoded = np.pad(decoded, ((0, 0), (0, length - decoded.shape[1])))
    bitrate = len(file) * 8 * sample_rate / length
    return PeerResult(np.ascontiguousarray(decoded), len(file), bitrate, str(setting), encode_seconds, seconds)


def _at_rate(samples: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    return samples if sample_rate == wanted else soxr.resample(samples.T, sample_rate, wanted).T
