"""Opus comes back as it went in: length, channels, time; and its file has the size that was asked for."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from nac_cli.bench import peers
from nac_cli.bench.metrics import si_sdr
from nac_cli.bench.peers import OPUS_SETTINGS, OpusSetting, PeerResult, best_by_rank, opus, opus_matched
from nac_cli.errors import UsageError


def chirps(rate: int, seconds: float = 2.0, channels: int = 1) -> np.ndarray:
    """Sweeps at different speeds per channel, over a little noise."""
    t = np.arange(int(seconds * rate)) / rate
    tones = [0.3 * np.sin(2 * np.pi * (200 + 900 * (1 + c) * t) * t) for c in range(channels)]
    noise = 0.01 * np.random.default_rng(5).standard_normal((channels, len(t)))
    return (np.stack(tones) + noise).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_length_and_rate_comes_back_exactly(rate, channels):
    for length in (1, 2, 313, 1000, 2567, 2569, rate + 1):
        samples = chirps(rate, 1.1, channels)[:, :length]
        result = opus(samples, rate, 24_000 * channels, OpusSetting("audio", 60))
        assert result.decoded.shape == (channels, length) and result.decoded.dtype == np.float32
        assert result.bitrate == pytest.approx(result.file_bytes * 8 * rate / length)


@pytest.mark.parametrize("setting", OPUS_SETTINGS, ids=str)
def test_no_setting_shifts_the_signal(setting):
    samples = chirps(48_000, 1.0)
    decoded = opus(samples, 48_000, 64_000, setting).decoded
    inner = slice(4800, -4800)
    match = {lag: samples[0, inner] @ np.roll(decoded[0], -lag)[inner] for lag in range(-20, 21)}
    assert abs(max(match, key=match.get)) <= 3  # the delay that libopus' speech mode leaves
    assert si_sdr(samples[:, inner], decoded[:, inner], 48_000) > 5


def test_stereo_keeps_its_sides():
    samples = chirps(48_000, 1.0, 2)
    decoded = opus(samples, 48_000, 96_000).decoded
    assert si_sdr(samples[0], decoded[0], 48_000) > 10
    assert si_sdr(samples[0], decoded[1], 48_000) < 0


def test_more_bits_sound_better():
    samples = chirps(44_100)
    ratios = [si_sdr(samples, opus(samples, 44_100, rate).decoded, 44_100) for rate in (16_000, 64_000)]
    assert ratios[1] > ratios[0] + 3


@pytest.mark.parametrize("bad", [np.zeros(100), np.zeros((3, 100)), np.zeros((1, 0))])
def test_what_opus_cannot_take_is_refused(bad):
    with pytest.raises(UsageError, match="1 or 2 channels"):
        opus(bad, 48_000, 24_000)


@pytest.mark.parametrize("bitrate", [100, 300_000])
def test_bitrates_out_of_range_are_refused(bitrate):
    with pytest.raises(UsageError, match="500 to 256000"):
        opus(chirps(48_000, 0.1), 48_000, bitrate)


@pytest.mark.parametrize("target", [7000, 12_000, 24_000])
@pytest.mark.parametrize("vbr", ["on", "constrained", "off"])
def test_the_whole_file_meets_the_target(target, vbr):
    samples = chirps(44_100, 5.0)
    result = opus_matched(samples, 44_100, target, [OpusSetting("audio", 60, vbr)])
    assert result.bitrate == pytest.approx(target, rel=0.02)


def test_a_matched_file_is_a_file_that_others_read():
    audio = chirps(48_000, 3.0, 2)
    with av.open(io.BytesIO(peers._file_of_size(audio, 9000, OpusSetting()))) as container:
        assert (container.format.name, container.streams.audio[0].channels) == ("ogg", 2)


def test_under_its_floor_opus_says_what_it_needed():
    settings = [OpusSetting("audio", 20), OpusSetting("lowdelay", 60)]
    result = opus_matched(chirps(44_100), 44_100, 500, settings)
    assert 750 < result.bitrate < 1500
    assert result.setting == "lowdelay 60 ms vbr on"


def test_the_best_setting_wins_by_the_judge():
    samples = chirps(44_100)
    settings = [OpusSetting("voip", 20), OpusSetting("lowdelay", 60), OpusSetting("audio", 20, "off")]
    each = {s: opus_matched(samples, 44_100, 24_000, [s]) for s in settings}
    best = max(settings, key=lambda s: si_sdr(samples, each[s].decoded, 44_100))
    assert opus_matched(samples, 44_100, 24_000, settings, judges=["si_sdr"]).setting == str(best)


def test_mean_rank_weighs_the_judges_alike():
    """The second is best by one judge, and the first by none, but the third is second best by both."""
    samples = np.random.default_rng(0).standard_normal((1, 8000))
    noise = np.random.default_rng(1).standard_normal((1, 8000))
    candidates = [PeerResult(decoded, 0, 0.0, "") for decoded in
                  (samples + 0.5 * noise, 100 * samples, samples + 0.01 * noise, samples + 0.1 * noise)]
    assert best_by_rank(samples, 44_100, candidates, ["si_sdr"]) == 1
    assert best_by_rank(samples, 44_100, candidates, ["mel"]) == 2
    assert best_by_rank(samples, 44_100, candidates, ["mel", "si_sdr"]) == 2
