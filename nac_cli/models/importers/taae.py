"""TAAE checkpoints: folders of Stable Codec with `model_config.json` (of stable-audio-tools) and
`model.safetensors` or `model.ckpt` (`{"state_dict": tensors}`).

Only what the two published models need is known here: a TAAE on patches, without Snake, dilated convolutions
or conformer modules, with a dithered FSQ.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from nac_cli.errors import ModelError
from nac_cli.models.build import build
from nac_cli.models.fields import integer
from nac_cli.models.importers.state import Checkpoint, read_config, read_pickle, read_state, tensors_of
from nac_cli.models.layers.rotary import frequencies
from nac_cli.models.layers.weight_norm import fold_state
from nac_cli.models.taae.config import MAX_CODES, MAX_WIDTH, PRESETS, TaaeConfig
from nac_cli.models.taae.network import TaaeCodec

LICENCE = (
    "Stability AI Community License (for Stable Codec's weights, at "
    "https://huggingface.co/stabilityai/stable-codec-speech-16k/blob/main/LICENSE.md), which restricts "
    "commercial use: read it before you use or share them, or models made of them. Its code is MIT."
)
HUB = "https://huggingface.co/stabilityai"
CHECKPOINTS = tuple(
    Checkpoint(f"stabilityai/{name}", f"{HUB}/{name}", "taae-16k-700bps", LICENCE)
    for name in ("stable-codec-speech-16k", "stable-codec-speech-16k-base")
)
"""Addresses as in the package's README. The second one is the paper's model, the first a finetuned one. Both
serve every bottleneck: 400, 700 and 1000 bit/s."""

CONFIG = "model_config.json"
WEIGHTS = ("model.safetensors", "model.ckpt")
"""Weight files, in the package's order of preference."""

HALF = {
    "in_channels": 2,
    "out_channels": 2,
    "channels": 128,
    "c_mults": [1, 2, 4, 8],
    "strides": [2, 4, 8, 8],
    "latent_dim": 32,
    "transformer_depths": [3, 3, 3, 3],
    "sliding_window": [63, 64],
    "checkpointing": False,
    "layer_scale": True,
    "use_snake": False,
    "conformer": False,
    "use_dilated_conv": False,
}
"""Arguments of the package's encoder and decoder, with its defaults."""
MIRRORED = ("channels", "c_mults", "strides", "transformer_depths", "sliding_window", "latent_dim")
"""Entries that a checkpoint has for encoder and decoder, and our config once."""
FIXED = {"layer_scale": True, "use_snake": False, "conformer": False, "use_dilated_conv": False}
"""Entries that the package can vary and nac cannot, with the only value that is supported."""
HEAD_WIDTH = 128
"""Channels of an attention head; the package has no other."""

BLOCK_NAMES = {
    "pre_norm.gamma": "norm.weight",
    "self_attn.to_qkv.weight": "attention.to_qkv.weight",
    "self_attn.to_out.weight": "attention.to_out.weight",
    "self_attn.q_norm.weight": "attention.query_norm.weight",
    "self_attn.q_norm.bias": "attention.query_norm.bias",
    "self_attn.k_norm.weight": "attention.key_norm.weight",
    "self_attn.k_norm.bias": "attention.key_norm.bias",
    "self_attn_scale.scale": "attention_scale",
    "ff_norm.gamma": "feed_norm.weight",
    "ff.ff.0.proj.weight": "feed_in.weight",
    "ff.ff.0.proj.bias": "feed_in.bias",
    "ff.ff.2.weight": "feed_out.weight",
    "ff.ff.2.bias": "feed_out.bias",
    "ff_scale.scale": "feed_scale",
}
CONSTANT = re.compile(r"\.(?:(?:pre_norm|ff_norm)\.beta|rope\.inv_freq)$")
"""Stored, but never learned: biases of zero, and the rotary frequencies."""


def import_taae(path: Path, levels: tuple[int, ...] | None = None) -> tuple[TaaeCodec, str]:
    """The model in an official checkpoint, and a note on its licence: `path` is the folder, or its weight
    file.

    `levels` are the points per dimension of each plane, (6,), (5, 5) or (3, 3, 3, 3) for the presets.
    Without, they are the checkpoint's own where a plane can have as many codes, else (5, 5), the residual
    form that the package recommends. The model has our preset's name where its config is that of one. Raises
    ModelError for anything else.
    """
    folder = path if path.is_dir() else path.parent
    config = _config(read_config(folder / CONFIG), levels, folder)
    weights = path if path.is_file() and path.name != CONFIG else _weights_in(folder)
    state = {name: value for name, value in _read(weights).items() if not _is_constant(name, value)}
    name = next((name for name, preset in PRESETS.items() if preset == config), "taae-custom")
    return build(lambda: TaaeCodec(config, name), _translated(fold_state(state), config), weights), LICENCE


def _weights_in(folder: Path) -> Path:
    return next((folder / name for name in WEIGHTS if (folder / name).exists()), folder / WEIGHTS[0])


def _read(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return read_state(path)
    checkpoint = read_pickle(path)
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise ModelError(f"{path}: not a checkpoint of stable-audio-tools, which has a 'state_dict'")
    return tensors_of(checkpoint["state_dict"], path)


def _is_constant(name: str, value: torch.Tensor) -> bool:
    """Whether it is stored without being learned, and has the value that our network takes for granted."""
    if not CONSTANT.search(name):
        return False
    if name.endswith(".beta"):
        return not value.any().item()
    expected = frequencies(HEAD_WIDTH // 2)
    return value.shape == expected.shape and torch.allclose(value.float(), expected, rtol=1e-3, atol=0)


def _config(values: dict, levels: tuple[int, ...] | None, folder: Path) -> TaaeConfig:
    """Our config for a `model_config.json`."""
    try:
        model = values["model"]
        encoder, decoder = HALF | model["encoder"]["config"], HALF | model["decoder"]["config"]
        types = [model[part]["type"] for part in ("encoder", "decoder", "pretransform", "bottleneck")]
        patch_size = model["pretransform"]["config"]["patch_size"]
        bottleneck = dict(model["bottleneck"]["config"])
        soft_clip = model["decoder"].get("soft_clip", False)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / CONFIG}: not the description of a TAAE ({error!r})") from error
    if types != ["taae", "taae", "patched", "dithered_fsq"]:
        raise ModelError(f"{folder / CONFIG}: it is {types}, not a TAAE on patches with a dithered FSQ")
    for half in (encoder, decoder):
        for name, value in half.items():
            if name not in HALF or value != FIXED.get(name, value):
                raise ModelError(f"{folder / CONFIG}: {name} {repr(value)[:80]} is not known to nac")
    widths = encoder["c_mults"]
    for holds, what in (
        (all(encoder[name] == decoder[name] for name in MIRRORED), "encoder and decoder are mirrored"),
        (isinstance(widths, list) and widths and widths == widths[:1] * len(widths), "c_mults are all equal"),
        (encoder["in_channels"] == decoder["out_channels"] == patch_size, "channels are a patch's samples"),
        (model.get("io_channels") == 1, "sound is mono"),
        (bottleneck.get("num_codebooks", 1) == 1, "a step has one code"),
        (bottleneck.get("dim") == encoder["latent_dim"], "the bottleneck's dim is latent_dim"),
    ):
        if not holds:
            raise ModelError(f"{folder / CONFIG}: nac only knows models in which {what}")
    try:
        config = TaaeConfig(
            sample_rate=integer("sample rate", values.get("sample_rate"), 8_000, 192_000),
            patch_size=patch_size,
            width=_count("channels", encoder["channels"]) * _count("c_mults", widths[0]),
            head_width=HEAD_WIDTH,
            strides=encoder["strides"],
            window=encoder["sliding_window"],
            transformer_depths=encoder["transformer_depths"],
            soft_clip=soft_clip,
            latent_width=encoder["latent_dim"],
            levels=levels or _own_levels(bottleneck.get("levels"), encoder["latent_dim"]),
        )
    except ModelError as error:
        raise ModelError(f"{folder / CONFIG}: {error}") from error
    if model.get("downsampling_ratio", config.hop_length) != config.hop_length:
        raise ModelError(f"{folder / CONFIG}: its downsampling_ratio is not that of its patches and strides")
    return config


def _count(name: str, value: object) -> int:
    return integer(name, value, 1, MAX_WIDTH)


def _own_levels(levels: object, width: object) -> tuple[int, ...]:
    """The checkpoint's level count (one, or the same for each dimension) if its codes can be those of one
    plane."""
    if isinstance(levels, list) and levels and levels == levels[:1] * len(levels):
        levels = levels[0]
    if not isinstance(levels, int) or not isinstance(width, int) or not 2 <= levels <= MAX_CODES:
        return (5, 5)
    return (levels,) if 1 <= width <= 64 and levels**width <= MAX_CODES else (5, 5)


def _translated(state: dict[str, torch.Tensor], config: TaaeConfig) -> dict[str, torch.Tensor]:
    """The state under our names. A name that we do not know stays as it is."""
    names = _modules(config)
    ours = {}
    for name, value in state.items():
        module = next((module for module in _prefixes(name) if module in names), "")
        inner = name[len(module) + 1 :] if module else ""
        if module and ".blocks." in names[module]:
            inner = BLOCK_NAMES.get(inner, "")
        ours[f"{names[module]}.{inner}" if inner else name] = value
    return ours


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _modules(config: TaaeConfig) -> dict[str, str]:
    """The package's names of convolutions and transformer blocks -> ours."""
    names = {"encoder.layers.0": "encoder.0.conv", "decoder.layers.0": "decoder.0.conv"}
    last = len(config.strides) + 2
    for half, conv, transformer in (("encoder", 1, 2), ("decoder", 2, 0)):
        place = 1
        shape = list(zip(config.strides, config.transformer_depths))
        for number, (stride, depth) in enumerate(shape if half == "encoder" else shape[::-1], start=1):
            theirs, strided = f"{half}.layers.{number}.layers", stride > 1
            at = place + (strided and half == "encoder")
            names |= {f"{theirs}.{transformer}.{k + 1}": f"{half}.{at}.blocks.{k}" for k in range(depth)}
            if strided:
                names[f"{theirs}.{conv}"] = f"{half}.{place if half == 'encoder' else place + 1}.conv"
            place += 1 + strided
        names[f"{half}.layers.{last}"] = f"{half}.{place}.conv"
    return names
