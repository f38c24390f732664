"""Objective measures of a decoded signal against its original.

Every measure takes `reference` and `degraded`, float arrays `[T]` or `[C, T]` of one shape, and the sample
rate in Hz, and returns one float, the mean over the channels. The codecs measured here give back the exact
length with no delay, so nothing searches for an alignment. A measure that says nothing about a signal
(silence, too short) returns NaN. `METRICS` lists them all with the direction in which they improve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.fft import rfft
from scipy.ndimage import median_filter
from scipy.signal import get_window

from nac_cli.audio.mel import mel_filters
from nac_cli.bench.channels import Measure, of_side, per_channel, width
from nac_cli.bench.perceptual import pesq_narrow, pesq_wide, stoi, visqol, zimtohrli
from nac_cli.errors import UsageError

MEL_SCALES = tuple((32 << k, 5 << k) for k in range(7))
"""(window, number of mels) of DAC's mel distance: (32, 5) .. (2048, 320)."""
STFT_WINDOWS = (2048, 512)
MAGNITUDE_FLOOR = 1e-5
LINES_WINDOW = 4096
LINES_FROM_HZ = 5000
LINES_NEIGHBOURS = 17
LINES_FLOOR = 1e-6
"""-120 dB of a full-scale sine: what lies below counts as silence, whose roughness is inaudible."""
BLOCK_SAMPLES = 1 << 20
"""Samples of all frames that are transformed at once."""


@per_channel
def mel_distance(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Sum over seven scales of the mean |difference of log10 mel magnitudes|, as DAC is evaluated. 0 is best.

    Windows 32, 64 .. 2048 with 5, 10 .. 320 mels from 0 Hz to half the rate, hop a quarter of the window,
    magnitudes (power 1) clamped at 1e-5 (Kumar et al. 2023, "High-Fidelity Audio Compression with Improved
    RVQGAN", section 4.4). It depends on the sample rate: compare figures taken at one rate.
    """
    total = 0.0
    for window, num_mels in MEL_SCALES:
        filters = mel_filters(sample_rate, window, num_mels).T
        total += _mean_gap(reference, degraded, window, lambda a, b, mel=filters: _log_gap(a @ mel, b @ mel))
    return total


@per_channel
def stft_distance(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Mean |difference of log10 power| + mean |difference of magnitude|, summed over two windows. 0 is best.

    The definition of DAC's tables: windows 2048 and 512, hop a quarter, magnitudes clamped at 1e-5 before
    they are squared for the logarithm, both terms of weight 1. `sample_rate` plays no part.
    """
    return sum(
        _mean_gap(reference, degraded, window, lambda a, b: 2 * _log_gap(a, b) + np.abs(a - b))
        for window in STFT_WINDOWS
    )


@per_channel
def si_sdr(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, means removed (Le Roux et al. 2019).

    Higher is better. Infinite where nothing is distorted, NaN where the reference is silent. `sample_rate`
    plays no part.
    """
    original, decoded = reference - reference.mean(), degraded - degraded.mean()
    energy = original @ original
    if energy == 0:
        return math.nan
    target = (decoded @ original / energy) * original
    distortion = decoded - target
    signal, noise = target @ target, distortion @ distortion
    if signal == 0:
        return -math.inf
    return 10 * math.log10(signal / noise) if noise > 0 else math.inf


@per_channel
def lines(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Steady tones that the codec added above 5 kHz, in dB: the buzz of decoders that repeat a pattern.

    The roughness of the decoded signal's time-averaged log spectrum (window 4096) less that of the
    original's: roughness is the mean distance of a bin to the median of the 17 around it. 0 is best; below 0
    the codec smoothed or removed tones. Being a mean over all bins above 5 kHz it moves by a tenth of a dB
    for one pure tone, by several dB for a comb of them. NaN where the rate leaves nothing above 5 kHz.
    """
    first = math.ceil(LINES_FROM_HZ * LINES_WINDOW / sample_rate)
    if first > LINES_WINDOW // 2:
        return math.nan
    return _roughness(degraded, first) - _roughness(reference, first)


@dataclass(frozen=True)
class Metric:
    """A measure, its name in a table, whether more of it is better, what it is for (speech alone, stereo
    alone), and the least score that counts: less is no better, only different."""

    measure: Measure
    label: str
    higher_is_better: bool
    speech_only: bool = False
    stereo_only: bool = False
    least: float = -math.inf

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is better than `b`."""
        a, b = max(a, self.least), max(b, self.least)
        return a > b if self.higher_is_better else a < b


METRICS = {
    "mel": Metric(mel_distance, "mel distance", False),
    "stft": Metric(stft_distance, "STFT distance", False),
    "si_sdr": Metric(si_sdr, "SI-SDR dB", True),
    "lines": Metric(lines, "lines dB", False, least=0.0),
    "visqol": Metric(visqol, "ViSQOL", True),
    "zimtohrli": Metric(zimtohrli, "Zimtohrli", True),
    "pesq": Metric(pesq_wide, "PESQ wide", True, speech_only=True),
    "pesq_nb": Metric(pesq_narrow, "PESQ narrow", True, speech_only=True),
    "stoi": Metric(stoi, "STOI", True, speech_only=True),
    "side_mel": Metric(of_side(mel_distance), "side mel", False, stereo_only=True),
    "side_si_sdr": Metric(of_side(si_sdr), "side SI-SDR dB", True, stereo_only=True),
    "width": Metric(width, "width error dB", False, stereo_only=True),
}


def missing_metrics(names: Iterable[str]) -> dict[str, str]:
    """Those of `names` whose package is not installed, each with what to do. A sample is enough to find out
    before hours of work."""
    missing = {}
    for name in names:
        try:
            METRICS[name].measure(np.ones(1), np.ones(1), 48_000)
        except UsageError as error:
            missing[name] = str(error)
    return missing


def _magnitudes(samples: np.ndarray, window: int) -> Iterator[np.ndarray]:
    """STFT magnitudes `[frames, window // 2 + 1]`, block by block so that a long file needs little memory.

    Periodic Hann window, frames centred on the multiples of window / 4, the signal reflected at its ends.
    """
    padded = np.pad(samples, window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 4]
    taper = get_window("hann", window)
    block = BLOCK_SAMPLES // window
    for start in range(0, len(frames), block):
        yield np.abs(rfft(frames[start : start + block] * taper))


def _mean_gap(original: np.ndarray, decoded: np.ndarray, window: int, gap: Callable) -> float:
    """Mean of `gap(magnitudes, magnitudes)` over all frames and bands."""
    total, count = 0.0, 0
    for ours, theirs in zip(_magnitudes(original, window), _magnitudes(decoded, window)):
        gaps = gap(ours, theirs)
        total, count = total + gaps.sum(), count + gaps.size
    return float(total / count)


def _log_gap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(np.log10(np.maximum(a, MAGNITUDE_FLOOR)) - np.log10(np.maximum(b, MAGNITUDE_FLOOR)))


def _roughness(samples: np.ndarray, first: int) -> float:
    """Mean distance in dB of the averaged log spectrum to its running median, from bin `first` on."""
    full_scale = LINES_WINDOW / 4  # magnitude of a sine of amplitude 1 under a Hann window
    total, frames = np.zeros(LINES_WINDOW // 2 + 1), 0
    for block in _magnitudes(samples, LINES_WINDOW):
        total += np.log10(np.maximum(block / full_scale, LINES_FLOOR)).sum(axis=0)
        frames += len(block)
    spectrum = 20 * total / frames
    return float(np.abs(spectrum - median_filter(spectrum, LINES_NEIGHBOURS, mode="nearest"))[first:].mean())
