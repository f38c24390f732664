"""Detail over the codes, through files: it brings the sound nearer, keeps to the bitrate, and is lost by itself."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

import nac_cli
from nac_cli.container import ContainerReader
from nac_cli.errors import CorruptStream
from nac_cli.models import zoo
from nac_cli.pipelines.rate.detail import code_bitrate, least_bitrate, step_offsets
from tests.helpers.codecs import FAMILY_MODELS, TINY, write_family_model
from tests.helpers.sounds import HOP, clear_music, music
from tests.helpers.streams import decoded
from tests.reference.file_decoder import decode_detail

CHUNK = 864 * HOP
SECONDS = 3 * CHUNK / 44_100


def packed(sound: nac_cli.Waveform, bitrate: int, **options) -> bytes:
    nac_cli.compress(sound, file := io.BytesIO(), bitrate=bitrate, device="cpu", **{"model": TINY} | options)
    return file.getvalue()


@pytest.fixture(scope="module")
def sound():
    return clear_music(2, SECONDS, 44_100)


@pytest.fixture(scope="module")
def stream(models, sound):
    return packed(sound, 16_000, model=models / f"{TINY}.safetensors")


def places(data: bytes, kind: str) -> list[tuple[int, int]]:
    return [(e.offset, e.size) for e in ContainerReader(io.BytesIO(data)).structure() if e.kind == kind]


def snr(wanted: nac_cli.Waveform, got: nac_cli.Waveform) -> float:
    return 10 * np.log10(np.square(wanted.samples).sum() / np.square(wanted.samples - got.samples).sum())


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def test_more_bits_bring_the_sound_nearer(sound, tiny):
    rates = (8_000, 16_000, 32_000, 64_000)
    files = [packed(sound, rate) for rate in rates]
    for rate, file in zip(rates, files):
        assert 0.95 * rate <= 8 * len(file) / SECONDS <= rate
    ratios = [snr(sound, decoded(file)) for file in files]
    assert all(b > a + 0.5 for a, b in zip(ratios, ratios[1:]))


def test_the_reference_reads_every_layer(tiny):
    """Pure Python by the text of the format: `decode_detail` raises where a checksum is wrong."""
    file = packed(clear_music(2, 1.0, 44_100), 24_000)
    details = decode_detail(file)
    assert len(details) == len(places(file, "detl")) == 1
    assert len(details[0]) == 2 and any(layer and any(layer.levels) for layer in details[0])


def test_without_detail_there_is_none(sound, tiny):
    plain = packed(sound, 4_000, detail=False)
    assert not places(plain, "detl") and plain[9] == 0
    assert places(packed(sound, 16_000), "detl")


def test_little_bitrate_has_none(sound, tiny):
    assert not places(packed(sound, 3_000), "detl")


def test_decoding_a_part_gives_what_the_whole_has_there(stream):
    whole = decoded(stream).samples
    part = nac_cli.decompress(io.BytesIO(stream), start=9.5, end=10.6).samples
    first = round(9.5 * 44_100)
    np.testing.assert_allclose(part, whole[:, first : first + part.shape[1]], atol=2e-5)


def test_lost_detail_costs_the_detail(stream, tmp_path):
    offset, size = places(stream, "detl")[1]
    damaged = flipped(stream, offset + size // 2)
    report = nac_cli.decompress(io.BytesIO(damaged), tmp_path / "out.wav", bits=32)
    (loss,) = report.losses
    assert loss.detail_only and (loss.start, loss.stop) == pytest.approx((CHUNK / 44_100, 2 * CHUNK / 44_100))
    assert "detail" in str(loss)
    import soundfile

    back = soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)[0].T
    whole, plain = decoded(stream).samples, without_detail(stream).samples
    np.testing.assert_allclose(back[:, :CHUNK], whole[:, :CHUNK], atol=1e-5)
    np.testing.assert_allclose(back[:, CHUNK : 2 * CHUNK], plain[:, CHUNK : 2 * CHUNK], atol=1e-5)
    np.testing.assert_allclose(back[:, 2 * CHUNK :], whole[:, 2 * CHUNK :], atol=1e-5)
    with pytest.raises(CorruptStream):
        nac_cli.decompress(io.BytesIO(damaged), tmp_path / "strict.wav", strict=True)
    assert not nac_cli.verify(io.BytesIO(damaged)).sound and nac_cli.verify(io.BytesIO(stream)).sound


def without_detail(stream: bytes) -> nac_cli.Waveform:
    nac_cli.recode(io.BytesIO(stream), file := io.BytesIO(), detail=False)
    return decoded(file.getvalue())


def test_another_entropy_mode_keeps_it_byte_for_byte(stream):
    nac_cli.recode(io.BytesIO(stream), file := io.BytesIO(), entropy="packed")
    blocks = [[data[o : o + n] for o, n in places(data, "detl")] for data in (stream, file.getvalue())]
    assert blocks[0] == blocks[1]
    np.testing.assert_array_equal(decoded(file.getvalue()).samples, decoded(stream).samples)


def test_a_lower_bitrate_trims_it_and_then_drops_it(stream, sound):
    ratios = []
    for rate in (12_000, 8_000, 3_000):
        nac_cli.recode(io.BytesIO(stream), file := io.BytesIO(), bitrate=rate)
        assert 8 * len(file.getvalue()) / SECONDS <= rate
        assert bool(places(file.getvalue(), "detl")) == (rate > 3_000)
        ratios.append(snr(sound, decoded(file.getvalue())))
    assert snr(sound, decoded(stream)) > ratios[0] > ratios[1] > ratios[2]


def test_fewer_planes_leave_none(stream):
    nac_cli.recode(io.BytesIO(stream), file := io.BytesIO(), planes=1)
    assert not places(file.getvalue(), "detl")


@pytest.mark.parametrize("samples", [0, 1, HOP, CHUNK + 1])
def test_any_length(samples, tiny):
    sound = nac_cli.Waveform(music(1, 12, 44_100).samples[:, :samples], 44_100)
    file = packed(sound, 32_000) if samples > HOP else packed(sound, 64_000_000 if samples else 32_000)
    assert decoded(file).samples.shape == (1, samples)


@pytest.mark.parametrize("name", FAMILY_MODELS)
def test_every_family_carries_it(name, tmp_path, monkeypatch):
    write_family_model(tmp_path, name)
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    sound = music(2, 2.5, 44_100)
    low, high = (decoded(packed(sound, rate, model=name)) for rate in (16_000, 48_000))
    assert snr(sound, high) > snr(sound, low) + 1


def test_shares_of_codes_grow_slowly(stream):
    info = ContainerReader(io.BytesIO(stream)).info
    shares = [code_bitrate(rate, info) for rate in (2_000, 6_000, 12_000, 48_000)]
    assert shares[0] == 2_000 and shares[1] < shares[2] < shares[3] < 12_000


@pytest.mark.parametrize("channels, without, with_it", [(1, 2_000, 3_000), (2, 4_000, 6_000)])
def test_the_default_model_has_detail_where_it_pays(channels, without, with_it):
    sound = music(channels, 5.0, 44_100)
    files = [packed(sound, rate, model=zoo.DEFAULT) for rate in (without, with_it)]
    assert [bool(places(file, "detl")) for file in files] == [False, True]


def test_other_families_have_detail_from_higher_bitrates_on(stream):
    codec = ContainerReader(io.BytesIO(stream)).info.codec
    assert least_bitrate(codec) < least_bitrate(replace(codec, family="dac")) == 3_500


def test_the_weaker_channel_of_a_pair_has_coarser_steps():
    gains = np.array([[150, 150], [138, 138], [100, 100]])
    assert step_offsets(gains, (2, 1)) == [0, 16, 0]
