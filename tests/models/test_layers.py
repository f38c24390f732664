"""Spectra, quantizers, contexts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.models.layers.convnext import ConvNeXtBlock
from nac_cli.models.layers.spectrum import Spectrum, compress, overlap_add
from nac_cli.models.quantizers.kmeans import initialise
from nac_cli.models.quantizers.rvq import ResidualVectorQuantizer
from nac_cli.models.spectral import SpectralCodec
from nac_cli.train.codec.presets import PRESETS
from nac_cli.values import ABSENT

CONFIG = PRESETS["nac-44k-tiny"].model
HOP = CONFIG.hop_length


@pytest.fixture(scope="module")
def codec():
    torch.manual_seed(0)
    return SpectralCodec(CONFIG, "test").eval().requires_grad_(False)


@given(frames=st.integers(1, 40))
@settings(max_examples=10, deadline=None)
def test_the_inverse_of_a_spectrum_is_the_wave(frames):
    spectrum = Spectrum(1024, 256)
    wav = torch.randn(2, frames * 256)
    assert spectrum(wav).shape == (2, frames, 513)
    inside = slice(384, -384) if frames > 4 else slice(0, 0)
    assert torch.allclose(spectrum.inverse(spectrum(wav))[:, inside], wav[:, inside], atol=1e-5)


@pytest.mark.parametrize(("frames", "length", "hop"), [(1, 8, 4), (5, 8, 4), (7, 9, 4), (3, 2, 4)])
def test_overlapping_frames_are_added_where_they_belong(frames, length, hop):
    parts = torch.randn(2, frames, length)
    expected = torch.zeros(2, (frames - 1) * hop + length)
    for number in range(frames):
        expected[:, number * hop : number * hop + length] += parts[:, number]
    assert torch.allclose(overlap_add(parts, hop), expected, atol=1e-6)


def test_a_block_convolves_each_channel_over_time():
    block, x = ConvNeXtBlock(6, 2, 5, 1.0), torch.randn(2, 11, 6)
    update = block.depthwise(x.transpose(1, 2)).transpose(1, 2)
    assert torch.allclose(block(x), x + block.down(block.activation(block.up(block.norm(update)))), atol=1e-6)


def test_white_noise_of_unit_power_has_unit_bins():
    bins = Spectrum(1024, 256)(torch.randn(1, 256 * 2000))
    assert bins.abs().square().mean().item() == pytest.approx(1, abs=0.05)


def test_compression_keeps_the_phase_and_takes_the_power():
    spectrum = torch.polar(torch.tensor([1e-2, 1.0, 100.0]), torch.tensor([0.3, -2.0, 3.0]))
    parts = torch.view_as_complex(compress(spectrum))
    assert torch.allclose(parts.angle(), spectrum.angle(), atol=1e-5)
    assert torch.allclose(parts.abs(), spectrum.abs() ** 0.3, rtol=1e-2)


@pytest.mark.parametrize("half", ["encode", "decode"])
def test_a_frame_depends_on_its_context_and_no_more(codec, half):
    """Found by differentiating: the furthest frames with any influence are within the stated context."""
    frames, middle = 61, 30
    if half == "encode":
        wav = torch.randn(1, frames * HOP, requires_grad=True)
        codec.encoder(wav)[0, middle].sum().backward()
        reached = wav.grad[0].reshape(frames, HOP).abs().sum(1).nonzero()[:, 0]
        context = codec.encode_context
    else:
        z = torch.randn(1, frames, CONFIG.coarse_width, requires_grad=True)
        codec.decoder(z, z.new_zeros(1, frames, 0))[0, middle * HOP : (middle + 1) * HOP].sum().backward()
        reached = z.grad[0].abs().sum(1).nonzero()[:, 0]
        context = codec.decode_context
    assert middle - context <= reached.min() and reached.max() <= middle + context
    assert reached.min() <= middle - context + 2, "the context is needlessly wide"


def test_the_default_codec_states_its_true_context():
    config = PRESETS["nac-44k"].model
    with torch.device("meta"):
        codec = SpectralCodec(config, "test")
    assert codec.encode_context == 16
    assert codec.decode_context == 24


def test_codes_and_wave_have_the_contract_s_shapes(codec):
    encoded = codec.encode(torch.randn(3, 1, 7 * HOP))
    assert [plane.shape for plane in encoded.codes] == [(3, 7)] * CONFIG.num_codebooks
    assert encoded.distortion.shape == (3, CONFIG.num_codebooks + 1, 7)
    assert codec.decode(encoded.codes).shape == (3, 1, 7 * HOP)


def test_the_latent_loss_is_the_missing_share_of_z_and_teaches_the_planes_alone():
    torch.manual_seed(0)
    quantizer, z = ResidualVectorQuantizer(12, 4, 16, 3), torch.randn(2, 30, 12, requires_grad=True)
    depths = torch.randint(1, 5, (2, 30))
    quantized = quantizer(z, depths)
    missing = (quantized.z_q - z).square().sum() / 60 / z.var((0, 1)).sum()
    assert quantized.latent.item() == pytest.approx(missing.item(), rel=1e-4)
    quantized.latent.backward()
    assert z.grad is None and quantizer.planes[0].codebook.grad.abs().max() > 0
    assert (
        quantizer.planes[0].project_out.weight.grad.abs().max() > 0
        and quantizer.planes[0].project_in.weight.grad is None
    )


def test_absent_planes_add_nothing():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(12, 4, 16, 3)
    z = torch.randn(2, 9, 12)
    codes, distortion = quantizer.encode(z)
    whole = quantizer.decode(codes)
    for depth in range(5):
        kept = codes.clone()
        kept[:, depth:] = ABSENT
        missing = (whole - quantizer.decode(kept)).square().sum(-1)
        assert torch.allclose(missing, distortion[:, depth], atol=1e-4)


def test_training_and_inference_quantise_alike():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(12, 4, 16, 3)
    z = torch.randn(2, 9, 12)
    depths = torch.randint(0, 5, (2, 9))
    trained = quantizer(z, depths)
    codes, _ = quantizer.encode(z)
    assert (trained.codes == codes).all()
    kept = torch.where(torch.arange(4)[None, :, None] < depths[:, None], codes, ABSENT)
    assert torch.allclose(trained.z_q, quantizer.decode(kept), atol=1e-5)


def test_gradients_pass_the_quantizer_to_encoder_and_codebook():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(12, 2, 16, 3)
    z = torch.randn(2, 9, 12, requires_grad=True)
    out = quantizer(z, torch.full((2, 9), 2))
    (out.z_q.square().sum() + out.codebook + out.commitment).backward()
    assert z.grad.abs().sum() > 0
    assert all(plane.codebook.grad.abs().sum() > 0 for plane in quantizer.planes)


def test_initialised_codebooks_are_used_throughout_and_come_nearer():
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(24, 6, 64, 4)
    z = torch.randn(4000, 24) @ torch.randn(24, 24) + 3
    initialise(quantizer, z)
    codes, _ = quantizer.encode(z[None])
    lost = []
    for depth in range(7):
        kept = codes.clone()
        kept[:, depth:] = ABSENT
        lost.append((z - quantizer.decode(kept)[0]).square().mean().item())
    assert all(after < before for before, after in zip(lost, lost[1:]))
    assert lost[-1] < 0.35 * lost[0]
    for plane in codes[0]:
        assert len(plane.unique()) > 0.9 * 64
