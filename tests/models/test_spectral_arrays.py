"""The default family in numpy does what it does in torch, with kernels and without."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from nac_cli.errors import ModelError
from nac_cli.kernels import load
from nac_cli.models import weights, zoo
from nac_cli.models.spectral import SpectralCodec
from nac_cli.models.spectral_arrays import SpectralArrays
from nac_cli.models.spectral_config import SpectralConfig

CONFIG = SpectralConfig(
    sample_rate=16_000, hop_length=128, n_fft=256, stft_hop=64, fine_width=24, coarse_width=32, encoder_fine_blocks=1,
    encoder_coarse_blocks=2, decoder_coarse_blocks=2, decoder_fine_blocks=2, num_codebooks=4, codebook_size=32,
    noise=True,
)  # fmt: skip


@pytest.fixture(scope="module", params=[CONFIG, dataclasses.replace(CONFIG, noise=False, stft_hop=128)])
def file(request, tmp_path_factory):
    torch.manual_seed(0)
    codec = SpectralCodec(request.param, "tiny")
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    return weights.save(path, codec, dataclasses.asdict(request.param), None, {}, dtype="float32")


@pytest.fixture(params=["auto", "numpy"])
def kernels(request, monkeypatch):
    monkeypatch.setenv("NAC_KERNELS", request.param)
    load.cache_clear()
    yield
    load.cache_clear()


@pytest.mark.parametrize("frames", [1, 2, 50])
def test_codes_distortion_and_sound_are_those_of_torch(file, kernels, frames):
    arrays, codec = SpectralArrays(file, workers=2), zoo.load(file)
    wav = np.random.default_rng(frames).normal(0, 1, (3, 1, frames * 128)).astype(np.float32)
    codes, distortion = arrays.encode_arrays(wav)
    with torch.inference_mode():
        encoded = codec.encode(torch.from_numpy(wav))
    assert np.mean([np.mean(one == two.numpy()) for one, two in zip(codes, encoded.codes, strict=True)]) > 0.99
    assert np.allclose(distortion, encoded.distortion.numpy(), rtol=1e-3, atol=1e-4)
    cut = [plane.copy() for plane in codes]
    cut[2][:, frames // 2 :] = cut[3][:, frames // 2 :] = -1
    with torch.inference_mode():
        sound = codec.decode(tuple(torch.from_numpy(plane) for plane in cut)).numpy()
    found = arrays.decode_arrays(cut)
    assert found.shape == wav.shape and found.dtype == np.float32
    assert np.abs(found - sound).max() < 1e-4 * max(np.abs(sound).max(), 1)


def test_what_pipelines_ask_is_what_torch_says(file):
    arrays, codec = SpectralArrays(file), zoo.load(file)
    assert arrays.spec == codec.spec
    for half in ("encoder", "decoder"):
        assert arrays.context(half) == codec.context(half)
    for name in ("channels", "unit_level", "all_planes", "heavy", "frame_multiple"):
        assert getattr(arrays, name) == getattr(codec, name)
    for one, two in zip(arrays.vector_arrays(), codec.code_vectors(), strict=True):
        assert np.allclose(one, two.numpy(), atol=1e-5)


def test_weights_that_do_not_fit_their_config(file, tmp_path):
    wrong = dataclasses.replace(file, config=file.config | {"fine_width": 48})
    with pytest.raises(ModelError, match="has the shape"):
        SpectralArrays(wrong)
    with pytest.raises(ModelError, match="does not fit its config"):
        SpectralArrays(dataclasses.replace(file, config=file.config | {"hop_length": 256}))
    with pytest.raises(ModelError, match="missing"):
        SpectralArrays(dataclasses.replace(file, config=file.config | {"decoder_fine_blocks": 5}))
