"""Training configuration: a frozen record with named presets, written as JSON into every checkpoint and log."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from nac_cli.errors import UsageError
from nac_cli.models.spectral import SpectralConfig


@dataclass(frozen=True)
class TrainConfig:
    """How a codec is trained. Times in seconds of audio, rates per step; `model` is the network's own config."""

    name: str = "nac-44k"
    model: SpectralConfig = field(default_factory=SpectralConfig)
    steps: int = 8_500
    batch_size: int = 12
    excerpt_frames: int = 86
    seed: int = 0
    domain_weights: dict[str, float] = field(
        default_factory=lambda: {"music": 0.45, "speech": 0.28, "env": 0.17, "instrument": 0.1}
    )
    full_band_share: float = 0.75

    muon_rate: float = 1.5e-3
    adam_rate: float = 8e-4
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    cooldown_share: float = 0.7
    gradient_clip: float = 5.0
    ema_decay: float = 0.999

    quantizer_start: int = 250
    full_depth_share: float = 0.2
    revive_every: int = 50
    revive_below: float = 0.03

    loss_level: float = 0.1
    mel_weight: float = 15.0
    mel_scales_per_step: int = 3
    stft_weight: float = 150.0
    waveform_weight: float = 20.0
    codebook_weight: float = 1.0
    commitment_weight: float = 0.25

    def __post_init__(self) -> None:
        if not (self.steps > 0 and self.batch_size > 0 and self.excerpt_frames > 0):
            raise UsageError("steps, batch_size and excerpt_frames must be positive")


PRESETS = {
    "nac-44k": TrainConfig(),
    "nac-44k-tiny": TrainConfig(
        name="nac-44k-tiny", batch_size=4, excerpt_frames=24, steps=200, warmup_steps=20, quantizer_start=20,
        model=SpectralConfig(
            fine_width=32, coarse_width=48, encoder_fine_blocks=1, encoder_coarse_blocks=1, decoder_coarse_blocks=1,
            decoder_fine_blocks=1, num_codebooks=4, codebook_size=64, codebook_dim=4,
        ),
    ),
}


def to_json(config: TrainConfig) -> str:
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_json(text: str) -> TrainConfig:
    """The config that `to_json` wrote. Raises UsageError on unknown keys or wrong types."""
    return _build(TrainConfig, json.loads(text))


def override(config: TrainConfig, **changes: Any) -> TrainConfig:
    """`config` with the changes that are not None."""
    return dataclasses.replace(config, **{key: value for key, value in changes.items() if value is not None})


def _build(record: type, values: dict) -> Any:
    fields = {f.name: f for f in dataclasses.fields(record)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UsageError(f"{record.__name__}: unknown keys {', '.join(unknown)}")
    defaults = record()
    built = {}
    for key, value in values.items():
        default = getattr(defaults, key)
        if dataclasses.is_dataclass(default):
            value = _build(type(default), value)
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif type(value) is not type(default):
            raise UsageError(f"{record.__name__}.{key}: expected {type(default).__name__}, got {value!r}")
        built[key] = value
    return record(**built)
