"""A language model's run -> its integer model, calibrated on tokens and compared with the float network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nac_cli.entropy.lm import measure, model_id, prepare, quantise, save
from nac_cli.entropy.lm.reference import FloatNetwork
from nac_cli.train import checkpoint
from nac_cli.train.lm.config import LmTrainConfig
from nac_cli.train.lm.loop import CHECKPOINT
from nac_cli.train.lm.network import LmNetwork
from nac_cli.train.lm.tokens import Tokens
from nac_cli.train.records import from_json

CALIBRATION_SEQUENCES = 48
COMPARED_SEQUENCES = 12
FRAMES = 256


@dataclass(frozen=True)
class ExportedLm:
    """An integer model's file, its id, its size in bytes, and bits a code of recordings that were not trained on, by
    the float network and by the integers."""

    path: Path
    model_id: bytes
    file_bytes: int
    float_bits: float
    integer_bits: float

    @property
    def loss(self) -> float:
        """The share by which the integers cost more bits than the floats."""
        return self.integer_bits / self.float_bits - 1


def export(run: Path, target: Path, tokens: Tokens) -> ExportedLm:
    """Write the integer model of a run to `target`. Raises ModelError when the run's network does not fit the tokens or
    cannot be made exact."""
    state = checkpoint.load(run / CHECKPOINT)
    config = from_json(state["config"], LmTrainConfig)
    network = LmNetwork(config.shape(tokens.codec))
    network.load_state_dict(state["network"])
    model = quantise(network.arrays(), network.config, calibration(tokens, config))
    save(target, model)
    floats, integers = FloatNetwork(network.config, network.arrays()), prepare(model)
    float_bits = integer_bits = count = 0
    for codes, depths in _held_out(tokens):
        float_bits += floats.cost_bits(codes, depths).sum()
        integer_bits += measure(integers, codes, depths).bits().sum()
        count += np.count_nonzero(codes >= 0)
    per_code = 1 / max(count, 1)
    return ExportedLm(
        target, model_id(target), target.stat().st_size, float(float_bits * per_code), float(integer_bits * per_code)
    )


def calibration(tokens: Tokens, config: LmTrainConfig) -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes `[K, F]` and depths `[F]` of sequences of all kinds and depths."""
    rng = np.random.default_rng(config.seed + 1)
    return [tokens.draw(rng, FRAMES, config.steady_share) for _ in range(CALIBRATION_SEQUENCES)]


def _held_out(tokens: Tokens) -> list[tuple[np.ndarray, np.ndarray]]:
    depth = max(tokens.codec.num_codebooks // 2, 1)
    chosen = tokens.held_out[:COMPARED_SEQUENCES]
    return [tokens.cut(tokens.codes[index][:, :FRAMES], FRAMES, np.full(FRAMES, depth)) for index in chosen]
