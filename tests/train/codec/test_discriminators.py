"""Discriminators take any sound, hand back gradients, see every bin, and learn to tell sounds apart."""

from __future__ import annotations

import math

import pytest
import torch

from nac_cli.train.codec.adversarial_losses import discriminator_hinge
from nac_cli.train.codec.discriminators.bands import EDGES, WINDOWS, band_slices, multi_band
from nac_cli.train.codec.discriminators.judgement import Ensemble
from nac_cli.train.codec.discriminators.period import PERIODS, multi_period
from nac_cli.train.codec.discriminators.spectrogram import Spectrogram
from nac_cli.train.codec.discriminators.stft import GOLDEN_WINDOWS, golden_stft, multi_stft

RATE = 44_100
NARROW = {
    "period": lambda: multi_period(channels=(4, 8, 8)),
    "bands": lambda: multi_band(channels=4),
    "stft": lambda: multi_stft(channels=4),
    "golden": lambda: golden_stft(channels=4),
}
HIDDEN_LAYERS = {"period": 3, "bands": 5 * 5, "stft": 5, "golden": 5}


@pytest.fixture(params=NARROW)
def kind(request):
    torch.manual_seed(0)
    return request.param


@pytest.mark.parametrize("length", [11, 12, 77, 512, 2047, RATE // 4, RATE // 4 + 1])
def test_every_length_from_eleven_samples_is_judged(kind, length):
    ensemble = NARROW[kind]()
    judgements = ensemble(torch.randn(2, 1, length))
    assert len(judgements) == len(ensemble)
    for judgement in judgements:
        assert judgement.logits.shape[:2] == (2, 1) and judgement.logits.numel() > 0
        assert len(judgement.features) == HIDDEN_LAYERS[kind]
        assert all(feature.shape[0] == 2 and feature.numel() > 0 for feature in judgement.features)
        assert all(torch.isfinite(feature).all() for feature in judgement.features)


def test_the_verdict_on_one_sound_does_not_depend_on_the_rest_of_the_batch(kind):
    ensemble, wav = NARROW[kind](), torch.randn(3, 1, 4_000)
    for alone, among in zip(ensemble(wav[1:2]), ensemble(wav)):
        assert torch.allclose(alone.logits[0], among.logits[1], atol=1e-5)


def test_every_sample_receives_a_gradient_from_every_discriminator(kind):
    wav = torch.randn(1, 1, 5_000, requires_grad=True)
    for judgement in NARROW[kind]()(wav):
        (gradient,) = torch.autograd.grad(judgement.logits.sum(), wav, retain_graph=True)
        assert torch.isfinite(gradient).all()
        # What lies behind the last stride of a convolution may go unseen; nothing else may.
        assert (gradient[0, 0, :4_800] != 0).float().mean() > 0.99


def test_silence_is_judged_with_finite_gradients(kind):
    wav = torch.zeros(1, 1, 5_000, requires_grad=True)
    sum(judgement.logits.sum() for judgement in NARROW[kind]()(wav)).backward()
    assert torch.isfinite(wav.grad).all()


def test_autocast_narrows_the_convolutions_and_not_the_transform():
    torch.manual_seed(0)
    wav = torch.randn(1, 1, 8_000)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Spectrogram(512)(wav), _outside_autocast(Spectrogram(512), wav))
        judgements = multi_stft(windows=(512,), channels=4)(wav)
    assert judgements[0].features[0].dtype == torch.bfloat16


def _outside_autocast(module, wav):
    with torch.autocast("cpu", enabled=False):
        return module(wav)


@pytest.mark.parametrize("window", [*WINDOWS, 256, 64])
def test_the_bands_hold_every_bin_exactly_once(window):
    bins = list(range(window // 2 + 1))
    bands = [bins[band] for band in band_slices(len(bins), EDGES)]
    assert len(bands) == 5 and all(bands)
    assert [bin_ for band in bands for bin_ in band] == bins


def test_a_tone_is_seen_by_the_convolutions_of_its_own_band():
    torch.manual_seed(0)
    time = torch.arange(RATE // 2) / RATE
    ensemble = multi_band(windows=(1024,), channels=4)
    silence = ensemble(torch.zeros(1, 1, RATE // 2))[0].features[::5]
    for band, share in enumerate((0.05, 0.18, 0.37, 0.62, 0.87)):
        tone = torch.sin(2 * math.pi * share * RATE / 2 * time)[None, None]
        first_layers = ensemble(tone)[0].features[::5]
        seen = [(a - b).abs().mean().item() for a, b in zip(first_layers, silence)]
        assert seen.index(max(seen)) == band and sorted(seen)[-2] < 0.1 * max(seen)


@pytest.mark.parametrize("window", [*GOLDEN_WINDOWS, 2048, 128])
@pytest.mark.parametrize("overlap", [2, 4])
def test_unit_noise_has_bins_of_unit_power(window, overlap):
    torch.manual_seed(0)
    bins = Spectrogram(window, overlap)(torch.randn(4, 1, RATE))
    assert bins.shape == (4, 2, math.ceil(RATE / (window // overlap)), window // 2 + 1)
    assert bins.square().sum(1).mean().item() == pytest.approx(1, rel=0.08)


def test_the_power_law_lets_quiet_bins_count_less_and_keeps_the_phase():
    torch.manual_seed(0)
    wav = torch.randn(1, 1, 4_000)
    flat, bent = (_as_complex(Spectrogram(334, 2, power)(wav)) for power in (1.0, 1.5))
    assert torch.allclose(bent.abs(), flat.abs() ** 1.5, atol=1e-4)
    heard = flat.abs() > 0.01
    assert torch.allclose(bent.angle()[heard], flat.angle()[heard], atol=1e-3)


def _as_complex(channels: torch.Tensor) -> torch.Tensor:
    return torch.complex(channels[:, 0], channels[:, 1])


def test_neighbouring_golden_windows_are_in_the_golden_ratio():
    golden = (1 + math.sqrt(5)) / 2
    for larger, smaller in zip(GOLDEN_WINDOWS, GOLDEN_WINDOWS[1:]):
        assert larger % 2 == 0 and abs(larger / 2 - golden * smaller / 2) < 2  # hops are whole samples


def test_two_ensembles_join_under_names_that_tell_their_sizes():
    joined = Ensemble({**multi_period(channels=(4, 4)), **multi_band(channels=4)})
    assert list(joined) == [*(f"period_{period}" for period in PERIODS), *(f"bands_{window}" for window in WINDOWS)]
    assert len(joined(torch.randn(1, 1, 3_000))) == 8
    with pytest.raises(RuntimeError, match="period_2"):
        joined.load_state_dict(Ensemble({**multi_period((3, 5), channels=(4, 4))}).state_dict())


@pytest.mark.parametrize("ensemble", [
    lambda: multi_period(periods=(2, 5), channels=(8, 16, 16)), lambda: multi_band(windows=(512,), channels=4),
    lambda: multi_stft(windows=(512, 128), channels=4), lambda: golden_stft(windows=(334, 126), channels=4),
])  # fmt: skip
def test_a_few_dozen_steps_tell_noise_from_a_tone(ensemble):
    torch.manual_seed(0)
    ensemble = ensemble()
    optimizer = torch.optim.AdamW(ensemble.parameters(), lr=1e-2, betas=(0.8, 0.9))
    history = []
    for _ in range(40):
        loss = discriminator_hinge(ensemble(_tones(4)), ensemble(torch.randn(4, 1, 2_000)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert 1.5 < history[0] < 2.5 and sum(history[-10:]) / 10 < 1
    with torch.no_grad():
        real, fake = ensemble(_tones(8)), ensemble(torch.randn(8, 1, 2_000))
    assert all(a.logits.mean() > b.logits.mean() for a, b in zip(real, fake))


def _tones(batch_size: int) -> torch.Tensor:
    """Sines of unit power, of any pitch and phase."""
    hertz, phase = 100 + 4_000 * torch.rand(batch_size, 1, 1), 6.28 * torch.rand(batch_size, 1, 1)
    return math.sqrt(2) * torch.sin(2 * math.pi * hertz * torch.arange(2_000) / RATE + phase)
