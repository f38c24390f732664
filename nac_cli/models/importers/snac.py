"""SNAC checkpoints: folders with `config.json` (arguments of the package's SNAC class) and
`pytorch_model.bin` (its state)."""

from __future__ import annotations

from pathlib import Path

from nac_cli.errors import ModelError
from nac_cli.models.build import build
from nac_cli.models.importers.dac import layered
from nac_cli.models.importers.state import Checkpoint, read_config, read_state
from nac_cli.models.layers.weight_norm import fold_state
from nac_cli.models.snac import PRESETS, SnacCodec, SnacConfig

LICENCE = "MIT, Copyright (c) 2024, Hubert Siuzdak (https://github.com/hubertsiuzdak/snac)"
HUB = "https://huggingface.co/hubertsiuzdak"
CHECKPOINTS = tuple(
    Checkpoint(f"hubertsiuzdak/{name}", f"{HUB}/{name}", preset, LICENCE)
    for name, preset in (("snac_24khz", "snac-24k"), ("snac_32khz", "snac-32k"), ("snac_44khz", "snac-44k"))
)
"""Addresses as in the package's README."""

NAMES = {
    "sampling_rate": "sample_rate",
    "encoder_rates": "strides",
    "encoder_dim": "encoder_width",
    "decoder_dim": "decoder_width",
    "attn_window_size": "attention_window",
    "vq_strides": "plane_strides",
    "codebook_size": "codebook_size",
    "codebook_dim": "codebook_dim",
    "noise": "noise",
    "depthwise": "depthwise",
}
DEFAULTS = {"encoder_rates": [3, 3, 7, 7], "decoder_rates": [7, 7, 3, 3]}
"""The package's defaults for values that a config leaves out, where ours differ."""


def import_snac(path: Path) -> tuple[SnacCodec, str]:
    """The model in an official checkpoint, and a note on its licence: `path` is the folder, or one of its two
    files.

    The model has our preset's name where its config is that of one. Raises ModelError for anything else.

    """
    folder = path if path.is_dir() else path.parent
    config = _config(read_config(folder / "config.json"), folder)
    weights = folder / "model.safetensors"
    state = fold_state(read_state(weights if weights.exists() else folder / "pytorch_model.bin"))
    state = {name: value for name, value in layered(state).items() if not name.endswith(".rel_pos.inv_freq")}
    custom = f"snac-{config.sample_rate // 1000}k-custom"
    name = next((name for name, preset in PRESETS.items() if preset == config), custom)
    return build(lambda: SnacCodec(config, name), state, folder), LICENCE


def _config(values: dict, folder: Path) -> SnacConfig:
    values = DEFAULTS | values
    unknown = [name for name in values if name not in NAMES and name not in ("decoder_rates", "latent_dim")]
    if unknown:
        raise ModelError(f"{folder}: its config.json is not one of snac: {unknown[0]!r} is unknown")
    given = {NAMES[name]: value for name, value in values.items() if name in NAMES}
    if "attention_window" in given:
        given["attention_window"] = given["attention_window"] or 0
    for name in ("noise", "depthwise"):
        if not isinstance(given.get(name, True), bool):
            raise ModelError(f"{folder}: the model's {name} is {given[name]!r}, neither true nor false")
    try:
        config = SnacConfig(**given)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    if values["decoder_rates"] != list(config.strides[::-1]):
        raise ModelError(f"{folder}: decoder_rates are not the encoder's backwards, which is all nac knows")
    if values.get("latent_dim") not in (None, config.latent_width):
        raise ModelError(f"{folder}: latent_dim is {values['latent_dim']!r}, not {config.latent_width}")
    return config
