"""The EnCodec family: contract, streaming, segments, training."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nac_cli.errors import ModelError, UsageError
from nac_cli.models.encodec.config import PRESETS, EncodecConfig
from nac_cli.models.encodec.network import EncodecCodec
from nac_cli.models.layers.weight_norm import remove_weight_norm
from nac_cli.models.quantizers.ema import CodebookAverages
from nac_cli.values import ABSENT

CAUSAL = EncodecConfig(
    sample_rate=600,
    strides=(2, 3),
    width=4,
    latent_width=6,
    num_codebooks=3,
    codebook_size=8,
    bitrates=(600, 900),
)
STEREO = dataclasses.replace(
    CAUSAL, channels=2, causal=False, norm="layer", normalise=True, segment_length=120, segment_stride=114
)
HOP = 6


def codec(config: EncodecConfig) -> EncodecCodec:
    """With random weights, in float64, so that no near tie makes a test depend on rounding; codebooks made of
    latents."""
    torch.manual_seed(0)
    model = EncodecCodec(config, "test").eval().requires_grad_(False)
    z = model.encoder(torch.randn(4, config.channels, 100 * HOP)).transpose(1, 2).flatten(0, 1)
    CodebookAverages(model.quantizer).initialise(z, 5)
    return model.double()


@pytest.fixture(scope="module")
def causal():
    return codec(CAUSAL)


@pytest.fixture(scope="module")
def stereo():
    return codec(STEREO)


def noise(model: EncodecCodec, length: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(2, model.channels, length, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("kind", ["causal", "stereo"])
def test_any_length_comes_back_in_whole_hops(kind, request):
    model = request.getfixturevalue(kind)
    for length in range(1, 3 * HOP + 2):
        encoded = model.encode(noise(model, length))
        frames = -(-length // HOP)
        assert [plane.shape for plane in encoded.codes] == [(2, frames)] * 3
        assert encoded.distortion.shape == (2, 4, frames)
        assert model.decode(encoded.codes).shape == (2, model.channels, frames * HOP)


def test_fewer_planes_cost_what_the_distortion_says(causal):
    encoded = causal.encode(noise(causal, 20 * HOP))
    whole = causal.quantizer.decode(torch.stack(encoded.codes, 1))
    kept = (encoded.codes[0], *(torch.full_like(plane, ABSENT) for plane in encoded.codes[1:]))
    missing = (whole - causal.quantizer.decode(torch.stack(kept, 1))).square().sum(-1)
    assert torch.allclose(missing, encoded.distortion[:, 1])
    assert causal.decode(kept).shape == (2, 1, 20 * HOP)
    vectors = zip(causal.code_vectors(), encoded.codes, strict=True)
    assert torch.allclose(sum(plane[codes] for plane, codes in vectors), whole)


@given(length=st.integers(0, 25 * HOP), cuts=st.lists(st.integers(0, 25 * HOP), max_size=8))
@settings(max_examples=60, deadline=None)
def test_encoding_step_by_step_gives_the_codes_of_the_whole(causal, length, cuts):
    wav, places = noise(causal, length), sorted(min(cut, length) for cut in cuts)
    state, codes = None, []
    for start, stop in zip([0, *places], [*places, length]):
        encoded, state = causal.encode_step(wav[..., start:stop], state, last=False)
        codes.append(torch.stack(encoded.codes, 1))
    codes.append(torch.stack(causal.encode_step(wav[..., :0], state, last=True)[0].codes, 1))
    expected = torch.stack(causal.encode(wav).codes, 1)
    assert (torch.cat(codes, -1) == expected).all()


@given(frames=st.integers(0, 25), cuts=st.lists(st.integers(0, 25), max_size=8))
@settings(max_examples=60, deadline=None)
def test_decoding_step_by_step_gives_the_sound_of_the_whole(causal, frames, cuts):
    codes = torch.randint(-1, 8, (2, 3, frames), generator=torch.Generator().manual_seed(frames))
    places = sorted(min(cut, frames) for cut in cuts)
    state, wavs = None, []
    for start, stop in zip([0, *places], [*places, frames]):
        wav, state = causal.decode_step(codes[..., start:stop].unbind(1), state)
        wavs.append(wav)
    wavs.append(causal.decode_step(codes[..., :0].unbind(1), state, last=True)[0])
    expected = causal.decode(codes.unbind(1))
    assert torch.allclose(torch.cat(wavs, -1), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["encodec-24k-tiny"])
def test_after_its_start_a_stream_has_a_latency_of_one_hop(name):
    """Of 320 samples, 13.3 ms. At the start, the 7 frames come together that the reflection has to wait
    for."""
    model = EncodecCodec(PRESETS[name], name).eval().requires_grad_(False)
    wav, encoder, decoder, frames, samples = torch.randn(1, 1, 10 * 320), None, None, [], []
    for piece in wav.split(320, -1):
        encoded, encoder = model.encode_step(piece, encoder)
        decoded, decoder = model.decode_step(encoded.codes, decoder)
        frames.append(encoded.codes[0].shape[-1])
        samples.append(decoded.shape[-1])
    assert frames == [0, 0, 0, 0, 0, 0, 7, 1, 1, 1]
    assert samples == [320 * count for count in frames]
    assert {320 / config.sample_rate for config in (PRESETS[name], PRESETS["encodec-24k"])} == {1 / 75}


def test_what_is_not_causal_says_so(stereo):
    with pytest.raises(UsageError, match="not causal"):
        stereo.encode_step(noise(stereo, 12))
    with pytest.raises(UsageError, match="not causal"):
        stereo.decode_step(stereo.encode(noise(stereo, 12)).codes)


def test_segments_carry_their_own_level(stereo):
    wav = noise(stereo, 300)
    wav[..., 120:] *= 100
    quiet, loud, *rest = stereo.encode_segments(wav)
    mono = wav[..., 114:234].mean(1)
    assert torch.allclose(loud.scale, mono.square().mean(-1).sqrt())
    assert (loud.scale > 50 * quiet.scale).all()
    louder = stereo.encode_segments(wav * 8)
    assert all((a == b).all() for a, b in zip(loud.codes, louder[1].codes))
    wav_hat = stereo.decode_segments([quiet, loud, *rest], 300)
    assert wav_hat.shape == wav.shape
    assert torch.allclose(stereo.decode_segments(louder, 300), 8 * wav_hat)


def test_segments_of_every_length_give_that_length(stereo):
    for length in (1, 5, 113, 114, 115, 119, 120, 121, 228, 229, 234, 235):
        wav_hat = stereo.decode_segments(stereo.encode_segments(noise(stereo, length)), length)
        assert wav_hat.shape == (2, 2, length) and wav_hat.isfinite().all()


def test_silence_stays_finite(stereo):
    segments = stereo.encode_segments(torch.zeros(1, 2, 130, dtype=torch.float64))
    assert stereo.decode_segments(segments, 130).abs().max() < 1e-6


def test_a_model_without_segments_has_one(causal):
    wav = noise(causal, 100)
    (segment,) = causal.encode_segments(wav)
    assert (segment.scale == 1).all()
    assert (causal.decode_segments([segment], 100) == causal.decode(segment.codes)[..., :100]).all()


@pytest.mark.parametrize("causality", [True, False])
@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_the_context_of_convolutions_is_found_by_differentiating(causality, half):
    model = codec(dataclasses.replace(CAUSAL, lstm_layers=0, causal=causality))
    before, after = model.convolution_context(half)
    frames, middle = 61, 30
    if half == "encoder":
        assert model.encode_context == max(before, after)
        x = noise(model, frames * HOP)[:1].requires_grad_()
        model.encoder(x)[..., middle].sum().backward()
        reached = x.grad.reshape(frames, HOP).abs().sum(1).nonzero()[:, 0]
    else:
        assert model.decode_context == max(before, after)
        x = torch.randn(1, 6, frames, dtype=torch.float64, requires_grad=True)
        model.decoder(x)[..., middle * HOP : (middle + 1) * HOP].sum().backward()
        reached = x.grad[0].abs().sum(0).nonzero()[:, 0]
    assert (int(reached.min()), int(reached.max())) == (middle - before, middle + after)


def test_a_model_with_memory_has_no_context_that_suffices(causal, stereo):
    for model in (causal, stereo, codec(dataclasses.replace(STEREO, lstm_layers=0))):
        assert model.encode_context is None and model.decode_context is None
    assert causal.unit_level is False and stereo.unit_level is True


def test_presets_have_the_published_rates():
    expected = {
        "encodec-24k": (75, [2, 4, 8, 16, 32], 14_846_817),
        "encodec-48k": (150, [2, 4, 8, 16], 14_856_294),
        "encodec-24k-tiny": (75, [2, 4], None),
    }
    assert PRESETS.keys() == expected.keys()
    for name, (frame_rate, depths, parameters) in expected.items():
        config = PRESETS[name]
        with torch.device("meta"):
            model = EncodecCodec(config, name)
        assert model.spec.frame_rate == frame_rate
        assert [config.codebooks_at(bitrate) for bitrate in config.bitrates] == depths
        assert parameters in (None, sum(parameter.numel() for parameter in model.parameters()))


def test_a_config_survives_json():
    for config in PRESETS.values():
        assert EncodecConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize(
    "change",
    [
        {"strides": ()}, {"strides": 6}, {"strides": (0,)}, {"strides": (64,) * 8}, {"width": 4096},
        {"width": 1}, {"channels": 3}, {"segment_stride": 10}, {"norm": "layer"}, {"norm": "batch"},
        {"causal": 1}, {"segment_length": 100}, {"codebook_size": 1.5},
        {"segment_length": 10, "segment_stride": 20},
    ],
)  # fmt: skip
def test_a_config_out_of_bounds_is_an_error(change):
    with pytest.raises(ModelError, match="EnCodec"):
        dataclasses.replace(CAUSAL, **change)


@pytest.mark.parametrize("config", [CAUSAL, STEREO])
def test_it_learns(config):
    """A minute's training in small: the loss falls, codes come into use, and weight norm leaves plain weights
    behind."""
    torch.manual_seed(0)
    model = EncodecCodec(config, "test")
    names = set(model.state_dict())
    model.prepare_training()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2, betas=(0.5, 0.9))
    averages = CodebookAverages(model.quantizer, decay=0.9)
    time = torch.arange(10 * HOP) / config.sample_rate
    losses, used = [], []
    for _ in range(80):
        pitch = torch.tensor([20.0, 30, 50, 80]).reshape(4, 1, 1).expand(-1, config.channels, -1)
        wav = torch.sin(2 * torch.pi * (pitch * time + torch.rand(4, 1, 1)))
        depths = torch.full((4, 10), config.num_codebooks)
        quantized = model.quantize(wav, depths)
        loss = functional.mse_loss(model.synthesise(quantized.z_q), wav) + 0.1 * quantized.commitment
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        averages.update(quantized, depths)
        losses.append(loss.item())
        used.append(len(quantized.codes[:, 0].unique()))
    assert sum(losses[-9:]) < 0.5 * sum(losses[:9])
    assert sum(used[-9:]) > sum(used[:9])
    before = model.encoder(wav)
    remove_weight_norm(model)
    assert torch.allclose(model.encoder(wav), before, atol=1e-5)
    assert set(model.state_dict()) == names
