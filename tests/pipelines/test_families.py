"""The families of others through files: EnCodec of both kinds, DAC and SNAC, at their smallest."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

import nac_cli
from nac_cli.audio import DECIBEL_OFFSET
from nac_cli.container import ContainerReader
from nac_cli.models import zoo
from nac_cli.pipelines.chain import framing
from nac_cli.pipelines.chain.framing import framing_for
from nac_cli.pipelines.chain.unpacking import decode_records
from nac_cli.pipelines.count import count
from nac_cli.pipelines.models.opening import CodersToUnpack
from tests.helpers.codecs import ENCODEC_STEREO, FAMILY_MODELS, write_family_model
from tests.helpers.sounds import music, noise
from tests.helpers.streams import compressed, decoded

NATURAL = tuple(name for name in FAMILY_MODELS if name != ENCODEC_STEREO)
WHOLE = ("dac-tiny", "snac-tiny")
"""What has a bounded receptive field: chunks are no matter to it."""


@pytest.fixture(scope="module")
def family_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    for name in FAMILY_MODELS:
        write_family_model(folder, name)
    return folder


@pytest.fixture(autouse=True)
def tiny(family_models, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(family_models))


@pytest.fixture
def short_chunks(monkeypatch):
    """Chunks of about 2 s."""
    monkeypatch.setattr(framing, "SECONDS", 2.0)
    monkeypatch.setattr(framing, "MOST_SECONDS", 2.0)


@pytest.fixture(params=FAMILY_MODELS)
def model(request):
    return request.param


def chunks_of(data: bytes):
    """Header and chunks of a file."""
    reader = ContainerReader(io.BytesIO(data))
    weight_file = zoo.find_id(reader.info.codec.model_id, "")
    return reader.info, list(
        decode_records(reader.chunks(), reader.info, CodersToUnpack(weight_file, reader.info), [], strict=True)
    )


def whole_codes(chunks, channel: int = 0) -> list[np.ndarray]:
    return [np.concatenate(planes) for planes in zip(*(chunk.codes[channel] for chunk in chunks))]


def rate_of(model: str) -> int:
    return zoo.find(model).spec.sample_rate


@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_comes_back_with_its_rate_length_and_channels(model, channels, tmp_path):
    sound = music(channels, 1.31, 22_050)
    data = compressed(sound, model)
    back = decoded(data)
    assert back.sample_rate == 22_050 and back.samples.shape == sound.samples.shape
    assert np.isfinite(back.samples).all() and np.abs(back.samples).max() > 1e-4
    assert nac_cli.verify(io.BytesIO(data), device="cpu").sound
    info = nac_cli.info(io.BytesIO(data))
    assert info.installed and info.stream.codec.name == model


@pytest.mark.parametrize("length", [0, 1, 319, 321])
def test_tiny_lengths(model, length):
    sound = noise(1, length, rate_of(model))
    assert decoded(compressed(sound, model)).samples.shape == (1, length)


def test_silence_takes_no_codes(model):
    rate = rate_of(model)
    sound = nac_cli.Waveform(np.zeros((2, 2 * rate), np.float32), rate)
    data = compressed(sound, model)
    assert not nac_cli.info(io.BytesIO(data)).plane_codes[0]
    assert not decoded(data).samples.any()


def test_a_bitrate_is_kept_and_can_be_lowered_later(model, short_chunks):
    rate = rate_of(model)
    sound = music(2, 3, rate)
    planes = zoo.find(model).spec.num_codebooks
    everything = nac_cli.compress(sound, io.BytesIO(), model=model, planes=planes, device="cpu")
    target = round(0.7 * everything.bitrate)
    file = io.BytesIO()
    report = nac_cli.compress(sound, file, model=model, bitrate=target, device="cpu")
    assert 0.93 * target < report.bitrate <= target
    assert decoded(file.getvalue()).samples.shape == sound.samples.shape
    lower = io.BytesIO()
    smaller = nac_cli.recode(io.BytesIO(file.getvalue()), lower, bitrate=round(0.8 * target), device="cpu")
    assert 0.72 * target < smaller.bitrate <= 0.8 * target
    assert nac_cli.verify(io.BytesIO(lower.getvalue()), device="cpu").sound


def test_all_planes_are_there_unless_a_bitrate_is_asked_for():
    sound = music(1, 2, 16_000)
    report = nac_cli.compress(sound, io.BytesIO(), model="dac-tiny", device="cpu")
    assert report.depth == 4


def test_counted_tables_make_files_smaller_under_another_id(model, tmp_path, family_models, monkeypatch):
    import shutil

    import soundfile

    shutil.copy(family_models / f"{model}.safetensors", tmp_path)
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    rate = rate_of(model)
    sound = music(1, 4, rate)
    soundfile.write(tmp_path / "a.wav", sound.samples.T, rate, subtype="FLOAT")
    counted = count(model, [tmp_path / "a.wav"], device="cpu")
    assert counted.file.spec.name == f"{model}-static" and counted.recordings == 1
    assert counted.file.spec.model_id != zoo.find(model).spec.model_id
    assert counted.file.training["licence"] == "MIT, nobody"
    plain = compressed(sound, model, entropy="packed")
    by_tables = compressed(sound, counted.file.spec.name, entropy="static")
    assert len(by_tables) < len(plain)
    assert (decoded(by_tables).samples == decoded(plain).samples).all(), "the network is the same"


@pytest.mark.parametrize("name", WHOLE)
def test_codes_in_the_file_are_those_of_the_whole(name, short_chunks):
    """Chunks, pieces within them, level and rotation leave the codes of mono sound at the codec's rate alone."""
    codec = nac_cli.load_model(name, "cpu")
    hop, rate = codec.spec.hop_length, codec.spec.sample_rate
    frames = 2 * framing_for(codec, 1).chunk_frames + 77
    sound = noise(1, frames * hop - 5, rate)
    with torch.inference_mode():
        whole = codec.encode(torch.from_numpy(np.pad(sound.samples, ((0, 0), (0, 5))))[None]).codes
    info, chunks = chunks_of(compressed(sound, name, planes=codec.spec.num_codebooks))
    assert len(chunks) == 3 and info.framing == framing_for(codec, 1)
    for codes, expected in zip(whole_codes(chunks), whole, strict=True):
        assert (codes == expected[0].numpy()).mean() > 0.9995  # a near tie may fall the other way
    assert all((chunk.gains == DECIBEL_OFFSET).all() for chunk in chunks)


@pytest.mark.parametrize("name", WHOLE)
def test_sound_of_a_file_is_that_of_the_whole(name, short_chunks):
    codec = nac_cli.load_model(name, "cpu")
    frames = framing_for(codec, 1).chunk_frames + 50
    sound = noise(1, frames * codec.spec.hop_length, codec.spec.sample_rate)
    data = compressed(sound, name, planes=codec.spec.num_codebooks)
    _, chunks = chunks_of(data)
    with torch.inference_mode():
        whole = codec.decode(tuple(torch.from_numpy(plane).long()[None] for plane in whole_codes(chunks)))[0].numpy()
    assert np.abs(decoded(data).samples - whole).max() < 1e-5


def test_a_part_is_what_the_whole_has_there(model, short_chunks):
    rate = rate_of(model)
    codec = nac_cli.load_model(model, "cpu").chunked()
    seconds = 2.2 * framing_for(codec, 1).chunk_frames / codec.spec.frame_rate
    sound = music(1, seconds, rate)
    data = compressed(sound, model)
    whole = decoded(data).samples
    for start in (0.4 * seconds, 0.6 * seconds):
        part = decoded(data, start=start, end=start + 0.5).samples
        first = round(start * rate)
        assert np.abs(part - whole[:, first : first + part.shape[1]]).max() < 1e-5


def test_a_recurrent_model_has_the_codes_of_the_whole_but_after_a_chunk_s_start(short_chunks):
    codec = nac_cli.load_model("encodec-24k-tiny", "cpu")
    frames = framing_for(codec, 1).chunk_frames
    sound = noise(1, (frames + 100) * codec.spec.hop_length, 24_000)
    with torch.inference_mode():
        whole = codec.encode(torch.from_numpy(sound.samples)[None]).codes
    _, chunks = chunks_of(compressed(sound, "encodec-24k-tiny", planes=4))
    for codes, expected in zip(whole_codes(chunks), whole, strict=True):
        assert (codes[:frames] == expected[0, :frames].numpy()).all()
        assert (codes[frames:] == expected[0, frames:].numpy()).mean() > 0.98


def test_a_model_of_two_channels_codes_pairs_in_their_first_channel():
    sound = music(3, 2, 12_000)
    info, chunks = chunks_of(compressed(sound, ENCODEC_STEREO, planes=4))
    assert info.groups == (2, 1)
    for chunk in chunks:
        assert (chunk.depths[0] == 4).all() and not chunk.depths[1].any() and (chunk.depths[2] == 4).all()
        assert not chunk.angles.any()


def test_a_model_of_two_channels_keeps_them_apart_and_mono_alike():
    """The network, here, swaps nothing: what goes in left comes out left. With random weights only shapes and
    equality can be told."""
    codec = nac_cli.load_model(ENCODEC_STEREO, "cpu").chunked()
    sound = music(1, 1, 12_000)
    both = nac_cli.Waveform(np.repeat(sound.samples, 2, axis=0), 12_000)
    (_, mono), (_, stereo) = (chunks_of(compressed(each, ENCODEC_STEREO, planes=4)) for each in (sound, both))
    for one, other in zip(whole_codes(mono), whole_codes(stereo), strict=True):
        assert (one == other).all()
    out = decoded(compressed(both, ENCODEC_STEREO, planes=4)).samples
    assert np.allclose(decoded(compressed(sound, ENCODEC_STEREO, planes=4)).samples[0], out.mean(axis=0), atol=1e-6)
    assert codec.frame_multiple == 37


def test_segments_fade_into_each_other():
    codec = nac_cli.load_model(ENCODEC_STEREO, "cpu").chunked()
    size, hop = codec.frame_multiple, codec.spec.hop_length
    codes = tuple(torch.randint(0, n, (1, 2 * size + 9)) for n in codec.spec.codebook_sizes)
    with torch.inference_mode():
        wav = codec.decode(codes)
        first, second = (codec.codec.decode(tuple(p[:, at : at + size + 2] for p in codes)) for at in (0, size))
    assert wav.shape == (1, 2, (2 * size + 9) * hop)
    at = size * hop
    assert torch.equal(wav[..., :at], first[..., :at])
    assert torch.equal(wav[..., at + 2 * hop : 2 * at], second[..., 2 * hop : at])
    rise = (torch.arange(2 * hop) + 0.5) / (2 * hop)
    fade = first[..., at : at + 2 * hop] * (1 - rise) + second[..., : 2 * hop] * rise
    assert torch.allclose(wav[..., at : at + 2 * hop], fade, atol=1e-6)


def test_stereo_is_rotated_for_models_of_one_channel():
    sound = music(1, 2, 16_000)
    both = nac_cli.Waveform(np.repeat(sound.samples, 2, axis=0), 16_000)
    _, chunks = chunks_of(compressed(both, "dac-tiny", planes=4))
    assert (chunks[0].angles == 8).all(), "mid and side"
    assert (chunks[0].depths[0] == 4).all() and not chunks[0].depths[1].any(), "nothing is in the side"
    assert (chunks[0].gains == DECIBEL_OFFSET + 3).all(), "the mid is as loud as left and right"


def test_pairs_have_the_codes_of_mid_and_side_at_natural_level():
    codec = nac_cli.load_model("dac-tiny", "cpu")
    left, right = (music(1, 2, 16_000).samples, noise(1, 32_000, 16_000).samples)
    both = nac_cli.Waveform(np.concatenate((left + right, left - right)), 16_000)
    _, chunks = chunks_of(compressed(both, "dac-tiny", planes=4))
    angle = chunks[0].angles[0, 0] * 2 * np.pi / 64
    assert (chunks[0].angles == chunks[0].angles[0, 0]).all()
    first, second = both.samples
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack((first * cos + second * sin, second * cos - first * sin))
    turned /= 10 ** (3 / 20)
    with torch.inference_mode():
        expected = codec.encode(torch.from_numpy(turned.astype(np.float32))[:, None]).codes
    for channel in range(2):
        for codes, plane in zip(whole_codes(chunks, channel), expected, strict=True):
            assert (codes == plane[channel].numpy()).mean() > 0.99


def test_a_damaged_description_is_refused(tmp_path):
    import dataclasses

    from nac_cli.models import weights

    codec = nac_cli.load_model("dac-tiny", "cpu")
    config = dataclasses.asdict(codec.config)
    for wrong in ({"strides": [2, 4, 5]}, {"decoder_width": 64}, {"nonsense": 1}, {"strides": 7}):
        weights.save(tmp_path / "x.safetensors", codec, config | wrong, None, {})
        with pytest.raises(nac_cli.NacError, match="x.safetensors|the model's"):
            nac_cli.load_model(tmp_path / "x.safetensors", "cpu")
