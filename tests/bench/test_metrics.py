"""The measures against closed forms, and against figures that their reference implementations gave."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from nac_cli.bench import perceptual
from nac_cli.bench.channels import width
from nac_cli.bench.metrics import (
    METRICS,
    lines,
    mel_distance,
    missing_metrics,
    si_sdr,
    stft_distance,
    visqol,
    zimtohrli,
)
from nac_cli.errors import UsageError

RATE = 44_100
PACKAGES = {"visqol": "visqol-python", "zimtohrli": "zimtohrli", "pesq": "pesq", "pystoi": "pystoi"}
MODULES = {"visqol": "visqol", "zimtohrli": "zimtohrli", "pesq": "pesq", "pesq_nb": "pesq", "stoi": "pystoi"}
OWN = [metric.measure for name, metric in METRICS.items() if name not in MODULES and not metric.stereo_only]


def white(seed: int = 0, seconds: float = 1.0, rate: int = RATE, level: float = 0.2) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(int(seconds * rate))


def melody(rate: int, seconds: float = 1.5) -> np.ndarray:
    """Three notes with overtones, decaying, over a little noise: enough for the perceptual metrics."""
    t = np.arange(int(seconds * rate)) / rate
    notes = [
        np.where(t >= start, np.exp(-3 * (t - start)), 0) * np.sin(2 * np.pi * f * k * t) / k
        for start, f in ((0, 220), (0.4, 330), (0.8, 440))
        for k in range(1, 9)
    ]
    return 0.15 * sum(notes) + 0.002 * white(7, seconds, rate, 1.0)


@pytest.mark.parametrize("measure", OWN, ids=lambda measure: measure.__name__)
def test_identical_signals_are_perfect(measure):
    signal = white()
    assert measure(signal, signal, RATE) == (math.inf if measure is si_sdr else 0)


def test_ten_times_the_gain_moves_each_of_seven_mel_scales_by_one():
    """But for one of the 320 narrowest filters, which fits between two bins and catches next to nothing."""
    assert mel_distance(white(), 10 * white(), RATE) == pytest.approx(7, abs=1 / 320)


def test_mel_distance_stops_at_its_floor():
    """Magnitudes under 1e-5 count as 1e-5, so that silence is not infinitely far away."""
    quiet = 1e-9 * white()
    assert mel_distance(quiet, np.zeros_like(quiet), RATE) == 0


def test_ten_times_the_gain_moves_the_power_spectrum_by_two_decades_per_window():
    """The magnitude term adds nine times the mean magnitude, which the same distance to silence gives."""
    signal = white(level=1e-3)
    magnitude = stft_distance(signal, 2 * signal, RATE) - 2 * 2 * math.log10(2)
    assert stft_distance(signal, 10 * signal, RATE) == pytest.approx(4 + 9 * magnitude, rel=1e-9)


def test_mel_and_stft_distance_equal_descript_audiotools():
    """What audiotools 0.7.2 (MelSpectrogramLoss as in DAC, MultiScaleSTFTLoss) gives for these signals."""
    t = np.arange(RATE) / RATE
    reference = 0.3 * np.sin(2 * np.pi * 500 * t * (1 + t)) * np.exp(-2 * t)
    degraded = np.convolve(reference, [0.5, 0.3, 0.2], "same") + 1e-3 * np.sin(2 * np.pi * 9000 * t)
    assert mel_distance(reference, degraded, RATE) == pytest.approx(0.15048, abs=1e-5)
    assert stft_distance(reference, degraded, RATE) == pytest.approx(0.3972, abs=5e-4)  # it works in float32


@pytest.mark.parametrize("decibels", [-10, 0, 20, 60])
def test_si_sdr_is_the_ratio_of_signal_to_uncorrelated_noise(decibels):
    signal, noise = white(1) - white(1).mean(), white(2) - white(2).mean()
    noise -= (noise @ signal) / (signal @ signal) * signal
    noise *= np.linalg.norm(signal) / np.linalg.norm(noise) * 10 ** (-decibels / 20)
    for gain in (1, -0.5, 300):
        assert si_sdr(signal, gain * (signal + noise), RATE) == pytest.approx(decibels, abs=1e-9)


def test_si_sdr_of_silence():
    silence = np.zeros(1000)
    assert math.isnan(si_sdr(silence, white()[:1000], RATE))
    assert si_sdr(white()[:1000], silence, RATE) == -math.inf


def test_lines_hears_a_comb_of_tones():
    noise = white(3, 2.0, level=0.01)
    t = np.arange(len(noise)) / RATE
    buzz = sum(np.sin(2 * np.pi * f * t + f) for f in np.arange(5167, 20000, 172.3))
    assert lines(noise, noise + 2e-3 * buzz, RATE) > 1
    assert lines(noise + 2e-3 * buzz, noise, RATE) < -1
    one = lines(noise, noise + 0.01 * np.sin(2 * np.pi * 9000 * t), RATE)
    assert 0.03 < one < 0.3


def test_lines_ignores_gain_noise_tones_under_5_khz_and_what_is_inaudible():
    noise = white(3, 2.0)
    t = np.arange(len(noise)) / RATE
    low = sum(np.sin(2 * np.pi * f * t) for f in np.arange(172.3, 4800, 172.3))
    assert abs(lines(noise, 0.5 * noise, RATE)) < 1e-9
    assert abs(lines(noise, white(4, 2.0), RATE)) < 0.1
    assert abs(lines(noise, noise + 0.1 * low, RATE)) < 0.1
    assert lines(0 * noise, 1e-8 * noise, RATE) == 0


def test_lines_needs_something_above_5_khz():
    assert math.isnan(lines(white(), white(1), 8000))


@pytest.mark.parametrize("measure", OWN, ids=lambda measure: measure.__name__)
def test_channels_are_averaged(measure):
    reference, degraded = (np.stack([white(seed), white(seed + 1)]) for seed in (10, 20))
    each = [measure(*pair, RATE) for pair in zip(reference, degraded)]
    assert each[0] != each[1]
    assert measure(reference, degraded, RATE) == pytest.approx(sum(each) / 2)


@pytest.mark.parametrize("measure", OWN, ids=lambda measure: measure.__name__)
@pytest.mark.parametrize("length", [1, 2, 31, 1000])
def test_short_signals_have_a_figure_and_no_error(measure, length):
    assert not math.isnan(measure(white(1)[:length] + 1, white(2)[:length], RATE)) or length == 1


@pytest.mark.parametrize("shapes", [((9,), (10,)), ((1, 9), (9,)), ((0,), (0,)), ((1, 1, 9), (1, 1, 9))])
def test_pairs_that_do_not_match_are_refused(shapes):
    with pytest.raises(UsageError, match="one shape"):
        mel_distance(np.zeros(shapes[0]), np.zeros(shapes[1]), RATE)


def test_long_signals_are_measured_in_blocks_without_a_seam(monkeypatch):
    reference, degraded = white(1, 3.0), white(2, 3.0)
    whole = mel_distance(reference, degraded, RATE), lines(reference, degraded, RATE)
    monkeypatch.setattr("nac_cli.bench.metrics.BLOCK_SAMPLES", 1 << 13)
    assert (mel_distance(reference, degraded, RATE), lines(reference, degraded, RATE)) == pytest.approx(whole)


@pytest.mark.parametrize("name, module", MODULES.items())
def test_a_missing_package_is_named_with_what_to_do(name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    perceptual._visqol_predictor.cache_clear()
    extra = "bench-speech" if METRICS[name].speech_only else "bench"
    with pytest.raises(UsageError, match=rf"{PACKAGES[module]}.*pip install 'nac-cli\[{extra}\]'"):
        METRICS[name].measure(white(), white(), RATE)
    assert missing_metrics(["mel", name]).keys() == {name}


def test_of_two_scores_the_better_is_known():
    assert METRICS["visqol"].better(4, 3) and not METRICS["visqol"].better(3, 3)
    assert METRICS["mel"].better(1, 2) and not METRICS["mel"].better(2, 1)
    assert not METRICS["lines"].better(-0.9, -0.1), "smoothing is no merit"
    assert METRICS["lines"].better(0.1, 0.3)
    assert not METRICS["mel"].better(math.nan, 1) and not METRICS["mel"].better(1, math.nan)


def stereo(side: float, seed: int = 0) -> np.ndarray:
    """Noise in the middle and independent noise of `side` times its level at the side."""
    middle, other = white(seed), side * white(seed + 1)
    return np.stack([middle + other, middle - other])


def test_the_side_signal_is_measured_for_itself():
    reference, noise = stereo(0.5), white(9)
    centred = reference + noise  # the same in both channels: it leaves the side as it is
    assert METRICS["side_si_sdr"].measure(reference, centred, RATE) > 200
    assert METRICS["side_mel"].measure(reference, centred, RATE) < 1e-9
    tenfold = np.stack([reference[0] - reference[1], reference[1] - reference[0]]) * 10
    assert METRICS["side_mel"].measure(reference, reference * 10, RATE) == pytest.approx(7, abs=0.02)
    assert METRICS["side_mel"].measure(reference, tenfold / 2, RATE) == pytest.approx(7, abs=0.02)


@pytest.mark.parametrize("name", ["side_mel", "side_si_sdr", "width"])
def test_mono_has_no_side(name):
    measure = METRICS[name].measure
    assert math.isnan(measure(white(), white(1), RATE)) and math.isnan(measure(white()[None], white(1)[None], RATE))
    assert math.isnan(measure(np.zeros((2, 9)), np.zeros((2, 9)), RATE))


def test_width_is_the_change_of_the_sides_level_in_decibels():
    middle, side = white(0), white(1)
    pair = [np.stack([middle + s * side, middle - s * side]) for s in (0.1, 1.0, 0.0)]
    assert width(pair[1], pair[0], RATE) == width(pair[0], pair[1], RATE) == pytest.approx(20, abs=1e-9)
    assert width(pair[1], pair[1] * 7, RATE) == pytest.approx(0, abs=1e-9)
    assert width(pair[1], pair[2], RATE) == pytest.approx(60, abs=0.2)


def speech_like(rate: int, seconds: float = 3.0) -> np.ndarray:
    """Syllables: a voiced tone with formants, on and off four times a second."""
    t = np.arange(int(seconds * rate)) / rate
    voiced = sum(np.sin(2 * np.pi * 120 * k * t) / (1 + abs(k - 5)) for k in range(1, 30))
    return 0.1 * voiced * (np.sin(2 * np.pi * 2 * t) > 0)


@pytest.mark.parametrize("name, best, noisy", [("pesq", 4.644, 1.15), ("pesq_nb", 4.549, 2.37), ("stoi", 1.0, 0.96)])
def test_speech_metrics_of_stored_signals(name, best, noisy):
    module = MODULES[name]
    pytest.importorskip(module, reason=f"{module} is not installed (pip install 'nac-cli[bench-speech]')")
    signal = speech_like(16_000)
    degraded = signal + 0.01 * white(3, 3.0, 16_000, 1.0)
    measure = METRICS[name].measure
    assert measure(signal, signal, 16_000) == pytest.approx(best, abs=0.01)
    assert measure(signal, degraded, 16_000) == pytest.approx(noisy, abs=0.05)
    assert math.isnan(measure(0 * signal, degraded, 16_000))
    assert math.isnan(measure(signal[:100], degraded[:100], 16_000))


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_visqol_of_stored_signals(rate):
    pytest.importorskip("visqol", reason="visqol-python is not installed (pip install 'nac-cli[bench]')")
    signal = melody(rate)
    dull = np.convolve(signal, np.ones(24) / 24, "same")
    assert visqol(signal, signal, rate) == pytest.approx(4.732, abs=0.01)
    assert visqol(signal, dull, rate) == pytest.approx(1.52 if rate == 48_000 else 1.45, abs=0.05)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_zimtohrli_of_stored_signals(rate):
    pytest.importorskip("zimtohrli", reason="zimtohrli is not installed (pip install 'nac-cli[bench]')")
    signal = melody(rate)
    dull = np.convolve(signal, np.ones(24) / 24, "same")
    assert zimtohrli(signal, signal, rate) == 5
    assert zimtohrli(signal, dull, rate) == pytest.approx(3.79 if rate == 48_000 else 3.71, abs=0.05)


@pytest.mark.parametrize("module, seconds", [("visqol", 0.9), ("zimtohrli", 0.01)])
def test_clips_too_short_for_a_perceptual_metric_have_no_score(module, seconds):
    pytest.importorskip(module, reason=f"{PACKAGES[module]} is not installed (pip install 'nac-cli[bench]')")
    assert math.isnan(METRICS[module].measure(white(1, seconds), white(2, seconds), RATE))


def test_visqol_of_silence_is_undefined():
    pytest.importorskip("visqol", reason="visqol-python is not installed (pip install 'nac-cli[bench]')")
    assert math.isnan(visqol(white(1, 1.5), 0 * white(1, 1.5), RATE))
