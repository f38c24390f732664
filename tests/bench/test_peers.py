"""Peers come back as they went in: length, channels, time; and their files have the size that was asked for."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from nac_cli.bench.metrics import si_sdr
from nac_cli.bench.peers import PEERS, PeerResult, ffmpeg, matched, through
from nac_cli.bench.peers.aac import SAMPLE_RATES, AacSetting, aac_settings
from nac_cli.bench.peers.mp3 import Mp3Setting, mp3_settings
from nac_cli.bench.peers.opus import OPUS_SETTINGS, OpusSetting
from nac_cli.bench.peers.search import best_by_rank, file_of_size
from nac_cli.errors import UsageError

OTHERS = [*map(Mp3Setting, (8000, 22_050, 44_100)), *map(AacSetting, SAMPLE_RATES)]


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
        result = through(samples, rate, 24_000 * channels, OpusSetting("audio", 60))
        assert result.decoded.shape == (channels, length) and result.decoded.dtype == np.float32
        assert result.bitrate == pytest.approx(result.file_bytes * 8 * rate / length)


@pytest.mark.parametrize("setting", OPUS_SETTINGS, ids=str)
def test_no_setting_shifts_the_signal(setting):
    samples = chirps(48_000, 1.0)
    decoded = through(samples, 48_000, 64_000, setting).decoded
    inner = slice(4800, -4800)
    match = {lag: samples[0, inner] @ np.roll(decoded[0], -lag)[inner] for lag in range(-20, 21)}
    assert abs(max(match, key=match.get)) <= 3  # the delay that libopus' speech mode leaves
    assert si_sdr(samples[:, inner], decoded[:, inner], 48_000) > 5


def test_stereo_keeps_its_sides():
    samples = chirps(48_000, 1.0, 2)
    decoded = through(samples, 48_000, 96_000, OpusSetting()).decoded
    assert si_sdr(samples[0], decoded[0], 48_000) > 10
    assert si_sdr(samples[0], decoded[1], 48_000) < 0


def test_more_bits_sound_better():
    samples = chirps(44_100)
    results = [through(samples, 44_100, rate, OpusSetting()) for rate in (16_000, 64_000)]
    ratios = [si_sdr(samples, result.decoded, 44_100) for result in results]
    assert ratios[1] > ratios[0] + 3


@pytest.mark.parametrize("bad", [np.zeros(100), np.zeros((3, 100)), np.zeros((1, 0))])
def test_what_opus_cannot_take_is_refused(bad):
    with pytest.raises(UsageError, match="1 or 2 channels"):
        through(bad, 48_000, 24_000, OpusSetting())


@pytest.mark.parametrize("bitrate", [100, 300_000])
def test_bitrates_out_of_range_are_refused(bitrate):
    with pytest.raises(UsageError, match="500 to 256000"):
        through(chirps(48_000, 0.1), 48_000, bitrate, OpusSetting())


@pytest.mark.parametrize("target", [7000, 12_000, 24_000])
@pytest.mark.parametrize("vbr", ["on", "constrained", "off"])
def test_the_whole_file_meets_the_target(target, vbr):
    samples = chirps(44_100, 5.0)
    result = matched(samples, 44_100, target, [OpusSetting("audio", 60, vbr)])
    assert result.bitrate == pytest.approx(target, rel=0.02)


def test_a_matched_file_is_a_file_that_others_read():
    audio = chirps(48_000, 3.0, 2)
    with av.open(io.BytesIO(file_of_size(audio, 9000, OpusSetting())[0])) as container:
        assert (container.format.name, container.streams.audio[0].channels) == ("ogg", 2)


def test_under_its_floor_opus_says_what_it_needed():
    settings = [OpusSetting("audio", 20), OpusSetting("lowdelay", 60)]
    result = matched(chirps(44_100), 44_100, 500, settings)
    assert 750 < result.bitrate < 1500
    assert result.setting == "lowdelay 60 ms vbr on"


def test_the_best_setting_wins_by_the_judge():
    samples = chirps(44_100)
    settings = [OpusSetting("voip", 20), OpusSetting("lowdelay", 60), OpusSetting("audio", 20, "off")]
    each = {s: matched(samples, 44_100, 24_000, [s]) for s in settings}
    best = max(settings, key=lambda s: si_sdr(samples, each[s].decoded, 44_100))
    assert matched(samples, 44_100, 24_000, settings, judges=["si_sdr"]).setting == str(best)


def test_mean_rank_weighs_the_judges_alike():
    """The second is best by one judge, and the first by none, but the third is second best by both."""
    samples = np.random.default_rng(0).standard_normal((1, 8000))
    noise = np.random.default_rng(1).standard_normal((1, 8000))
    candidates = [
        PeerResult(decoded, 0, 0.0, "")
        for decoded in (samples + 0.5 * noise, 100 * samples, samples + 0.01 * noise, samples + 0.1 * noise)
    ]
    assert best_by_rank(samples, 44_100, candidates, ["si_sdr"]) == 1
    assert best_by_rank(samples, 44_100, candidates, ["mel"]) == 2
    assert best_by_rank(samples, 44_100, candidates, ["mel", "si_sdr"]) == 2


@pytest.mark.parametrize("setting", OTHERS, ids=repr)
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_and_aac_come_back_in_place_and_whole(setting, channels):
    samples = chirps(44_100, 1.5, channels)[:, :60_001]
    result = through(samples, 44_100, 64_000 * channels, setting)
    assert result.decoded.shape == samples.shape and result.decoded.dtype == np.float32
    low = chirps(44_100, 1.5)[0, 2000:20_000]
    match = {lag: low @ result.decoded[0, 2000 + lag : 20_000 + lag] for lag in range(-1500, 1500)}
    assert abs(max(match, key=match.get)) <= 44_100 / setting.sample_rate
    assert result.encode_seconds > 0 and result.decode_seconds > 0


@pytest.mark.parametrize("length", [1, 500, 3000])
@pytest.mark.parametrize("setting", [Mp3Setting(16_000), AacSetting(16_000)], ids=repr)
def test_short_sounds_have_a_file_too(setting, length):
    assert through(chirps(44_100)[:, :length], 44_100, 32_000, setting).decoded.shape == (1, length)


@pytest.mark.parametrize(("peer", "target"), [("mp3", 16_000), ("mp3", 48_000), ("aac", 16_000), ("aac", 32_000)])
def test_mp3_and_aac_meet_a_target_that_they_can(peer, target):
    samples = chirps(44_100, 3.0)
    result = matched(samples, 44_100, target, PEERS[peer].settings(target, 1), judges=["mel"])
    assert result.meets(target), result.bitrate
    assert result.scores.keys() <= {"mel"}


@pytest.mark.parametrize(("peer", "floor"), [("mp3", 8000), ("aac", 7000)])
def test_under_the_floor_the_smallest_file_stands_and_says_so(peer, floor):
    result = matched(chirps(44_100, 5.0), 44_100, 3000, PEERS[peer].settings(3000, 1), judges=["mel"])
    assert not result.meets(3000)
    assert floor < result.bitrate < 1.25 * floor


def test_low_targets_try_low_sample_rates():
    for settings in (mp3_settings, aac_settings):
        rates = [[setting.sample_rate for setting in settings(target, 1)] for target in (8000, 64_000)]
        assert max(rates[0]) <= 16_000 and 44_100 in rates[1]
        assert settings(500, 2) and settings(900_000, 1)


def test_mono_that_decodes_as_stereo_is_mono():
    """As FFmpeg decodes mono with band replication."""
    pair = np.repeat(chirps(44_100, 0.5), 2, axis=0)
    file = AacSetting(44_100).encode(pair, 128_000)
    both, one = ffmpeg.decode(file, 2), ffmpeg.decode(file, 1)
    assert len(both) == 2 and np.array_equal(one, both[:1])


class Refusing(OpusSetting):
    """Its encoder takes nothing."""

    def encode(self, audio, bitrate):
        raise UsageError("no, thank you")


def test_a_setting_that_its_encoder_refuses_is_left_out():
    samples = chirps(44_100)
    assert matched(samples, 44_100, 24_000, [Refusing("voip"), OpusSetting()]).setting == str(OpusSetting())
    with pytest.raises(UsageError, match="no, thank you"):
        matched(samples, 44_100, 24_000, [Refusing()])
