"""One window serves three distances: each hears what it is for, and agrees with the distance of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nac_cli.train.codec import losses, spectra

RATE = 44_100
LEVEL = 0.1


def _noise(count: int = 2) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(count, 1, RATE)


def _tone(frequency: float) -> torch.Tensor:
    return torch.sin(torch.arange(RATE) * (2 * np.pi * frequency / RATE)).view(1, 1, -1)


def _distances(wav_hat: torch.Tensor, wav: torch.Tensor, window: int, start: int = 0) -> dict[str, float]:
    x, y = (spectra.spectrum(sound, window, start) for sound in (wav_hat, wav))
    return {
        "mel": spectra.mel_distance(x, y, RATE, window, LEVEL).item(),
        "phase": spectra.phase_distance(x, y, RATE, window, 6_000).item(),
        "lines": spectra.line_distance(x, y, RATE, window, LEVEL, 5_000).item(),
    }


@pytest.mark.parametrize("window", [512, 2048])
def test_they_are_zero_for_the_same_sound_and_grow_with_the_error(window):
    wav, noise = _noise().split(1)
    same, near, far = (_distances(wav + share * noise, wav, window) for share in (0, 0.03, 0.3))
    assert all(same[name] == 0 < near[name] < far[name] for name in same)


def test_phase_is_asked_for_below_its_limit_and_lines_above_theirs():
    wav, quiet = _noise(1), 0.3
    high = _distances(wav + quiet * _tone(12_000), wav, 2048)
    low = _distances(wav + quiet * _tone(500), wav, 2048)
    assert high["lines"] > 30 * low["lines"]
    assert low["phase"] > 30 * high["phase"]


def test_a_turned_phase_is_heard_by_the_phase_distance_alone():
    wav = _noise(1)
    turned = _distances(-wav, wav, 1024)
    assert turned["phase"] > 0.05 and turned["mel"] < 1e-5 and turned["lines"] < 1e-5


def test_a_low_error_counts_more_than_a_high_one():
    wav = _noise(1)
    by_frequency = [_distances(wav + 0.3 * _tone(hertz), wav, 2048)["phase"] for hertz in (300, 2_000, 5_000)]
    assert by_frequency[0] > 1.5 * by_frequency[1] > 2 * by_frequency[2]


@pytest.mark.parametrize("window", [64, 1024])
def test_over_the_starts_it_is_the_mel_distance_of_the_bench(window):
    """Frames that overlap by half, from any sample on, see what frames that overlap by three quarters do."""
    wav, noise = _noise().split(1)
    wav_hat = 0.5 * wav + 0.5 * noise
    starts = np.random.default_rng(0).integers(window // 2, size=40)
    drawn = np.mean([_distances(wav_hat, wav, window, int(start))["mel"] for start in starts])
    plain = losses.mel_loss(LEVEL * wav_hat, LEVEL * wav, RATE, window, spectra.MELS[window]).item()
    assert drawn == pytest.approx(plain, rel=0.03)


def test_without_a_limit_all_bins_count_alike():
    wav, noise = _noise().split(1)
    x, y = spectra.spectrum(wav + noise, 1024, 0), spectra.spectrum(wav, 1024, 0)
    plain = losses.complex_stft_loss(wav + noise, wav, 1024).item()
    assert spectra.phase_distance(x, y, RATE, 1024, 0).item() == pytest.approx(plain, rel=0.05)


def test_silence_has_a_finite_gradient():
    silence = torch.zeros(1, 1, RATE, requires_grad=True)
    x, y = spectra.spectrum(silence, 2048, 3), spectra.spectrum(_noise(1), 2048, 3)
    total = spectra.mel_distance(x, y, RATE, 2048, LEVEL) + spectra.phase_distance(x, y, RATE, 2048, 6_000)
    (total + spectra.line_distance(x, y, RATE, 2048, LEVEL, 5_000)).backward()
    assert torch.isfinite(silence.grad).all()
