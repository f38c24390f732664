"""A language model from its file, ready to measure and to decode many chunks on several processors.

Workers are threads: all but some per cent of the time is spent in numpy, which lets others run meanwhile, and they
share the weights. They last as long as a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np

from nac_cli.entropy.lm.coding import Intervals, decode, measure
from nac_cli.entropy.lm.config import LmConfig
from nac_cli.entropy.lm.self_test import prepare
from nac_cli.entropy.lm.weights import load, model_id
from nac_cli.errors import CorruptStream
from nac_cli.kernels.blas import one_thread
from nac_cli.parallel import each

Item = TypeVar("Item")
Result = TypeVar("Result")


class LanguageModel:
    """The model in `path`, which has passed its known-answer test. Only time depends on `workers`, no result does.

    Raises `ModelError` if the file is no model, `TokenMismatch` if no backend is exact on this machine. May be used
    from several threads.
    """

    def __init__(self, path: Path, workers: int = 1) -> None:
        self._workers = workers
        with one_thread():
            self._network = prepare(load(path))
        self.model_id: bytes = model_id(path)
        self._ahead: dict[tuple[bytes, bytes], np.ndarray | CorruptStream] = {}

    @property
    def config(self) -> LmConfig:
        return self._network.config

    def measure(self, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Intervals]:
        """Intervals of each of `chunks`, pairs of codes `[K, F]` and depths `[F]`. Raises as `coding.measure`."""
        return self._share(lambda chunk, _: measure(self._network, *chunk), chunks)

    def decode(self, streams: Sequence[bytes], depths: Sequence[np.ndarray]) -> list[np.ndarray | CorruptStream]:
        """For each stream its codes, int32 `[K, F]`, or why there are none. As `coding.decode`."""
        known = [self._ahead.pop(_key(*pair), None) for pair in zip(streams, depths, strict=True)]
        new = [index for index, codes in enumerate(known) if codes is None]
        decoded = iter(self._decode([streams[index] for index in new], [depths[index] for index in new]))
        return [next(decoded) if codes is None else codes for codes in known]

    def decode_ahead(self, streams: Sequence[bytes], depths: Sequence[np.ndarray]) -> None:
        """Decode together what `decode` will be asked for by and by, and keep it until then; what was kept before and
        not asked for is forgotten."""
        decoded = self._decode(streams, depths)
        self._ahead = dict(zip(map(_key, streams, depths), decoded, strict=True))

    def _decode(self, streams: Sequence[bytes], depths: Sequence[np.ndarray]) -> list[np.ndarray | CorruptStream]:
        batches = _batches(depths, self._workers, *self._network.side_by_side)
        decoded = self._share(
            lambda batch, stop: decode(
                self._network, [streams[index] for index in batch], [depths[index] for index in batch], stop
            ),
            batches,
        )
        results = {index: codes for batch, part in zip(batches, decoded) for index, codes in zip(batch, part)}
        return [results[index] for index in range(len(streams))]

    def close(self) -> None:
        """Nothing is held between calls; here for the sake of `with`."""

    def __enter__(self) -> LanguageModel:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _share(self, work: Callable[[Item, Event], Result], items: Sequence[Item]) -> list[Result]:
        """`work` on each of `items`, in order; whoever is free takes the next. An error or Ctrl-C ends all soon."""
        with one_thread():
            return each(work, items, self._workers, "language model")


def _key(stream: bytes, depths: np.ndarray) -> tuple[bytes, bytes]:
    return stream, depths.astype("<u2").tobytes()


def _batches(depths: Sequence[np.ndarray], workers: int, fewest: int, most: int) -> list[list[int]]:
    """Indices of streams that are decoded together: similar lengths, and equal shares of work for the workers. Another
    worker gets no less than `fewest`; no batch has more than `most`."""
    workers = max(1, min(workers, len(depths) // fewest))
    order = sorted(range(len(depths)), key=lambda index: (-depths[index].size, -int(depths[index].sum())))
    rounds = -(-len(order) // (most * workers))
    blocks = [order[len(order) * part // rounds : len(order) * (part + 1) // rounds] for part in range(rounds)]
    return [block[worker::workers] for block in blocks for worker in range(workers) if block[worker::workers]]
