"""A language model from its file, ready to measure and to decode many chunks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nac_cli.entropy.lm.coding import Intervals, decode, measure
from nac_cli.entropy.lm.config import LmConfig
from nac_cli.entropy.lm.self_test import prepare
from nac_cli.entropy.lm.weights import load, model_id
from nac_cli.errors import CorruptStream


class LanguageModel:
    """The model in `path`, which has passed its known-answer test. Only time depends on `workers`.

    Raises `ModelError` if the file is no model, `TokenMismatch` if no backend is exact on this machine.
    """

    def __init__(self, path: Path, workers: int = 1) -> None:
        self.model_id: bytes = model_id(path)
        self._network = prepare(load(path))

    @property
    def config(self) -> LmConfig:
        return self._network.config

    def measure(self, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Intervals]:
        """Intervals of each of `chunks`, pairs of codes `[K, F]` and depths `[F]`. Raises as `coding.measure`."""
        return [measure(self._network, codes, depths) for codes, depths in chunks]

    def decode(
        self, streams: Sequence[bytes], depths: Sequence[np.ndarray]
    ) -> list[np.ndarray | CorruptStream]:
        """For each stream its codes, int32 `[K, F]`, or why there are none. As `coding.decode`."""
        return decode(self._network, streams, depths)

    def close(self) -> None:
        """End the workers, if there are any."""
