"""Predicted opinion scores and intelligibility, by packages of the extras `bench` and `bench-speech`."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from importlib import import_module
from types import ModuleType

import numpy as np
import soxr

from nac_cli.bench.channels import per_channel
from nac_cli.errors import UsageError

SAMPLE_RATE = 48_000
"""ViSQOL's and Zimtohrli's."""
VISQOL_SECONDS = 1.0
"""A shorter clip has no patch of its spectrogram to compare."""
ZIMTOHRLI_SECONDS = 0.1
"""Under about 4000 samples zimtohrli 0.2.1 corrupts the heap and takes the process down."""
SPEECH_RATES = {"wb": 16_000, "nb": 8_000}
"""PESQ's bands and their sample rates."""
PESQ_SECONDS = 0.25
"""The least that it takes."""
STOI_SECONDS = 0.4
"""Under 30 frames of 12.8 ms STOI has no segment to correlate."""


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


@per_channel
def pesq_wide(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Wideband PESQ (ITU-T P.862.2) at 16 kHz, a predicted opinion score of speech from 1 to 4.64. Higher is
    better.

    NaN where it finds no utterance or too little sound. Raises UsageError where the package `pesq` is
    missing.
    """
    return _pesq(reference, degraded, sample_rate, "wb")


@per_channel
def pesq_narrow(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Narrowband PESQ (ITU-T P.862) at 8 kHz, mapped to an opinion score (P.862.1). As `pesq_wide`."""
    return _pesq(reference, degraded, sample_rate, "nb")


@per_channel
def stoi(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Short-time objective intelligibility of speech (Taal et al. 2011), up to 1. Higher is better.

    It works at 10 kHz. NaN for silence and for clips under 0.4 s. Raises UsageError where `pystoi` is
    missing.
    """
    package = _optional("pystoi", "pystoi", "bench-speech")
    if len(reference) < STOI_SECONDS * sample_rate or not reference.any():
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(package.stoi(reference, degraded, sample_rate))
        except RuntimeWarning:  # too little that is not silence
            return math.nan


def _pesq(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, band: str) -> float:
    package = _optional("pesq", "pesq", "bench-speech")
    if len(reference) < PESQ_SECONDS * sample_rate or not (reference.any() and degraded.any()):
        return math.nan
    rate = SPEECH_RATES[band]
    pair = _resampled(reference, degraded, sample_rate, rate)
    try:
        return float(package.pesq(rate, *(signal.astype(np.float32) for signal in pair), band))
    except package.PesqError:
        return math.nan


@lru_cache(maxsize=1)
def _visqol_predictor():
    # Global alignment is off: on aligned signals it finds 0, for half of the run time. What stays is the
    # realignment of single patches, which is part of the score.
    predictor = _optional("visqol", "visqol-python").VisqolApi()
    predictor.create(mode="audio", disable_global_alignment=True)
    return predictor


def _resampled(
    reference: np.ndarray, degraded: np.ndarray, sample_rate: int, wanted: int = SAMPLE_RATE
) -> tuple[np.ndarray, ...]:
    if sample_rate == wanted:
        return reference, degraded
    return tuple(soxr.resample(signal, sample_rate, wanted) for signal in (reference, degraded))


def _optional(module: str, package: str, extra: str = "bench") -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"this metric needs the package {package}, which is not installed: pip install 'nac-cli[{extra}]'"
        ) from error
