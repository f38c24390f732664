"""DAC checkpoints: `weights_*.pth` of descript-audio-codec, and folders in the layout of transformers'
`DacModel`.

The former are `{"state_dict": tensors, "metadata": {"kwargs": arguments of the package's DAC class}}`: an
ordered dictionary, tensors, numbers and lists, which torch reads without building objects of other classes.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from nac_cli.errors import ModelError
from nac_cli.models.build import build
from nac_cli.models.dac import PRESETS, DacCodec, DacConfig
from nac_cli.models.importers.state import (
    Checkpoint,
    read_config,
    read_pickle,
    read_state,
    tensors_of,
)
from nac_cli.models.layers.weight_norm import fold_state

LICENCE = "MIT, Copyright (c) 2023-present, Descript (https://github.com/descriptinc/descript-audio-codec)"
RELEASES = "https://github.com/descriptinc/descript-audio-codec/releases/download"
HUB = "https://huggingface.co/descript"
CHECKPOINTS = (
    Checkpoint("weights.pth", f"{RELEASES}/0.0.1/weights.pth", "dac-44k-8kbps", LICENCE),
    Checkpoint("weights_44khz_16kbps.pth", f"{RELEASES}/1.0.0/weights_44khz_16kbps.pth", "dac-44k-16kbps", LICENCE),
    Checkpoint("weights_24khz.pth", f"{RELEASES}/0.0.4/weights_24khz.pth", "dac-24k", LICENCE),
    Checkpoint("weights_16khz.pth", f"{RELEASES}/0.0.5/weights_16khz.pth", "dac-16k", LICENCE),
    Checkpoint("descript/dac_44khz", f"{HUB}/dac_44khz", "dac-44k-8kbps", LICENCE),
    Checkpoint("descript/dac_24khz", f"{HUB}/dac_24khz", "dac-24k", LICENCE),
    Checkpoint("descript/dac_16khz", f"{HUB}/dac_16khz", "dac-16k", LICENCE),
)
"""Addresses as in the package's `dac/utils/__init__.py` and in transformers' documentation of DAC."""

QUANTIZER_NAMES = {
    "quantizer.quantizers.": "quantizer.planes.",
    ".codebook.weight": ".codebook",
    ".in_proj.": ".project_in.",
    ".out_proj.": ".project_out.",
}


def import_dac(path: Path) -> tuple[DacCodec, str]:
    """The model in an official checkpoint, and a note on its licence: `path` is a `weights_*.pth`, or a
    folder with transformers' `config.json` and `model.safetensors` (or `pytorch_model.bin`).

    The model has our preset's name where its config is that of one. Raises ModelError for anything else.

    """
    if path.is_dir():
        state, config = _read_transformers(path)
    else:
        state, config = _read_package(path)
    custom = f"dac-{config.sample_rate // 1000}k-custom"
    name = next((name for name, preset in PRESETS.items() if preset == config), custom)
    return build(lambda: DacCodec(config, name), state, path), LICENCE


def _read_package(path: Path) -> tuple[dict[str, torch.Tensor], DacConfig]:
    checkpoint = read_pickle(path)
    try:
        state, arguments = tensors_of(checkpoint["state_dict"], path), dict(checkpoint["metadata"]["kwargs"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path}: not a checkpoint of descript-audio-codec, which has 'state_dict' and 'metadata'"
        raise ModelError(message) from error
    config = _config(
        {
            "sample_rate": "sample_rate",
            "strides": "encoder_rates",
            "encoder_width": "encoder_dim",
            "latent_width": "latent_dim",
            "decoder_width": "decoder_dim",
            "num_codebooks": "n_codebooks",
            "codebook_size": "codebook_size",
            "codebook_dim": "codebook_dim",
        },
        arguments,
        "decoder_rates",
        path,
    )
    return layered(fold_state(state)), config


def _read_transformers(folder: Path) -> tuple[dict[str, torch.Tensor], DacConfig]:
    values = read_config(folder / "config.json")
    if values.get("model_type") != "dac":
        raise ModelError(f"{folder}: model_type of config.json is {values.get('model_type')!r}, not 'dac'")
    values.setdefault("sampling_rate", 16_000)
    config = _config(
        {
            "sample_rate": "sampling_rate",
            "strides": "downsampling_ratios",
            "latent_width": "hidden_size",
            "encoder_width": "encoder_hidden_size",
            "decoder_width": "decoder_hidden_size",
            "num_codebooks": "n_codebooks",
            "codebook_size": "codebook_size",
            "codebook_dim": "codebook_dim",
        },
        values,
        "upsampling_ratios",
        folder,
    )
    weights = folder / "model.safetensors"
    state = fold_state(read_state(weights if weights.exists() else folder / "pytorch_model.bin"))
    modules = _transformers_modules(len(config.strides))
    named = {}
    for name, value in state.items():
        module, _, parameter = name.rpartition(".")
        named[f"{modules.get(module, module)}.{parameter}"] = value
    return layered(named), config


def _config(names: dict[str, str], values: dict, upsampling: str, path: Path) -> DacConfig:
    """Our config from a checkpoint's `values`, whose names for our fields are `names`; what it does not
    say has the default that it has there, which is ours too."""
    try:
        given = {ours: values[theirs] for ours, theirs in names.items() if values.get(theirs) is not None}
        config = DacConfig(**given)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    backwards = config.strides[::-1]
    if values.get(upsampling, backwards) not in (backwards, list(backwards)):
        raise ModelError(f"{path}: {upsampling} are not the encoder's backwards, which is all nac knows")
    return config


def layered(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state with the modules' names of descript-audio-codec, which are SNAC's too, in ours.

    `block` and `model` are our `layers`; the quantizers' convolutions of one step are our linear projections.
    """
    ours = {}
    for name, value in state.items():
        name = re.sub(r"\b(block|model)\b", "layers", name)
        for theirs, replacement in QUANTIZER_NAMES.items():
            name = name.replace(theirs, replacement)
        projection = ".project_" in name and value.dim() == 3 and value.shape[2] == 1
        ours[name] = value.squeeze(2) if projection else value
    return ours


def _transformers_modules(blocks: int) -> dict[str, str]:
    """transformers' names of the modules of a DAC with that many blocks on either side -> the package's."""
    unit = ("snake1", "conv1", "snake2", "conv2")
    names: dict[str, str] = {}
    for half, outer in (("encoder", "encoder.block"), ("decoder", "decoder.model")):
        names |= {f"{half}.conv1": f"{outer}.0", f"{half}.snake1": f"{outer}.{blocks + 1}"}
        names[f"{half}.conv2"] = f"{outer}.{blocks + 2}"
        for number in range(blocks):
            theirs, package = f"{half}.block.{number}", f"{outer}.{number + 1}.block"
            first, strided = (0, 3) if half == "encoder" else (2, 0)
            names[f"{theirs}.snake1"] = f"{package}.{strided}"
            names[f"{theirs}.{'conv1' if half == 'encoder' else 'conv_t1'}"] = f"{package}.{strided + 1}"
            for place in range(3):
                for layer, part in enumerate(unit):
                    names[f"{theirs}.res_unit{place + 1}.{part}"] = f"{package}.{first + place}.block.{layer}"
    return names
