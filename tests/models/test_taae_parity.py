"""Our TAAE against stable-audio-tools and stable-codec, through the importer. Skipped without them.

`NAC_FULL_PARITY=1` takes the full size (953 M parameters, 4.3 GB of memory and as much disk, two minutes);
otherwise the network has the published structure, two of the eight heads and few layers.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from nac_cli.models.importers.taae import import_taae
from nac_cli.models.taae.config import PRESETS
from tests.models.taae_reference import PUBLISHED, SMALL, model_config, reference, residual_bottleneck

FULL = os.environ.get("NAC_FULL_PARITY") == "1"
FRAMES = (1, 2, 70)
"""The last one is longer than a window, in patches and in frames."""


def close(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Within 1e-5 of the loudest."""
    return ours.shape == theirs.shape and ((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()).item()


def wavs() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [0.2 * torch.randn(1, 1, frames * 640, generator=generator) for frames in FRAMES]


@torch.inference_mode()
def test_latents_codes_and_sound_equal_the_official_ones(tmp_path: Path):
    config = model_config(**(PUBLISHED if FULL else SMALL))
    theirs = reference(config)
    (tmp_path / "model_config.json").write_text(json.dumps(config))
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "model.ckpt")
    latents = [theirs.encode(wav, skip_bottleneck=True) for wav in wavs()]
    bottlenecks = {levels: residual_bottleneck(levels) for levels in ((6,), (5, 5), (3, 3, 3, 3))}
    codes = {levels: [bottleneck.encode(z) for z in latents] for levels, bottleneck in bottlenecks.items()}
    sounds = [theirs.decode(bottlenecks[5, 5].decode(planes)) for planes in codes[5, 5]]
    del theirs

    for levels in bottlenecks:
        ours, _ = import_taae(tmp_path, levels)
        if FULL:
            assert ours.config == PRESETS[ours.spec.name]
        for number, (wav, z) in enumerate(zip(wavs(), latents)):
            assert close(ours.latents(wav).transpose(1, 2), z)
            planes = ours.encode(wav).codes
            assert all(torch.equal(a, b[..., 0]) for a, b in zip(planes, codes[levels][number], strict=True))
            if levels == (5, 5):
                wav_hat = ours.decode(planes)
                assert wav_hat.shape == wav.shape and close(wav_hat, sounds[number])
        assert all(len(plane.unique()) > 20 for plane in planes)
        assert z.std() > 0.5 and sounds[-1].std() > 0.05
        del ours


@pytest.mark.parametrize("levels", [(6,), (5, 5), (3, 3, 3, 3), (17,), (9, 3)])
def test_bottlenecks_are_the_official_ones(levels):
    """Over many latents, and in both directions."""
    from nac_cli.models.quantizers.fsq import ResidualFsq

    theirs, ours = residual_bottleneck(levels), ResidualFsq(6, levels, (5,))
    z = 1.5 * torch.randn(4, 6, 2000, generator=torch.Generator().manual_seed(0))
    z = torch.cat([z, torch.zeros(4, 6, 1)], -1)  # halfway between levels where their number is even
    codes, expected = ours.encode(z.transpose(1, 2))[0], theirs.encode(z)
    assert torch.equal(codes, torch.stack([plane[..., 0] for plane in expected], 1))
    assert torch.allclose(ours.decode(codes).transpose(1, 2), theirs.decode(expected).float(), atol=1e-6)
