"""EnCodec checkpoints: those of the official package, and those of Hugging Face `transformers`.

Both name the same layers by number, in the order in which we have them. The official file is a dictionary of
tensors, which says nothing of the network's shape; the other layout is a folder with a `config.json`.
Convolutions are stored as gain and direction, and are multiplied out here. What only training needs of a
codebook is left out.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import torch

from nac_cli.errors import ModelError
from nac_cli.files import sha256_of
from nac_cli.models.build import build
from nac_cli.models.encodec.config import PRESETS, EncodecConfig
from nac_cli.models.encodec.network import EncodecCodec
from nac_cli.models.importers.state import Checkpoint, read_config, read_state
from nac_cli.models.layers.weight_norm import fold_state

LICENCE = (
    "CC BY-NC 4.0 if in doubt: Meta's package of EnCodec, release 0.1.1, is under it as a whole. Its code "
    "has been MIT since April 2023; whether the weights are too has not been answered "
    "(github.com/facebookresearch/encodec/issues/69), while the model card of facebook/encodec_48khz says "
    "MIT. Take them as non-commercial unless you know better."
)
MUSICGEN_LICENCE = "CC BY-NC 4.0: so are the weights of MusicGen's EnCodec; AudioCraft's code is MIT."
CHECKPOINTS = (
    Checkpoint(
        "encodec_24khz-d7cc33bc.th",
        "https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",
        "encodec-24k",
        LICENCE,
    ),
    Checkpoint(
        "encodec_48khz-7e698e3e.th",
        "https://dl.fbaipublicfiles.com/encodec/v0/encodec_48khz-7e698e3e.th",
        "encodec-48k",
        LICENCE,
    ),
    Checkpoint(
        "facebook/encodec_24khz",
        "https://huggingface.co/facebook/encodec_24khz",
        "encodec-24k",
        LICENCE,
    ),
    Checkpoint(
        "facebook/encodec_48khz",
        "https://huggingface.co/facebook/encodec_48khz",
        "encodec-48k",
        LICENCE,
    ),
    Checkpoint(
        "facebook/encodec_32khz",
        "https://huggingface.co/facebook/encodec_32khz",
        "",
        MUSICGEN_LICENCE,
    ),
)
"""Addresses as in the package's `model.py` and in the documentation of `transformers`. The last fits no
preset: its `config.json` says all."""

NORMS = {"weight_norm": "weight", "time_group_norm": "layer"}
OURS = {
    "sampling_rate": "sample_rate",
    "audio_channels": "channels",
    "num_filters": "width",
    "hidden_size": "latent_width",
    "kernel_size": "kernel_size",
    "last_kernel_size": "last_kernel_size",
    "residual_kernel_size": "residual_kernel_size",
    "num_residual_layers": "residual_units",
    "dilation_growth_rate": "dilation_base",
    "compress": "compress",
    "use_conv_shortcut": "conv_shortcut",
    "num_lstm_layers": "lstm_layers",
    "use_causal_conv": "causal",
    "codebook_size": "codebook_size",
    "normalize": "normalise",
}
"""Entries of a `config.json` that mean the same as ours under another name."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names of weight files in the layout of `transformers`, in order of preference."""
FIXED = {"pad_mode": "reflect", "trim_right_ratio": 1.0}
"""Entries that `transformers` can vary and nac cannot, with the only value that is supported."""
UNUSABLE = (ModelError, ValueError, TypeError, LookupError, ArithmeticError)
"""Errors that a description of another kind, or with values of other types, can lead to."""
RENAMED = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^(encoder|decoder)\.(?:model|layers)\.", r"\1."),
        (r"\.conv\.conv\.|\.convtr\.convtr\.", ".conv."),
        (r"\.(?:conv|convtr)\.norm\.", ".norm."),
        (r"^quantizer\.(?:vq\.)?layers\.(\d+)\._?codebook\.embed$", r"quantizer.planes.\1.codebook"),
    )
)
"""Names of either layout -> ours, applied in order."""
LEFT_OUT = re.compile(r"^quantizer\.(?:vq\.)?layers\.\d+\._?codebook\.(?:inited|cluster_size|embed_avg)$")


def import_encodec(path: Path, config: EncodecConfig | None = None) -> tuple[EncodecCodec, str]:
    """The model of the checkpoint at `path`, ready for inference, and a note on its licence.

    `path` is a file of the official package, or a file or folder in the layout of `transformers`. `config` is
    for official files that fit none of the presets. Raises `ModelError` if the checkpoint cannot be read, or
    naming the first tensor that is missing, unknown or of the wrong shape.
    """
    path = _weights_in(Path(path))
    description = path.with_name("config.json")
    state = read_state(path)
    if config is None and path.name in WEIGHTS and description.is_file():
        config = _described(description)
    elif config is None:
        _check_digest(path)
        config = _recognised(state, path)
    name = f"encodec-{config.sample_rate // 1000}k"
    model = build(lambda: EncodecCodec(config, name), _translated(state), path)
    return model, MUSICGEN_LICENCE if config.sample_rate == 32_000 else LICENCE


def _weights_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in WEIGHTS:
        if (path / name).is_file():
            return path / name
    raise ModelError(f"{path}: no EnCodec checkpoint; expected config.json and one of {', '.join(WEIGHTS)}")


def _check_digest(path: Path) -> None:
    """Official files carry the first digits of their SHA-256 in their name."""
    named = re.search(r"-([0-9a-f]{8})\.th$", path.name)
    if named and sha256_of(path).hex()[:8] != named[1]:
        raise ModelError(f"{path}: damaged, its SHA-256 does not begin with {named[1]}; download it again")


def _recognised(state: dict[str, torch.Tensor], path: Path) -> EncodecConfig:
    """The preset with the norm that `state` has."""
    if "encoder.model.0.conv.norm.weight" in state:
        return PRESETS["encodec-48k"]
    if "encoder.model.0.conv.conv.weight_g" in state:
        return PRESETS["encodec-24k"]
    raise ModelError(
        f"{path}: no checkpoint of the encodec package (encoder.model.0.conv is missing), and no config.json "
        f"beside one of {', '.join(WEIGHTS)}"
    )


def _described(path: Path) -> EncodecConfig:
    """The shape that a `config.json` of `transformers` describes. What it leaves out is as in the 24 kHz
    model."""
    try:
        return _config(read_config(path))
    except UNUSABLE as error:
        raise ModelError(f"{path}: not the description of an EnCodec model ({error})") from error


def _config(entries: dict) -> EncodecConfig:
    if entries.get("model_type") != "encodec":
        raise ValueError(f"its model_type is {entries.get('model_type')!r}")
    for name, value in FIXED.items():
        if entries.get(name, value) != value:
            raise ValueError(f"{name} {entries[name]!r} is not supported, only {value!r}")
    ours = {OURS[name]: value for name, value in entries.items() if name in OURS}
    if "upsampling_ratios" in entries:
        ours["strides"] = tuple(reversed(entries["upsampling_ratios"]))
    if "target_bandwidths" in entries:
        ours["bitrates"] = tuple(round(1000 * kbps) for kbps in entries["target_bandwidths"])
    if "norm_type" in entries:
        ours["norm"] = NORMS[entries["norm_type"]]
    config = EncodecConfig(**ours)
    if entries.get("codebook_dim") not in (None, config.latent_width):
        raise ValueError("codebook_dim differs from hidden_size")
    length, stride = _segment(entries, config.sample_rate)
    return replace(config, num_codebooks=_num_codebooks(config), segment_length=length, segment_stride=stride)


def _num_codebooks(config: EncodecConfig) -> int:
    """The number of codebooks that the last bitrate pays for, at a frame rate rounded up."""
    bits = (config.codebook_size - 1).bit_length()
    return config.bitrates[-1] // (math.ceil(config.sample_rate / config.hop_length) * bits)


def _segment(entries: dict, sample_rate: int) -> tuple[int, int]:
    """Its length and stride in samples, 0 for a model that codes its input whole."""
    if entries.get("chunk_length_s") is None:
        return 0, 0
    length = int(entries["chunk_length_s"] * sample_rate)
    stride = max(1, int((1 - (entries.get("overlap") or 0)) * length))
    return length, stride


def _translated(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state under our names, with weight norm multiplied out. A name that we do not know stays as it is."""
    return {_our_name(name): value for name, value in fold_state(state).items() if not LEFT_OUT.match(name)}


def _our_name(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = pattern.sub(replacement, name)
    return name
