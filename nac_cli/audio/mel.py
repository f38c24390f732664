"""Mel filterbank: triangles of unit area on Slaney's scale (Slaney 1998), linear below 1 kHz, logarithmic above."""

from __future__ import annotations

import numpy as np

_LINEAR_HZ = 200 / 3
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def mel_filters(sample_rate: int, n_fft: int, num_mels: int) -> np.ndarray:
    """float64 `[num_mels, n_fft // 2 + 1]` from 0 Hz to half of `sample_rate`."""
    top = hz_to_mel(sample_rate / 2)
    edges = mel_to_hz(np.linspace(0, top, num_mels + 2))
    bins = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, None]


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    linear = np.asarray(hz) / _LINEAR_HZ
    logarithmic = _BREAK_HZ / _LINEAR_HZ + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(np.asarray(hz) < _BREAK_HZ, linear, logarithmic)


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    break_mel = _BREAK_HZ / _LINEAR_HZ
    return np.where(mel < break_mel, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * (mel - break_mel)))
