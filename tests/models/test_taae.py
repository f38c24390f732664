"""TAAE: presets, the contract, streaming, learning."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.errors import ModelError, UsageError
from nac_cli.models.layers.weight_norm import remove_weight_norm
from nac_cli.models.taae.config import PRESETS, TaaeConfig
from nac_cli.models.taae.network import TaaeCodec
from nac_cli.values import ABSENT

SMALL = TaaeConfig(
    patch_size=16,
    width=32,
    head_width=16,
    expansion=2,
    transformer_depths=(1, 2),
    window=(3, 4),
    latent_width=3,
)
CAUSAL = replace(SMALL, window=(6, 0), causal=True)


def codec(config: TaaeConfig) -> TaaeCodec:
    """With branches that matter, and latents that fill the bottleneck."""
    torch.manual_seed(0)
    model = TaaeCodec(config, "taae-test").eval().requires_grad_(False)
    for name, value in model.named_parameters():
        if name.endswith("_scale"):
            value.fill_(0.5)
    model.encoder[-1].conv.weight.mul_(4)
    return model


@pytest.fixture(scope="module")
def small():
    return codec(SMALL)


@pytest.fixture(scope="module")
def causal():
    return codec(CAUSAL)


def sound(frames: int, seed: int = 0, items: int = 1, config: TaaeConfig = SMALL) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(items, 1, frames * config.hop_length, generator=generator)


@pytest.mark.parametrize(
    "name, millions, bits",
    [
        ("taae-16k-400bps", 953.3, 400),
        ("taae-16k-700bps", 953.3, 700),
        ("taae-16k-1000bps", 953.3, 1000),
        ("taae-16k-causal", 953.3, 700),
        ("taae-tiny", 3.9, 700),
    ],
)
def test_presets_have_the_papers_size_and_bitrate(name, millions, bits):
    with torch.device("meta"):
        model = TaaeCodec(PRESETS[name], name)
    assert sum(value.numel() for value in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert model.spec.frame_rate == 25
    assert 25 * sum((size - 1).bit_length() for size in model.spec.codebook_sizes) == bits
    assert model.unit_level is False


def test_every_frame_has_a_code_in_each_plane_and_a_hop_of_samples(small):
    for frames in (1, 2, 7, 30):
        encoded = small.encode(sound(frames, items=2))
        assert [plane.shape for plane in encoded.codes] == [(2, frames)] * 2
        assert encoded.distortion.shape == (2, 3, frames) and encoded.distortion.dtype == torch.float32
        wav_hat = small.decode(encoded.codes)
        assert wav_hat.shape == (2, 1, frames * SMALL.hop_length) and wav_hat.dtype == torch.float32
    assert all(len(plane.unique()) > 10 for plane in encoded.codes)


def test_items_of_a_batch_do_not_see_each_other(small):
    wav = sound(20, items=3)
    together = small.encode(wav).codes
    for item in range(3):
        alone = small.encode(wav[item : item + 1]).codes
        assert all(torch.equal(a, b[item : item + 1]) for a, b in zip(alone, together))


def test_code_vectors_add_up_to_the_latent_and_absent_ones_to_nothing(small):
    codes = small.encode(sound(20)).codes
    vectors = small.code_vectors()
    assert [table.shape for table in vectors] == [(125, 3)] * 2
    whole = small.synthesise(vectors[0][codes[0]] + vectors[1][codes[1]])
    assert torch.allclose(small.decode(codes), whole, atol=1e-6)
    absent = torch.full_like(codes[1], ABSENT)
    first = small.decode((codes[0], absent))
    assert torch.allclose(first, small.synthesise(vectors[0][codes[0]]), atol=1e-6)
    assert not torch.allclose(first, whole, atol=1e-3)


def test_given_its_context_a_stretch_is_coded_as_within_the_whole(small):
    before, after = small.encode_context, small.decode_context
    assert before == 13 and after == 13  # 2 * 4 steps and half of 4, and the convolutions
    hop, frames = SMALL.hop_length, 60
    wav = sound(frames)
    codes = small.encode(wav).codes
    part = small.encode(wav[..., (20 - before) * hop : (30 + before) * hop]).codes
    assert all(torch.equal(a[:, before : before + 10], b[:, 20:30]) for a, b in zip(part, codes))
    wav_hat = small.decode(codes)
    part = small.decode(tuple(plane[:, 20 - after : 30 + after] for plane in codes))
    part = part[..., after * hop : (after + 10) * hop]
    assert torch.allclose(part, wav_hat[..., 20 * hop : 30 * hop], atol=1e-5)


def test_the_context_of_the_published_shape_adds_up_over_its_layers():
    """20 layers of 64 steps at 25 Hz, 8 at 50 Hz, and the convolutions: about the 100 s on both sides that
    appendix B.2 gives for one half of the model."""
    with torch.device("meta"):
        model = TaaeCodec(PRESETS["taae-16k-700bps"], "full")
    assert model.encode_context == model.decode_context == 20 * 64 + 8 * 64 // 2 + 3


@given(cuts=st.lists(st.integers(0, 12 * 32), max_size=6), frames=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_streams_are_coded_as_the_whole_for_every_split(causal, cuts, frames, seed):
    wav = sound(frames, seed)
    cuts = sorted(min(cut, wav.shape[-1]) for cut in cuts)
    state, parts = None, []
    for part in wav.tensor_split(cuts, -1):
        encoded, state = causal.encode_step(part, state)
        parts.append(encoded)
    whole = causal.encode(wav)
    codes = tuple(torch.cat(planes, 1) for planes in zip(*(part.codes for part in parts)))
    assert all(torch.equal(a, b) for a, b in zip(codes, whole.codes))
    assert torch.allclose(torch.cat([part.distortion for part in parts], -1), whole.distortion)

    state, parts = None, []
    cuts = sorted(cut // 32 for cut in cuts)
    for part in zip(*(plane.tensor_split(cuts, 1) for plane in codes)):
        wav_hat, state = causal.decode_step(part, state)
        assert wav_hat.shape[-1] == part[0].shape[1] * CAUSAL.hop_length  # at once
        parts.append(wav_hat)
    assert torch.allclose(torch.cat(parts, -1), causal.decode(codes), atol=1e-5)


def test_a_frame_comes_with_its_last_sample(causal):
    """The latency is one hop: 640 samples, 40 ms, in the published shape (appendix A.4)."""
    assert PRESETS["taae-16k-causal"].hop_length / PRESETS["taae-16k-causal"].sample_rate == 0.04
    hop = CAUSAL.hop_length
    encoded, state = causal.encode_step(sound(1)[..., :-1])
    assert encoded.codes[0].shape[1] == 0
    encoded, state = causal.encode_step(sound(1)[..., -1:], state)
    assert encoded.codes[0].shape[1] == 1
    wav, other = sound(10), sound(10)
    other[..., 5 * hop :] = 0
    assert torch.equal(causal.latents(wav)[:, :5], causal.latents(other)[:, :5])
    assert not torch.allclose(causal.latents(wav)[:, 5:], causal.latents(other)[:, 5:])


def test_the_end_of_a_stream_is_filled_up_with_zeros(causal):
    wav = sound(3)
    wav[..., 70:] = 0
    encoded, _ = causal.encode_step(wav[..., :70], None, last=True)
    assert all(torch.equal(a, b) for a, b in zip(encoded.codes, causal.encode(wav).codes))


def test_what_looks_ahead_cannot_stream(small):
    with pytest.raises(UsageError, match="not causal"):
        small.encode_step(sound(1))
    with pytest.raises(UsageError, match="not causal"):
        small.decode_step(small.encode(sound(1)).codes)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"strides": (1, 3)}, "odd"),
        ({"strides": (2,)}, "transformer depth"),
        ({"width": 200}, "multiple"),
        ({"levels": (17,)}, "over 65536 codes"),
        ({"levels": (6, 6)}, "not odd"),
        ({"levels": ()}, "levels"),
        ({"levels": (1,)}, "levels"),
        ({"causal": True}, "looks ahead"),
        ({"soft_clip": 1}, "soft clip"),
        ({"causal": None}, "causal"),
        ({"window": (63,)}, "window"),
        ({"patch_size": 2**16}, "hop length"),
        ({"width": 10**9}, "width"),
        ({"latent_width": 99}, "latent width"),
        ({"head_width": 2}, "head"),
        ({"transformer_depths": (8, 10**6)}, "transformer depths"),
        ({"training_levels": (1,)}, "training levels"),
    ],
)
def test_a_config_that_makes_no_network_is_an_error(change, match):
    with pytest.raises(ModelError, match=match):
        replace(TaaeConfig(), **change)


def test_the_soft_clip_bounds_the_output(small):
    clipped = TaaeCodec(replace(SMALL, soft_clip=True), "clipped").eval()
    clipped.load_state_dict(small.state_dict())
    codes = small.encode(sound(5)).codes
    assert torch.allclose(clipped.decode(codes), torch.tanh(small.decode(codes)), atol=1e-6)


def test_the_tiny_preset_learns():
    """Reconstruction through the quantizer: the error of tones falls well below their power."""
    torch.manual_seed(0)
    model = TaaeCodec(PRESETS["taae-tiny"], "taae-tiny")
    model.prepare_training()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    time = torch.arange(4 * model.spec.hop_length) / 16_000
    wav = 0.3 * torch.sin(2 * torch.pi * torch.tensor([110.0, 220.0, 330.0, 440.0])[:, None, None] * time)
    losses = []
    for _ in range(50):
        loss = (model.synthesise(model.quantize(wav).z_q) - wav).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])
    remove_weight_norm(model.eval())
    with torch.inference_mode():
        error = (model.decode(model.encode(wav).codes) - wav).abs().mean()
    assert error < 0.3 * losses[0]
