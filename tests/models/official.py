"""The reference packages of DAC and SNAC, where they are installed, with random weights saved in their
official layouts.

descript-audio-codec needs audiotools, whose dependencies (torchaudio and many more) have nothing to do with
the network: only its `BaseModel`, which saves and loads, is used, from its own file; the rest is stubs.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn


def dac_class() -> type:
    """`DAC` of descript-audio-codec. Skips the test where it or audiotools is not installed."""
    home, tools = _home("dac", "model/dac.py"), _home("audiotools", "ml/layers/base.py")
    if home is None or tools is None:
        pytest.skip("descript-audio-codec and descript-audiotools are not installed")
    pytest.importorskip("einops")
    if "dac.model.dac" not in sys.modules:
        spec = importlib.util.spec_from_file_location("audiotools_base", tools / "ml" / "layers" / "base.py")
        base = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(base)
        _stub("audiotools", AudioSignal=object, STFTParams=object)
        _stub("audiotools.ml", BaseModel=base.BaseModel)
        for package in ("dac", "dac.model", "dac.nn"):  # without what their __init__ imports
            _stub(package).__path__ = [str(home.joinpath(*package.split(".")[1:]))]
    return importlib.import_module("dac.model.dac").DAC


def snac_class() -> type:
    """`SNAC` of snac. Skips the test where it is not installed."""
    return pytest.importorskip("snac", reason="snac is not installed").SNAC


def transformers_dac() -> tuple[type, type]:
    """`DacModel` and `DacConfig` of transformers. Skips the test where it is not installed."""
    package = pytest.importorskip("transformers", reason="transformers is not installed")
    return package.DacModel, package.DacConfig


@torch.no_grad()
def randomise(model: nn.Module, seed: int) -> nn.Module:
    """Every parameter drawn so that sound gets through the network: an untrained one is nearly silent, and
    all of its codes and activations alike, which would hide most mistakes. Louder, it would be chaotic,
    and rounding errors with it."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(value: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return torch.rand(value.shape, generator=generator) * (high - low) + low

    for name, value in model.named_parameters():
        if name.endswith("alpha"):
            value.copy_(uniform(value, 0.5, 2))
        elif name.endswith("bias"):
            value.copy_(uniform(value, -0.1, 0.1))
        elif name.endswith(("weight_g", "original0")) or (value.dim() == 3 and name.endswith(".weight")):
            value.mul_(uniform(value, 0.9, 1.2 if name.startswith("decoder") else 1.6))
        elif name.endswith(("weight_v", "original1")):
            value.add_(uniform(value, -0.01, 0.01))
        elif "codebook" in name:
            value.copy_(torch.randn(value.shape, generator=generator))
    return model.eval()


def close(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Within 1e-5 of the loudest."""
    return ours.shape == theirs.shape and ((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()).item()


def sound(length: int, sample_rate: int, seed: int = 0) -> torch.Tensor:
    """Gliding tones in noise of changing level, `[1, 1, T]`."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(length) / sample_rate
    level = 0.05 + 0.3 * torch.sin(7 * time).square()
    wav = torch.sin(2000 * time + 3000 * time**2) + 0.5 * torch.randn(length, generator=generator)
    return (level * wav)[None, None]


def save_snac(model: nn.Module, arguments: dict, folder: Path) -> Path:
    """The layout of SNAC's repositories."""
    folder.joinpath("config.json").write_text(json.dumps(arguments), encoding="utf-8")
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def _home(package: str, file: str) -> Path | None:
    """The folder of an installed package that has this file, found without importing it."""
    folders = [Path(folder) / package for folder in sys.path]
    return next((folder for folder in folders if folder.joinpath(file).exists()), None)


def _stub(name: str, **contents: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module
