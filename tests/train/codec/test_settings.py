"""Configs of every family survive JSON; depths and levels are what their papers say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from nac_cli.errors import UsageError
from nac_cli.models.dac import DacConfig
from nac_cli.models.snac import SnacConfig
from nac_cli.models.spectral import SpectralConfig
from nac_cli.train.codec import depths
from nac_cli.train.codec.config import DEPTHS
from nac_cli.train.codec.data import Excerpts
from nac_cli.train.codec.level import Level
from nac_cli.train.codec.presets import PRESETS
from nac_cli.train.records import from_json, merged, to_json

TINY = PRESETS["nac-44k-tiny"]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = PRESETS[name]
    assert from_json(to_json(config)) == config


def test_a_network_without_family_is_the_default_one():
    values = json.loads(to_json(TINY))
    assert values["model"].pop("family") == "spectral"
    assert from_json(json.dumps(values)) == TINY
    assert isinstance(from_json('{"model": {"hop_length": 1024}}').model, SpectralConfig)


def test_changes_merge_within_a_family_and_replace_across():
    changed = merged(PRESETS["dac-tiny"], '{"model": {"num_codebooks": 2}}')
    assert changed.model == replace(PRESETS["dac-tiny"].model, num_codebooks=2)
    other = merged(PRESETS["dac-tiny"], '{"model": {"family": "snac", "codebook_size": 32}, "excerpt_frames": 64}')
    assert other.model == SnacConfig(codebook_size=32)
    with pytest.raises(UsageError, match="family 'mp3'"):
        merged(TINY, '{"model": {"family": "mp3"}}')
    with pytest.raises(UsageError, match="hop_length"):
        merged(PRESETS["dac-tiny"], '{"model": {"hop_length": 2}}')
    with pytest.raises(UsageError, match="decoder width"):
        merged(PRESETS["dac-tiny"], '{"model": {"decoder_width": 7}}')
    with pytest.raises(UsageError, match="object"):
        merged(TINY, '{"model": 3}')


@pytest.mark.parametrize("name, changes, reason", [
    ("snac-tiny", {"excerpt_frames": 12}, "multiple of the model's 8"),
    ("dac-tiny", {"depths": "by bitrate"}, "EnCodec"),
    ("encodec-24k-tiny", {"depths": "varying"}, "EnCodec"),
    ("dac-tiny", {"depths": "deep"}, "varying, mostly low, by item, by bitrate"),
    ("dac-tiny", {"energy_weight": 1.0}, "noise"),
])  # fmt: skip
def test_what_does_not_fit_the_network_is_a_clear_error(name, changes, reason):
    with pytest.raises(UsageError, match=reason):
        replace(PRESETS[name], **changes)


def test_mostly_low_depths_change_at_most_once_and_are_mostly_three_to_six():
    config = replace(PRESETS["nac-44k-tiny"], depths="mostly low")
    torch.manual_seed(0)
    drawn = torch.stack([depths.draw(config, 12, 8) for _ in range(200)])
    assert drawn.shape == (200, 12, config.excerpt_frames)
    assert ((drawn[..., 1:] != drawn[..., :-1]).sum(-1) <= 1).all()
    shares = torch.bincount(drawn.flatten(), minlength=9) / drawn.numel()
    assert shares[0] == 0 and (shares[1:] > 0).all() and 0.55 < shares[3:7].sum() < 0.75
    assert depths.draw(config, 12, 3).max() == 3 and depths.draw(config, 200, 12).max() == 12


def test_items_keep_their_depth_and_exactly_their_share_is_whole():
    config = replace(PRESETS["dac-tiny"], model=DacConfig(), full_depth_share=0.5)
    torch.manual_seed(0)
    drawn = torch.stack([depths.draw(config, 12, 9) for _ in range(200)])
    assert drawn.shape == (200, 12, config.excerpt_frames) and (drawn == drawn[..., :1]).all()
    whole = (drawn[..., 0] == 9).sum(1)
    assert whole.min() >= 6 and whole.float().mean() == pytest.approx(6 + 6 / 9, abs=0.2)
    assert set(drawn.unique().tolist()) == set(range(1, 10))
    everything = depths.draw(replace(config, full_depth_share=1.0), 12, 9)
    assert (everything == 9).all()


def test_a_batch_of_encodec_has_one_of_its_bitrates():
    config = PRESETS["encodec-24k"]
    drawn = [depths.draw(config, 5, 32) for _ in range(100)]
    assert all((batch == batch[0, 0]).all() for batch in drawn)
    assert {int(batch[0, 0]) for batch in drawn} == {2, 4, 8, 16, 32}


def rms(excerpt: np.ndarray) -> float:
    return float(np.sqrt(np.mean(excerpt**2)))


def draws(corpus, level: Level, channels: int = 1) -> list[np.ndarray]:
    excerpts = Excerpts(corpus, 8_000, {}, 0.5, level=level, channels=channels, sample_rate=16_000)
    return [excerpts.draw(np.random.default_rng(seed)) for seed in range(20)]


def test_levels(tones):
    natural = draws(tones, Level("recording", 0.0, 0.0))
    softer = draws(tones, Level("recording", -20.0, -20.0))
    assert all(rms(a) == pytest.approx(10 * rms(b), rel=0.01) for a, b in zip(natural, softer))
    assert max(rms(a) for a in natural) < 0.4
    loud = draws(tones, Level("recording", 40.0, 40.0))
    assert all(np.abs(excerpt).max() == pytest.approx(1) for excerpt in loud)
    pairs = draws(tones, Level("segment", 0.0, 0.0), channels=2)
    assert all(pair.shape == (2, 8_000) and rms(pair.mean(0)) == pytest.approx(1, rel=1e-3) for pair in pairs)
    with pytest.raises(UsageError, match="loudness"):
        Level("very loud")


def test_loudness_is_that_of_the_standard(tones):
    pyloudnorm = pytest.importorskip("pyloudnorm")
    for excerpt in draws(tones, Level("loudness", -23.0, -23.0)):
        assert pyloudnorm.Meter(16_000).integrated_loudness(excerpt) == pytest.approx(-23, abs=0.1)


def test_pitch_is_kept_at_another_rate_and_sides_stay_apart(tones):
    def pitch(channel: np.ndarray) -> float:
        return np.abs(np.fft.rfft(channel * np.hanning(len(channel)))).argmax() * 16_000 / len(channel)

    assert {round(pitch(pair[0]) / 220) for pair in draws(tones, Level(), channels=2)} == {1, 2, 3}
    assert all({round(pitch(c) / 220) for c in pair} in ({1}, {2, 3}) for pair in draws(tones, Level(), channels=2))


def test_every_kind_of_depths_has_its_function():
    assert tuple(depths.KINDS) == DEPTHS
