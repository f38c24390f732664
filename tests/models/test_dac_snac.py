"""DAC and SNAC as codecs: shapes, contexts, absent planes, noise, training."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.errors import ModelError
from nac_cli.models import dac, snac
from nac_cli.models.dac import DacCodec, DacConfig
from nac_cli.models.layers import weight_norm
from nac_cli.models.layers.local_attention import LocalAttention
from nac_cli.models.layers.noise import bell_noise
from nac_cli.models.layers.receptive_field import reach
from nac_cli.models.quantizers.multi_scale import MultiScaleQuantizer
from nac_cli.models.quantizers.rvq import ResidualVectorQuantizer
from nac_cli.models.snac import SnacCodec, SnacConfig
from nac_cli.values import ABSENT

FAMILIES = {"dac-tiny": (DacCodec, dac.PRESETS), "snac-tiny": (SnacCodec, snac.PRESETS)}


def build(name: str):
    torch.manual_seed(0)
    codec, presets = FAMILIES[name]
    return codec(presets[name], name)


@pytest.fixture(scope="module", params=FAMILIES)
def codec(request):
    """A tiny model whose latents move with the sound, so that codes differ from frame to frame."""
    model = build(request.param).eval().requires_grad_(False)
    for name, value in model.encoder.named_parameters():
        value.mul_(0 if name.endswith("bias") else 1.5 if value.dim() == 3 and value.shape[-1] > 1 else 1)
    return model


def multiple(codec) -> int:
    return getattr(codec, "frame_multiple", 1)


@pytest.mark.parametrize(
    "codec, config, millions, bitrate",
    [
        (DacCodec, dac.PRESETS["dac-44k-8kbps"], (22.3, 54.1, 76.6), 7752),
        (DacCodec, dac.PRESETS["dac-44k-16kbps"], (19.5, 44.5, 64.2), 15_504),
        (DacCodec, dac.PRESETS["dac-24k"], (21.5, 52.3, 74.7), 24_000),
        (DacCodec, dac.PRESETS["dac-16k"], (21.5, 52.3, 74.1), 6000),
        (SnacCodec, snac.PRESETS["snac-24k"], (6.7, 13.0, 19.8), 984),
        (SnacCodec, snac.PRESETS["snac-32k"], (16.0, 38.3, 54.5), 1875),
        (SnacCodec, snac.PRESETS["snac-44k"], (16.0, 38.3, 54.5), 2584),
    ],
    ids=["dac-44k-8kbps", "dac-44k-16kbps", "dac-24k", "dac-16k", "snac-24k", "snac-32k", "snac-44k"],
)
def test_presets_have_the_published_sizes_and_bitrates(codec, config, millions, bitrate):
    """DAC, section 4.3: 22 M and 54 M; SNAC, section 4.1: 16, 38.3 and 54.5 M, 6.7, 13.0 and 19.8 M, 984
    bit/s."""
    with torch.device("meta"):
        model = codec(config, "any")
    for part, count in zip((model.encoder, model.decoder, model), millions, strict=True):
        assert sum(value.numel() for value in part.parameters()) / 1e6 == pytest.approx(count, abs=0.06)
    spec = model.spec
    bits = sum((size - 1).bit_length() / stride for size, stride in zip(spec.codebook_sizes, spec.strides, strict=True))
    assert bits * spec.frame_rate == pytest.approx(bitrate, abs=1)
    assert 864 % multiple(model) == 0, "a chunk of the format's default length begins where windows do"


@pytest.mark.parametrize("frames", [1, 3, 8, 21])
def test_codes_and_wave_have_the_contract_s_shapes(codec, frames):
    encoded = codec.encode(torch.randn(3, 1, frames * codec.spec.hop_length))
    assert [plane.shape for plane in encoded.codes] == [(3, -(-frames // stride)) for stride in codec.spec.strides]
    assert encoded.distortion.shape == (3, codec.spec.num_codebooks + 1, frames)
    assert (encoded.distortion[:, -1] == 0).all()
    wav_hat = codec.decode(encoded.codes)
    assert wav_hat.shape == (3, 1, frames * codec.spec.hop_length)
    assert torch.equal(codec.decode(encoded.codes), wav_hat)
    assert codec.unit_level is False
    width = codec.quantizer.planes[0].project_in.in_features
    assert [vectors.shape for vectors in codec.code_vectors()] == [(64, width)] * codec.spec.num_codebooks


@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_with_its_context_a_chunk_is_coded_as_within_the_whole(codec, data):
    """Codes equal, samples to float rounding; chunks begin at multiples of `frame_multiple` and end there
    or at the end."""
    unit, hop, total = multiple(codec), codec.spec.hop_length, 45
    start = data.draw(st.integers(0, (total - 1) // unit)) * unit
    stop = min(start + data.draw(st.integers(1, 4)) * unit, total)
    torch.manual_seed(start)
    wav = torch.randn(1, 1, total * hop) * torch.linspace(0, 1, total * hop)
    whole = codec.encode(wav)
    first, last = max(start - codec.encode_context, 0), min(stop + codec.encode_context, total)
    part = codec.encode(wav[..., first * hop : last * hop])
    for stride, of_part, of_whole in zip(codec.spec.strides, part.codes, whole.codes, strict=True):
        begin, end = start // stride, -(-stop // stride)
        assert torch.equal(of_part[:, begin - first // stride : end - first // stride], of_whole[:, begin:end])

    planes = [torch.randint(0, 64, plane.shape) for plane in whole.codes]
    planes[-1][:, 20:40] = ABSENT
    sound = codec.decode(tuple(planes))[..., start * hop : stop * hop]
    first, last = max(start - codec.decode_context, 0), min(stop + codec.decode_context, total)
    cut = [plane[:, first // stride : -(-last // stride)] for plane, stride in zip(planes, codec.spec.strides)]
    chunk = codec.decode(tuple(cut))[..., (start - first) * hop : (stop - first) * hop]
    assert (chunk - sound).abs().max() < 1e-5 * sound.abs().max()


@pytest.mark.parametrize("half", ["encode", "decode"])
def test_contexts_are_as_far_as_the_network_sees(codec, half):
    """Found by differentiating: what has any influence on a stretch, against the stated context."""
    unit, hop = multiple(codec), codec.spec.hop_length
    frames, start = 9 * unit if unit > 1 else 41, 4 * unit if unit > 1 else 20
    if half == "encode":
        wav = torch.randn(1, 1, frames * hop, requires_grad=True)
        codec.encoder(wav)[..., start : start + unit].square().sum().backward()
        reached = wav.grad.reshape(frames, hop).abs().sum(1).nonzero()[:, 0]
        context = codec.encode_context
    else:
        z = torch.randn(1, frames, codec.quantizer.planes[0].project_in.in_features, requires_grad=True)
        codec.synthesise(z)[..., start * hop : (start + unit) * hop].square().sum().backward()
        reached = z.grad[0].abs().sum(1).nonzero()[:, 0]
        context = codec.decode_context
    left, right = start - reached.min().item(), reached.max().item() - (start + unit - 1)
    assert max(left, right) <= context
    assert max(left, right) > context - max(unit, 2), "the context is needlessly wide"


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Conv1d(1, 1, 6, 3, padding=2),
        torch.nn.Conv1d(1, 1, 7, padding=9, dilation=3),
        torch.nn.ConvTranspose1d(1, 1, 10, 5, padding=3),
        torch.nn.ConvTranspose1d(1, 1, 4, 2, padding=1),
        torch.nn.Sequential(torch.nn.ConvTranspose1d(1, 1, 10, 5, padding=3), torch.nn.Conv1d(1, 1, 6, 3, padding=2)),
    ],
)
def test_reach_is_what_has_an_influence(layer):
    for first, last in ((20, 20), (21, 24), (25, 31)):
        x = torch.randn(1, 1, 100, requires_grad=True)
        layer(x)[..., first : last + 1].sum().backward()
        reached = x.grad[0, 0].nonzero()[:, 0]
        assert reach(layer, first, last) == (reached.min(), reached.max())


def test_absent_planes_add_nothing_and_distortion_says_what_is_lost():
    torch.manual_seed(0)
    quantizer = MultiScaleQuantizer(12, (4, 2, 1, 1), 16, 3)
    z = torch.randn(2, 16, 12)
    codes, distortion = quantizer.encode(z)
    whole = quantizer.decode(codes)
    for depth in range(5):
        kept = tuple(plane if k < depth else torch.full_like(plane, ABSENT) for k, plane in enumerate(codes))
        missing = (whole - quantizer.decode(kept)).square().sum(-1)
        assert torch.allclose(missing, distortion[:, depth], atol=1e-4)
        trained = quantizer(z, torch.full((2, 16), depth))
        assert torch.allclose(trained.z_q, quantizer.decode(kept), atol=1e-5)


def test_strides_of_one_are_the_flat_quantizer_code_for_code():
    torch.manual_seed(0)
    flat = ResidualVectorQuantizer(12, 4, 16, 3)
    scaled = MultiScaleQuantizer(12, (1, 1, 1, 1), 16, 3)
    scaled.load_state_dict(flat.state_dict())
    z, depths = torch.randn(2, 9, 12), torch.randint(0, 5, (2, 9))
    codes, distortion = scaled.encode(z)
    expected = flat.encode(z)
    assert torch.equal(torch.stack(codes, 1), expected[0]) and torch.equal(distortion, expected[1])
    assert torch.equal(scaled(z, depths).z_q, flat(z, depths).z_q)


def test_windows_are_apart():
    torch.manual_seed(0)
    attention = LocalAttention(64, 4)
    x = torch.randn(1, 64, 12)
    changed = x.clone()
    changed[..., 5] += 1
    moved = (attention(x) - attention(changed)).abs().sum(1)[0] > 0
    assert moved.tolist() == [False] * 4 + [True] * 4 + [False] * 4


def test_noise_of_a_coarse_code_alone_does_not_repeat_from_frame_to_frame():
    codec = build("snac-tiny").eval()
    codes = tuple(torch.full((1, 16 // stride), 7 if stride == 4 else ABSENT) for stride in codec.spec.strides)
    noise = codec._noise(codes)[0]
    assert noise.shape == (16, 8 + 64 + 192 + 384)
    scores = torch.corrcoef(noise[:4])[torch.triu_indices(4, 4, 1).unbind()]
    assert scores.abs().max() < 5 / noise.shape[1] ** 0.5
    assert torch.equal(noise[:4], noise[4:8]), "noise is a function of the codes"


def test_bell_noise_is_nearly_normal():
    codes = torch.randint(0, 64, (1, 4, 400), generator=torch.Generator().manual_seed(0))
    noise = bell_noise(codes, 500).double().flatten()
    assert noise.mean().abs() < 0.01 and (noise.square().mean() - 1).abs() < 0.01
    assert noise.pow(4).mean().item() == pytest.approx(2.7, abs=0.05)
    assert (noise.abs() < 1).double().mean().item() == pytest.approx(0.683, abs=0.015)


@pytest.mark.parametrize("config", [{"noise": False}, {"attention_window": 0}, {"depthwise": False}])
def test_snac_without_its_parts_still_codes(config):
    codec = SnacCodec(dataclasses.replace(snac.PRESETS["snac-tiny"], **config), "part").eval()
    with torch.inference_mode():
        encoded = codec.encode(torch.randn(2, 1, 10 * codec.spec.hop_length))
        assert codec.decode(encoded.codes).shape == (2, 1, 10 * codec.spec.hop_length)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: DacConfig(strides=(2, 0)), "strides"),
        (lambda: DacConfig(strides="28"), "strides"),
        (lambda: DacConfig(decoder_width=100), "halved"),
        (lambda: DacConfig(num_codebooks=10**9), "codebooks"),
        (lambda: DacConfig(encoder_width=10**6), "encoder width"),
        (lambda: DacConfig(sample_rate=True), "sample rate"),
        (lambda: SnacConfig(plane_strides=(4, 2)), "without 1"),
        (lambda: SnacConfig(encoder_width=6), "multiples of 64"),
        (lambda: SnacConfig(attention_window=-1), "window"),
        (lambda: SnacConfig(plane_strides=(7, 11, 1)), "multiple"),
    ],
)
def test_a_config_that_makes_no_network_is_an_error(make, match):
    with pytest.raises(ModelError, match=match):
        make()


def test_a_config_survives_json():
    for config in (dac.PRESETS["dac-24k"], snac.PRESETS["snac-24k"]):
        assert type(config)(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("name", FAMILIES)
def test_weight_norm_goes_on_and_off_without_a_change(name):
    codec = build(name).eval()
    wav = torch.randn(1, 1, 16 * codec.spec.hop_length)
    codes, plain = codec.encode(wav).codes, {key: value.clone() for key, value in codec.state_dict().items()}
    weight_norm.add_weight_norm(codec)
    assert "encoder.layers.0.parametrizations.weight.original0" in codec.state_dict()
    assert "quantizer.planes.0.project_in.parametrizations.weight.original0" in codec.state_dict()
    folded = weight_norm.fold_state(codec.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(codec.encode(wav).codes, codes, strict=True))
    weight_norm.remove_weight_norm(codec)
    assert codec.state_dict().keys() == plain.keys() == folded.keys()
    for key, value in codec.state_dict().items():
        assert torch.allclose(value, plain[key], atol=1e-6) and torch.allclose(folded[key], plain[key], atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_few_steps_of_training_lower_the_loss_with_the_quantizer_in_place(name):
    """Compressed spectra of one tone, which silence leaves at the loss 1."""
    codec = build(name)
    weight_norm.add_weight_norm(codec)
    optimizer = torch.optim.AdamW(codec.parameters(), lr=5e-3, betas=(0.8, 0.99))
    frames = 8
    time = torch.arange(frames * codec.spec.hop_length) / codec.spec.sample_rate
    wav = (0.3 * torch.sin(2 * torch.pi * 440 * time + torch.rand(2, 1, 1) * 6)).float()
    window = torch.hann_window(256)

    def spectrum(x: torch.Tensor) -> torch.Tensor:
        return torch.stft(x[:, 0], 256, 64, window=window, return_complex=True).abs().clamp_min(1e-5).pow(0.3)

    losses, target = [], spectrum(wav)
    assert frames % multiple(codec) == 0
    for _ in range(8):
        depths = torch.randint(1, codec.spec.num_codebooks + 1, (2, 1)).expand(2, frames)
        quantized = codec.quantize(wav, depths)
        wav_hat = codec.synthesise(quantized.z_q)
        reconstruction = (spectrum(wav_hat) - target).abs().mean() / target.mean()
        optimizer.zero_grad()
        (15 * reconstruction + quantized.codebook + 0.25 * quantized.commitment).backward()
        optimizer.step()
        losses.append(reconstruction.item())
    assert sum(losses[-3:]) / 3 < 0.7 * sum(losses[:3]) / 3
