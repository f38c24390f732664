"""Predicted opinion scores, by packages of the `bench` extra. Both work at 48 kHz."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import import_module
from types import ModuleType

import numpy as np
import soxr

from nac_cli.bench.channels import per_channel
from nac_cli.errors import UsageError

SAMPLE_RATE = 48_000
VISQOL_SECONDS = 1.0
"""A shorter clip has no patch of its spectrogram to compare."""
ZIMTOHRLI_SECONDS = 0.1
"""Under about 4000 samples zimtohrli 0.2.1 corrupts the heap and takes the process down."""


@per_channel
def visqol(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """ViSQOL in audio mode, a predicted mean opinion score from 1 to 4.73. Higher is better.

    Hines et al. 2015, Chinen et al. 2020. It ignores the overall gain, rewards bandwidth and saturates near
    4.5. NaN for clips under 1 s and for silence. Raises UsageError where `visqol-python` is missing.
    """
    predictor = _visqol_predictor()
    if len(reference) < VISQOL_SECONDS * sample_rate or not (reference.any() and degraded.any()):
        return math.nan
    result = predictor.measure_from_arrays(*_resampled(reference, degraded, sample_rate), SAMPLE_RATE)
    return float(result.moslqo)


@per_channel
def zimtohrli(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Zimtohrli's distance as a mean opinion score from 1 to 5. Higher is better.

    Alakuijala et al., github.com/google/zimtohrli. NaN for clips under 0.1 s. Raises UsageError where the
    package `zimtohrli` is missing.
    """
    package = _optional("zimtohrli", "zimtohrli")
    if len(reference) < ZIMTOHRLI_SECONDS * sample_rate:
        return math.nan
    return float(package.mos_from_signals(*_resampled(reference, degraded, sample_rate)))


@lru_cache(maxsize=1)
def _visqol_predictor():
    # Global alignment is off: on aligned signals it finds 0, for half of the run time. What stays is the
    # realignment of single patches, which is part of the score.
    predictor = _optional("visqol", "visqol-python").VisqolApi()
    predictor.create(mode="audio", disable_global_alignment=True)
    return predictor


def _resampled(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> tuple[np.ndarray, ...]:
    if sample_rate == SAMPLE_RATE:
        return reference, degraded
    return tuple(soxr.resample(signal, sample_rate, SAMPLE_RATE) for signal in (reference, degraded))


def _optional(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"this metric needs the package {package}, which is not installed: pip install nac-cli[bench]"
        ) from error
