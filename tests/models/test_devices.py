"""No network takes a tensor of another device than its own: what would only show on a GPU.

Networks live on torch's `meta` device, which has shapes and no values, and every operation is watched.
"""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nac_cli.models.encodec.config import EncodecConfig
from nac_cli.train.codec import losses
from nac_cli.train.codec.adversary import ensemble
from nac_cli.train.codec.config import AdversaryConfig
from nac_cli.train.codec.families import family_of
from nac_cli.train.codec.presets import PRESETS

TINY = {name: PRESETS[name].model for name in PRESETS if name.endswith("-tiny")}
CONFIGS = TINY | {
    "spectral with noise": dataclasses.replace(TINY["nac-44k-tiny"], noise=True),
    "causal taae": dataclasses.replace(TINY["taae-tiny"], window=(15, 0), causal=True),
    "stereo encodec": EncodecConfig(
        sample_rate=12_000,
        channels=2,
        width=8,
        latent_width=32,
        causal=False,
        norm="layer",
        num_codebooks=4,
        codebook_size=64,
        normalise=True,
        segment_length=6_000,
        segment_stride=5_940,
    ),
}
FRAMES = 24
ELSEWHERE = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
"""What takes tensors from one device to another."""


class OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of several devices; single numbers may be anywhere, as torch has it."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.dim()]
        devices = {tensor.device.type for tensor in tensors}
        if len(devices) > 1 and operation not in ELSEWHERE:
            raise AssertionError(f"{operation} on {sorted(devices)}")
        return operation(*args, **kwargs or {})


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())  # none on meta
    with OneDevice():
        yield


def on_meta(make):
    """What `make` makes, drawn nowhere."""
    with torch.device("meta"):
        return make().to("meta")


def test_the_watch_sees_a_mix():
    with pytest.raises(AssertionError, match="cpu"):
        torch.ones(3, device="meta") + torch.ones(3)


@pytest.mark.parametrize("name", CONFIGS)
def test_networks_stay_where_they_are(name):
    config = CONFIGS[name]
    model = on_meta(lambda: family_of(config).codec(config, "x"))
    strides = model.spec.strides
    wav = torch.empty(2, model.channels, FRAMES * config.hop_length, device="meta")
    codes = tuple(torch.zeros(2, FRAMES // stride, dtype=torch.long, device="meta") for stride in strides)
    for codec in {model, model.chunked()}:
        encoded = codec.encode(wav)
        assert [plane.shape for plane in encoded.codes] == [plane.shape for plane in codes]
        assert codec.decode(codes).shape == wav.shape
        assert {value.device.type for value in (*encoded.codes, encoded.distortion)} == {"meta"}
    quantized = model.quantize(wav, torch.full((2, FRAMES), len(strides), device="meta"))
    assert model.synthesise(quantized.z_q).shape == wav.shape
    if getattr(config, "causal", False):
        steps, state = model.encode_step(wav)
        model.encode_step(wav, state, last=True)
        _, state = model.decode_step(codes)
        model.decode_step(codes, state, last=True)


@pytest.mark.parametrize("kind", ["period", "bands", "stft", "golden"])
def test_discriminators_stay_where_they_are(kind):
    discriminators = on_meta(lambda: ensemble(AdversaryConfig((kind,), channels=4)))
    assert len(list(discriminators(torch.empty(2, 1, 12_000, device="meta"))))


def test_losses_come_to_where_the_sound_is():
    wav, wav_hat = torch.empty(2, 2, 1, 12_000, device="meta")
    for loss in (
        losses.mel_loss(wav_hat, wav, 24_000, 512, 80), losses.encodec_mel_loss(wav_hat, wav, 24_000),
        losses.complex_stft_loss(wav_hat, wav, 512, 24_000, 1_000.0), losses.log_stft_loss(wav_hat, wav, 512),
        losses.magnitude_loss(wav_hat, wav), losses.waveform_loss(wav_hat, wav),
    ):  # fmt: skip
        assert loss.device.type == "meta"
