"""From codes to frequency tables: a causal transformer over frames, and a depth head over the planes of a frame.

1. The state of frame t starts as the sum of an embedding of each code of frame t - 1 (absent ones have a row of
   their own; a learned row stands before frame 0) and one of the depth of frame t.
2. Each layer adds attention over the last `window` frames, then a feed-forward network, both of the normalised
   state (pre-norm, Xiong et al., 2020).
3. For plane k the state, a row for the plane and embeddings of the codes of planes 0..k-1 of the same frame are
   added up, normalised, and go through two matrices to N_k logits, which give the table.

`Network` sees all codes at once (to compress); `step.StepPass` goes frame by frame (to decompress). Integers that
cannot overflow do not depend on the order of work, so both give the same tables, whatever else is in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nac_cli.entropy.lm.arithmetic import RESIDUAL, Backend, Norm, Shares, frequencies, saturate
from nac_cli.entropy.lm.batch import coded_frames
from nac_cli.entropy.lm.layers import QUERY_BLOCK, Attention, Hidden, Matrix, add, embedding, norm
from nac_cli.entropy.lm.weights import EXPONENTIAL_SIZE, IntegerModel

BLOCK = 128
"""Frames that go through a network or into tables at once: few enough for the cache, many enough for products."""


@dataclass(frozen=True)
class Layer:
    """One layer of the time model."""

    attention_norm: Norm
    attention: Attention
    feed_norm: Norm
    hidden: Hidden
    down: Matrix


@dataclass(frozen=True)
class Tables:
    """Frequency tables of one plane: `frequencies` int64 `[n, N_k]` for the codes at `frames` `[n]`, ascending."""

    plane: int
    frames: np.ndarray
    frequencies: np.ndarray


class Network:
    """An integer model made ready for one backend. Depths and codes given to it are taken to be in range."""

    side_by_side = 4, 64
    """Streams that are decoded together: with fewer products take as long, with more they win little and cost memory
    (2 MB each with the default shape)."""

    def __init__(self, model: IntegerModel, backend: Backend) -> None:
        config = model.config
        self.config, self.backend = config, backend
        self.layers = [_layer(model, f"layers.{index}", backend) for index in range(config.layers)]
        self._inputs = [embedding(model, f"input.{plane}", backend) for plane in range(config.planes)]
        self._start = model["input.start"].astype(backend.wide)
        self._depths = model["input.depth"].astype(backend.wide)
        self.within = [embedding(model, f"within.{plane}", backend) for plane in range(config.planes - 1)]
        self._planes = model["head.plane"].astype(backend.wide)
        self._norms = [norm(model, f"head.norm.{plane}", backend) for plane in range(config.planes)]
        self._hidden = [
            Hidden(model, f"head.hidden.{index}", f"head.activation.{index}", backend)
            for index in range(config.hidden_index(config.planes - 1) + 1)
        ]
        self._logits = [
            Matrix(model, f"head.logits.{plane}", backend, EXPONENTIAL_SIZE) for plane in range(config.planes)
        ]
        self._shares = Shares(model["exponential"], backend)

    def tables(self, codes: np.ndarray, depths: np.ndarray) -> Iterator[Tables]:
        """All tables of a chunk, plane by plane, in blocks of frames.

        `codes` integer `[K, F]`, `ABSENT` where no code occurs; `depths` `[F]`. Chunks of a batch are passed one
        by one: a chunk has frames enough to fill the matrix products.
        """
        end, deepest = coded_frames(depths), int(depths.max(initial=0))
        if not end:
            return
        codes, depths = codes[:, :end], depths[:end]
        states = self.states(codes, depths)
        occurs = self.config.occurs(depths, np.arange(depths.size))
        for plane in range(deepest):
            present = np.flatnonzero(occurs[plane])
            for block in _blocks(present.size):
                frames = present[block]
                yield Tables(plane, frames, self.plane_tables(plane, states[frames]))
            if plane + 1 < deepest:
                states += self.within[plane][codes[plane]]

    def intervals(self, codes: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the interval of each code of a chunk (as in `tables`) starts in its table and how wide it is, integers
        `[K, F]`, both 0 where there is no code."""
        starts, widths = np.zeros(codes.shape, np.int64), np.zeros(codes.shape, np.int64)
        for tables in self.tables(codes, depths):
            at, rows = (tables.plane, tables.frames), np.arange(len(tables.frames))
            widths[at] = tables.frequencies[rows, codes[at]]
            starts[at] = tables.frequencies.cumsum(axis=1)[rows, codes[at]] - widths[at]
        return starts, widths

    def states(self, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Time model over a whole chunk, F >= 1: `[F, D]`."""
        states = np.concatenate([self.first_state(depths[:1]), self.next_state(codes[:, :-1], depths[1:])])
        for layer in self.layers:
            blocks = [states[block] for block in _blocks(len(states))]
            projected = [layer.attention.project(layer.attention_norm(block)) for block in blocks]
            context = self._attend(layer.attention, np.concatenate(projected))
            for block, of in zip(blocks, _blocks(len(states))):
                block[:] = add(block, layer.attention.output(context[of]))
                block[:] = add(block, layer.down(layer.hidden(layer.feed_norm(block))))
        return states

    def first_state(self, depths: np.ndarray) -> np.ndarray:
        """Input of frame 0, `[n, D]`, for its depths `[n]`."""
        return saturate(self._start + self._depths[depths], RESIDUAL)

    def next_state(self, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Input of a later frame, `[n, D]`, from the `codes` `[K, n]` of the frame before and its depths."""
        states = self._depths[depths]
        for table, plane_codes in zip(self._inputs, codes):
            states += table[plane_codes]
        return saturate(states, RESIDUAL)

    def plane_tables(self, plane: int, states: np.ndarray) -> np.ndarray:
        """Frequency tables int64 `[n, N_k]` from `states` `[n, D]` that hold the codes of the planes below."""
        states = saturate(states + self._planes[plane], RESIDUAL)
        hidden = self._hidden[self.config.hidden_index(plane)](self._norms[plane](states))
        return frequencies(self._logits[plane](hidden), self._shares)

    def _attend(self, attention: Attention, projected: np.ndarray) -> np.ndarray:
        """Context sums `[F, D]` of `projected` `[F, 3, H, D / H]`, in blocks of queries with the keys they see."""
        queries, keys, values = (np.ascontiguousarray(part) for part in projected.transpose(1, 2, 0, 3))
        num_frames, window = len(projected), self.config.window
        context = np.empty((num_frames, self.config.width), self.backend.dtype)
        for start in range(0, num_frames, QUERY_BLOCK):
            end = min(start + QUERY_BLOCK, num_frames)
            oldest = max(0, start + 1 - window)
            # in the band, query `start` stands at row 0 and its own key at column W - 1
            columns = slice(window - 1 - (start - oldest), window - 1 + (end - start))
            bias = attention.band[:, : end - start, columns]
            heads = attention.attend(queries[:, start:end], keys[:, oldest:end], values[:, oldest:end], bias)
            context[start:end] = heads.transpose(1, 0, 2).reshape(end - start, -1)
        return context


def _blocks(num_frames: int) -> list[slice]:
    return [slice(first, first + BLOCK) for first in range(0, num_frames, BLOCK)]


def _layer(model: IntegerModel, name: str, backend: Backend) -> Layer:
    return Layer(
        norm(model, f"{name}.attention.norm", backend),
        Attention(model, f"{name}.attention", backend),
        norm(model, f"{name}.feed.norm", backend),
        Hidden(model, f"{name}.feed.up", f"{name}.feed.activation", backend),
        Matrix(model, f"{name}.feed.down", backend),
    )
