"""Training configs of every family that take milliseconds a step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nac_cli.train.codec.config import AdversaryConfig, TrainConfig
from nac_cli.train.codec.data import Excerpts, batches
from nac_cli.train.codec.presets import PRESETS

GAME = dict(windows=(256,), channels=2, warmup_steps=2)
SCHEDULE = dict(
    batch_size=2, warmup_steps=2, cooldown_share=0.0, quantizer_start=3, revive_every=4, steps=5, mel_scales_per_step=2
)


def _micro(preset: str, frames: int, kind: str, values: dict, **network) -> TrainConfig:
    config = PRESETS[preset]
    adversary = AdversaryConfig(kinds=(kind,), **GAME, probability=0.7)
    model = replace(config.model, **network)
    return replace(config, model=model, excerpt_frames=frames, adversary=adversary, **SCHEDULE | values)


MICRO = {
    "encodec": _micro("encodec-24k-tiny", 6, "stft", {}, width=4, latent_width=16, lstm_layers=1, codebook_size=16),
    "encodec stereo": _micro(
        "encodec-48k", 6, "stft", {"adam_rate": 2e-3}, width=4, latent_width=16, lstm_layers=1, num_codebooks=4,
        codebook_size=16, bitrates=(1_200, 2_400), segment_length=1_920, segment_stride=1_900,
    ),
    "dac": _micro("dac-tiny", 6, "bands", {}, encoder_width=4, latent_width=16, decoder_width=32, codebook_size=16),
    "snac": _micro(
        "snac-tiny", 8, "period", {}, encoder_width=4, decoder_width=64, codebook_size=16, attention_window=8
    ),
    "taae": _micro(
        "taae-tiny", 3, "golden", {"quantizer_start": 0, "quantizer_from_data": False}, width=32, head_width=16,
        transformer_depths=(1, 1), latent_width=2,
    ),
}  # fmt: skip
"""By family; EnCodec's two kinds differ in channels, norm and level."""


def some_batches(corpus: Path, config: TrainConfig, count: int, start: int = 0) -> list[np.ndarray]:
    drawn = batches(Excerpts.of(corpus, config), range(config.batch_size), config.seed, start)
    return [batch for batch, _ in zip(drawn, range(count))]
