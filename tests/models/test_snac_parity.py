"""Our SNAC against the package, at full size, through the importer, with the same noise in both. Skipped
without it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from nac_cli.models.importers.snac import import_snac
from nac_cli.models.snac import PRESETS
from tests.models.official import close, randomise, save_snac, snac_class, sound

GENERAL = {
    "encoder_dim": 64,
    "encoder_rates": [2, 3, 8, 8],
    "decoder_dim": 1536,
    "decoder_rates": [8, 8, 3, 2],
    "attn_window_size": 32,
    "codebook_size": 4096,
    "codebook_dim": 8,
    "vq_strides": [8, 4, 2, 1],
    "noise": True,
    "depthwise": True,
}
ARGUMENTS = {
    "snac-24k": GENERAL
    | {
        "sampling_rate": 24_000,
        "encoder_dim": 48,
        "encoder_rates": [2, 4, 8, 8],
        "decoder_dim": 1024,
        "decoder_rates": [8, 8, 4, 2],
        "attn_window_size": None,
        "vq_strides": [4, 2, 1],
    },
    "snac-32k": GENERAL | {"sampling_rate": 32_000},
    "snac-44k": GENERAL | {"sampling_rate": 44_100},
}


@pytest.fixture
def inject(monkeypatch):
    """A function that lets the package draw our noise `[B, F, numbers a frame]`, block by block."""

    def start(noise: torch.Tensor, rates: tuple[int, ...]) -> None:
        parts = iter(noise.split(rates, dim=-1))

        def drawn(shape, device=None, dtype=None):
            part = next(parts).flatten(1).unsqueeze(1)
            assert part.shape == shape
            return part

        monkeypatch.setattr(torch, "randn", drawn)

    return start


@pytest.mark.parametrize("name", ARGUMENTS)
@torch.inference_mode()
def test_codes_and_sound_equal_those_of_snac(name, tmp_path, inject, monkeypatch):
    torch.manual_seed(0)  # the package draws its first weights, whatever ran before
    reference = randomise(snac_class()(**ARGUMENTS[name]), 1)
    ours, licence = import_snac(save_snac(reference, ARGUMENTS[name], tmp_path))
    assert ours.spec.name == name and ours.config == PRESETS[name] and "MIT" in licence
    hop, multiple, rates = ours.spec.hop_length, ours.frame_multiple, ours.config.noise_rates
    for length in (1, hop * multiple, 2 * hop * multiple + 5 * hop + 17):
        wav = sound(length, ours.spec.sample_rate, length)
        theirs = reference.encode(wav)
        whole = functional.pad(wav, (0, -length % (hop * multiple)))
        assert close(ours.encoder(whole), reference.encoder(whole))
        codes = ours.encode(whole).codes
        assert all(torch.equal(a, b) for a, b in zip(codes, theirs, strict=True))
        inject(ours._noise(codes), rates)
        wav_hat = reference.decode(theirs)
        monkeypatch.undo()
        assert close(ours.decode(codes), wav_hat)

        frames = -(-length // hop)
        exact = ours.encode(functional.pad(wav, (0, -length % hop)))
        for plane, stride, kept in zip(theirs, ours.spec.strides, exact.codes, strict=True):
            assert torch.equal(kept, plane[:, : -(-frames // stride)])
        sure = max(frames // multiple * multiple - ours.decode_context, 0) * hop
        short = ours.decode(exact.codes)
        assert short.shape == (1, 1, frames * hop)
        if sure:
            assert close(short[..., :sure], wav_hat[..., :sure])
    assert len(codes[-1].unique()) > 10
    assert wav_hat.std() > 0.01
