"""Our DAC and SNAC against stored outputs of the reference packages (tiny models, see `golden/make_dac_snac.py`),
which need not be installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from nac_cli.models.dac import PRESETS as DAC_PRESETS
from nac_cli.models.importers.dac import import_dac
from nac_cli.models.importers.snac import import_snac
from nac_cli.models.snac import PRESETS as SNAC_PRESETS
from tests.models.golden.make_dac_snac import DAC, GOLDENS, SNAC, TRANSFORMERS, weights_of
from tests.models.official import close


def golden(name: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The arrays of a file, and the weights in the package's layout."""
    with np.load(GOLDENS / f"{name}.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files if key != "names"}
        shapes = {line.split()[0]: tuple(map(int, line.split()[1:])) for line in file["names"].tolist()}
    return arrays, weights_of(shapes)


def planes(arrays: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    return [arrays[key].long() for key in sorted(arrays) if key.startswith("codes")]


def save_dac(state: dict[str, torch.Tensor], path: Path, arguments: dict = DAC) -> Path:
    torch.save({"state_dict": state, "metadata": {"kwargs": arguments}}, path)
    return path


def save_snac(state: dict[str, torch.Tensor], folder: Path, arguments: dict = SNAC) -> Path:
    folder.mkdir(exist_ok=True)
    folder.joinpath("config.json").write_text(json.dumps(arguments), encoding="utf-8")
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def save_transformers(state: dict[str, torch.Tensor], folder: Path, arguments: dict = TRANSFORMERS) -> Path:
    folder.mkdir(exist_ok=True)
    folder.joinpath("config.json").write_text(json.dumps(arguments), encoding="utf-8")
    save_file(state, folder / "model.safetensors")
    return folder


@torch.inference_mode()
def test_dac_equals_the_package(tmp_path):
    arrays, state = golden("dac-tiny")
    model, licence = import_dac(save_dac(state, tmp_path / "weights.pth"))
    assert model.spec.name == "dac-tiny" and model.config == DAC_PRESETS["dac-tiny"] and licence.startswith("MIT")
    assert close(model.encoder(arrays["wav"]), arrays["z"])
    codes = model.encode(arrays["wav"]).codes
    assert all(torch.equal(a, b) for a, b in zip(codes, planes(arrays), strict=True))
    wav_hat = model.decode(codes)
    assert wav_hat.shape == arrays["wav"].shape
    assert close(wav_hat[..., :-8], arrays["wav_hat"])
    assert not wav_hat[..., -8:].any()


@torch.inference_mode()
def test_dac_equals_transformers(tmp_path):
    arrays, state = golden("dac-transformers")
    model, _ = import_dac(save_transformers(state, tmp_path))
    assert model.spec.name == "dac-16k-custom" and model.config.latent_width == 128
    assert close(model.encoder(arrays["wav"]), arrays["z"])
    codes = model.encode(arrays["wav"]).codes
    assert all(torch.equal(a, b) for a, b in zip(codes, planes(arrays), strict=True))
    assert close(model.decode(codes)[..., :-8], arrays["wav_hat"])


@torch.inference_mode()
def test_snac_equals_the_package(tmp_path, monkeypatch):
    arrays, state = golden("snac-tiny")
    model, licence = import_snac(save_snac(state, tmp_path))
    assert model.spec.name == "snac-tiny" and model.config == SNAC_PRESETS["snac-tiny"] and licence.startswith("MIT")
    assert close(model.encoder(arrays["wav"]), arrays["z"])
    codes = model.encode(arrays["wav"]).codes
    assert all(torch.equal(a, b) for a, b in zip(codes, planes(arrays), strict=True))
    monkeypatch.setattr("nac_cli.models.snac.bell_noise", lambda codes, count: arrays["noise"].float())
    assert close(model.decode(codes), arrays["wav_hat"])


@torch.inference_mode()
def test_both_namings_of_weight_norm_and_plain_weights_are_one_model(tmp_path):
    arrays, state = golden("dac-tiny")
    names = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
    today = {}
    for name, value in state.items():
        for old, new in names.items():
            name = name.replace(old, new)
        today[name] = value
    assert today.keys() != state.keys()
    first, _ = import_dac(save_dac(state, tmp_path / "old.pth"))
    second, _ = import_dac(save_dac(today, tmp_path / "today.pth"))
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
