"""Training configuration: a frozen record with named presets, written as JSON into every checkpoint and log."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from nac_cli.errors import UsageError
from nac_cli.models.spectral import SpectralConfig
from nac_cli.train.data import Augmentation


@dataclass(frozen=True)
class AdversaryConfig:
    """Which discriminators there are and how they learn. `kinds` out of "period", "bands", "stft" and "golden";
    `channels` is the width of the STFT discriminators; empty `windows` are the paper's. For the first `warmup_steps`
    they learn at every step and the decoder does not listen to them yet; later they learn with `probability`. Their
    optimizer works at `rate`."""

    kinds: tuple[str, ...] = ()
    windows: tuple[int, ...] = ()
    channels: int = 32
    rate: float = 8e-4
    probability: float = 1.0
    warmup_steps: int = 100


@dataclass(frozen=True)
class TrainConfig:
    """How a codec is trained. Lengths in latent frames, rates per step; `model` is the network's own config.

    `energy_weight` is the share of the repulsion in the energy score: 0 compares one decode with the recording, 1 is
    the proper score of two decodes with different noise, whose phases repel each other above `energy_from` Hz.
    `balance`, if not empty, holds the weights of EnCodec's balancer by loss name and replaces the `..._weight`s.
    """

    name: str = "nac-44k"
    about: str = ""
    model: SpectralConfig = field(default_factory=SpectralConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    steps: int = 8_500
    batch_size: int = 12
    excerpt_frames: int = 86
    seed: int = 0
    domain_weights: dict[str, float] = field(default_factory=dict)
    full_band_share: float = 0.75

    train_encoder: bool = True
    muon_rate: float = 1.5e-3
    adam_rate: float = 8e-4
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    cooldown_share: float = 0.7
    gradient_clip: float = 5.0
    ema_decay: float = 0.999

    quantizer_start: int = 250
    quantizer_from_data: bool = True
    full_depth_share: float = 0.2
    revive_every: int = 50
    revive_below: float = 0.03

    loss_level: float = 0.1
    mel_weight: float = 15.0
    mel_scales_per_step: int = 3
    stft_weight: float = 150.0
    log_stft_weight: float = 0.0
    waveform_weight: float = 20.0
    codebook_weight: float = 1.0
    commitment_weight: float = 0.25
    energy_weight: float = 0.0
    energy_from: float = 3_000.0
    adversarial_weight: float = 1.0
    feature_weight: float = 2.0
    balance: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.steps > 0 and self.batch_size > 0 and self.excerpt_frames > 0):
            raise UsageError("steps, batch_size and excerpt_frames must be positive")
        if self.energy_weight and not self.model.noise:
            raise UsageError("energy_weight compares decodes of different noise, so the model needs noise=true")
        if self.energy_weight and self.batch_size % 2:
            raise UsageError("energy_weight decodes every item twice, so batch_size must be even")
        if self.energy_weight and self.balance:
            raise UsageError("energy_weight and balance exclude each other")


TINY_MODEL = SpectralConfig(
    fine_width=32, coarse_width=48, encoder_fine_blocks=1, encoder_coarse_blocks=1, decoder_coarse_blocks=1,
    decoder_fine_blocks=1, num_codebooks=4, codebook_size=64, codebook_dim=4,
)
FINISH = dict(
    batch_size=6, train_encoder=False, warmup_steps=50, cooldown_share=0.4, muon_rate=9e-4, adam_rate=5e-4,
    ema_decay=0.995, energy_weight=1.0, log_stft_weight=30.0,
)
"""What the finishing presets share: the encoder and the codes stay, the decoder learns to draw what it cannot know."""

PRESETS = {
    "nac-44k": TrainConfig(about="the default model, reconstruction, sized for a CPU"),
    "nac-44k-finish": TrainConfig(
        about="a decoder that does not buzz, from a run of nac-44k",
        model=SpectralConfig(noise=True), steps=6_000, **FINISH,
    ),
    "nac-44k-adversarial": TrainConfig(
        about="from a run of nac-44k, with the discriminators of Improved RVQGAN; for a GPU",
        model=SpectralConfig(noise=True), adversary=AdversaryConfig(kinds=("bands", "period"), rate=2e-4),
        steps=50_000, batch_size=32, warmup_steps=500, cooldown_share=0.4, muon_rate=5e-4, adam_rate=2e-4,
    ),
    "nac-44k-adversarial-cpu": TrainConfig(
        about="as nac-44k-finish, with three small discriminators instead; for a CPU",
        model=SpectralConfig(noise=True), steps=6_000, **FINISH | {"energy_weight": 0.0, "batch_size": 4},
        adversary=AdversaryConfig(kinds=("stft",), windows=(1024, 512, 256), channels=8, rate=4e-3),
        excerpt_frames=43,
    ),
    "nac-44k-tiny": TrainConfig(
        name="nac-44k-tiny", about="a small network that learns in minutes", model=TINY_MODEL,
        batch_size=4, excerpt_frames=24, steps=1_500, warmup_steps=20, quantizer_start=20,
    ),
}


def to_json(config: Any) -> str:
    """A config record, of a codec or a language model, as JSON."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_json(text: str, record: type = TrainConfig) -> Any:
    """The `record` that `to_json` wrote. Raises UsageError on unknown keys or wrong types."""
    return _build(record, json.loads(text))


def merged(config: Any, changes: str) -> Any:
    """`config` with the values of a JSON object, records within records alike. Raises UsageError as `from_json` does,
    and for text that is no JSON object."""
    try:
        values = json.loads(changes)
    except ValueError as error:
        raise UsageError(f"the changes to {config.name!r} are not JSON ({error})") from error
    if not isinstance(values, dict):
        raise UsageError(f"the changes to {config.name!r} are not a JSON object")
    return _build(type(config), _merge(dataclasses.asdict(config), values, config))


def override(config: Any, **changes: Any) -> Any:
    """`config` with the changes that are not None."""
    return dataclasses.replace(config, **{key: value for key, value in changes.items() if value is not None})


def _merge(old: dict, new: dict, record: Any) -> dict:
    """`new` over `old`; only records merge key by key, tables of weights are replaced."""
    result = dict(old)
    for key, value in new.items():
        inner = getattr(record, key, None)
        nested = dataclasses.is_dataclass(inner) and isinstance(value, dict)
        result[key] = _merge(old[key], value, inner) if nested else value
    return result


def _build(record: type, values: dict) -> Any:
    fields = {f.name: f for f in dataclasses.fields(record)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UsageError(f"{record.__name__}: unknown keys {', '.join(unknown)}")
    defaults = record()
    built = {}
    for key, value in values.items():
        default = getattr(defaults, key)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        if dataclasses.is_dataclass(default):
            value = _build(type(default), value)
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif type(value) is not type(default):
            raise UsageError(f"{record.__name__}.{key}: expected {type(default).__name__}, got {value!r}")
        built[key] = value
    return record(**built)
