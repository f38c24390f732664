"""Speakers go through a stream, form its pairs, and come back."""

from __future__ import annotations

import io

import pytest

import nac_cli
from nac_cli import speakers
from nac_cli.audio import open_audio
from nac_cli.values import Waveform
from tests.helpers.sounds import noise
from tests.helpers.streams import compressed


def wave(mask: int | None, channels: int) -> Waveform:
    return Waveform(noise(channels, 9000).samples, 44_100, mask)


@pytest.mark.parametrize(
    "mask, channels, groups",
    [
        (0xB, 3, (2, 1)), (0xF, 4, (2, 1, 1)), (0x107, 4, (2, 1, 1)), (0x60F, 6, (2, 1, 1, 2)),
        (0x33 | 0x600, 6, (2, 2, 2)),
        (0x5, 2, (1, 1)), (0x30, 2, (2,)), (0, 4, (2, 2)), (0x8, 1, (1,)), (0xC3, 4, (2, 2)),
    ],
)  # fmt: skip
def test_speakers_come_back_and_form_pairs(tiny, tmp_path, mask, channels, groups):
    data = compressed(wave(mask, channels), tiny)
    found = nac_cli.info(io.BytesIO(data))
    assert (found.stream.speakers, found.stream.groups, found.version) == (mask, groups, (1, 1))
    assert tuple(found.as_dict()["speakers"]) == speakers.names_of(mask, channels)
    assert nac_cli.decompress(io.BytesIO(data), device="cpu").speakers == mask
    for name in ("a.wav", "a.flac"):
        nac_cli.decompress(io.BytesIO(data), tmp_path / name, device="cpu")
        with open_audio(tmp_path / name) as sound:
            assert sound.speakers == mask
    nac_cli.compress(tmp_path / "a.wav", again := io.BytesIO(), model=tiny, planes=1, device="cpu")
    assert nac_cli.info(io.BytesIO(again.getvalue())).stream.speakers == mask
    nac_cli.recode(io.BytesIO(data), recoded := io.BytesIO(), planes=1)
    assert nac_cli.info(io.BytesIO(recoded.getvalue())).stream.speakers == mask
    nac_cli.tag(io.BytesIO(data), nac_cli.TagChanges(set=(("TITLE", "t"),)), tagged := io.BytesIO())
    assert nac_cli.info(io.BytesIO(tagged.getvalue())).stream.speakers == mask


@pytest.mark.parametrize("channels", range(1, 9))
def test_usual_speakers_leave_streams_as_they_were(tiny, channels):
    plain = compressed(wave(None, channels), tiny)
    assert compressed(wave(speakers.usual(channels), channels), tiny) == plain
    assert nac_cli.info(io.BytesIO(plain)).version == (1, 0)
    assert nac_cli.info(io.BytesIO(plain)).stream.speakers is None


def test_a_bitrate_counts_the_speakers_too(tiny):
    sound = Waveform(noise(3, 44_100 * 3).samples, 44_100, 0xB)
    report = nac_cli.compress(sound, file := io.BytesIO(), model=tiny, bitrate=5000, device="cpu")
    assert len(file.getvalue()) * 8 / 3 <= 5000 and report.bitrate > 0.95 * 5000
