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

from nac_cli.entropy.lm.arithmetic import RESIDUAL, Backend, exponentials, frequencies, saturate
from nac_cli.entropy.lm.layers import HIDDEN, Activation, Attention, FeedForward, Matrix, Norm, add, embedding
from nac_cli.entropy.lm.weights import IntegerModel

QUERY_BLOCK = 64
"""Frames whose attention is computed at once: small enough for the cache, large enough for matrix products."""
TABLE_BLOCK = 128
"""Frames whose tables are made at once, for the same reason."""


@dataclass(frozen=True)
class Layer:
    """One layer of the time model."""

    attention_norm: Norm
    attention: Attention
    feed_norm: Norm
    feed: FeedForward


@dataclass(frozen=True)
class Tables:
    """Frequency tables of one plane: `frequencies` int64 `[n, N_k]` for the codes at `frames` `[n]`, ascending."""

    plane: int
    frames: np.ndarray
    frequencies: np.ndarray


class Network:
    """An integer model made ready for one backend. Depths and codes given to it are taken to be in range."""

    def __init__(self, model: IntegerModel, backend: Backend) -> None:
        config = model.config
        self.config, self.backend = config, backend
        self.layers = [_layer(model, f"layers.{index}", backend) for index in range(config.layers)]
        self._inputs = [embedding(model, f"input.{plane}", backend) for plane in range(config.planes)]
        self._start = model["input.start"].astype(np.int64)
        self._depths = model["input.depth"].astype(np.int64)
        self.within = [embedding(model, f"within.{plane}", backend) for plane in range(config.planes - 1)]
        self._planes = model["head.plane"].astype(np.int64)
        self._norms = [Norm(model, f"head.norm.{plane}", backend) for plane in range(config.planes)]
        self._heads = [_head(model, plane, backend) for plane in range(config.planes)]
        self._exponential = exponentials(model["exponential"], backend)

    def tables(self, codes: np.ndarray, depths: np.ndarray) -> Iterator[Tables]:
        """All tables of a chunk, plane by plane, in blocks of frames.

        `codes` integer `[K, F]`, `ABSENT` where no code occurs; `depths` `[F]`. Chunks of a batch are passed one
        by one: a chunk has frames enough to fill the matrix products.
        """
        deepest = int(depths.max(initial=0))
        if not deepest:
            return
        states = self.states(codes, depths)
        occurs = self.config.occurs(depths, np.arange(depths.size))
        for plane in range(deepest):
            present = np.flatnonzero(occurs[plane])
            for first in range(0, present.size, TABLE_BLOCK):
                frames = present[first : first + TABLE_BLOCK]
                yield Tables(plane, frames, self.plane_tables(plane, states[frames]))
            if plane + 1 < deepest:
                states += self.within[plane][codes[plane]]

    def states(self, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Time model over a whole chunk, F >= 1: int64 `[F, D]`."""
        states = np.concatenate([self.first_state(depths[:1]), self.next_state(codes[:, :-1], depths[1:])])
        for layer in self.layers:
            projected = layer.attention.project(layer.attention_norm(states))
            states = add(states, layer.attention.output(self._attend(layer.attention, projected)))
            states = add(states, layer.feed(layer.feed_norm(states)))
        return states

    def first_state(self, depths: np.ndarray) -> np.ndarray:
        """Input of frame 0, int64 `[n, D]`, for its depths `[n]`."""
        return saturate(self._start + self._depths[depths], RESIDUAL)

    def next_state(self, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Input of a later frame, int64 `[n, D]`, from the `codes` `[K, n]` of the frame before and its depths."""
        states = self._depths[depths]
        for table, plane_codes in zip(self._inputs, codes):
            states += table[plane_codes]
        return saturate(states, RESIDUAL)

    def plane_tables(self, plane: int, states: np.ndarray) -> np.ndarray:
        """Frequency tables int64 `[n, N_k]` from `states` `[n, D]` that hold the codes of the planes below."""
        states = saturate(states + self._planes[plane], RESIDUAL)
        logits = self._heads[plane](self._norms[plane](states))
        return frequencies(logits, self._exponential, self.backend)

    def _attend(self, attention: Attention, projected: np.ndarray) -> np.ndarray:
        """Context sums `[F, D]` of `projected` `[F, 3, H, D / H]`, in blocks of queries with the keys they see."""
        queries, keys, values = (np.ascontiguousarray(part) for part in projected.transpose(1, 2, 0, 3))
        num_frames, window = len(projected), self.config.window
        band = _band(attention.position, min(QUERY_BLOCK, num_frames), min(window, num_frames))
        context = np.empty((num_frames, self.config.width), np.int64)
        for start in range(0, num_frames, QUERY_BLOCK):
            end = min(start + QUERY_BLOCK, num_frames)
            oldest = max(0, start + 1 - window)
            # in the band, query `start` stands at row 0 and its own key at column reach - 1
            reach = min(window, num_frames)
            columns = slice(reach - 1 - (start - oldest), reach - 1 + (end - start))
            bias = band[:, : end - start, columns]
            heads = attention.attend(queries[:, start:end], keys[:, oldest:end], values[:, oldest:end], bias)
            context[start:end] = heads.transpose(1, 0, 2).reshape(end - start, -1)
        return context


def _band(position: np.ndarray, queries: int, reach: int) -> np.ndarray:
    """Biases `[H, queries, reach - 1 + queries]` of keys from `reach - 1` frames before the first query on."""
    distances = np.arange(queries)[:, None] - (np.arange(reach - 1 + queries) - (reach - 1))
    seen = (distances >= 0) & (distances < position.shape[1])
    return np.where(seen, position[:, np.where(seen, distances, 0)], HIDDEN)


def _layer(model: IntegerModel, name: str, backend: Backend) -> Layer:
    feed = FeedForward(
        Matrix(model, f"{name}.feed.up", backend),
        Activation(model, f"{name}.feed.activation", backend),
        Matrix(model, f"{name}.feed.down", backend),
    )
    return Layer(
        Norm(model, f"{name}.attention.norm", backend),
        Attention(model, f"{name}.attention", backend),
        Norm(model, f"{name}.feed.norm", backend),
        feed,
    )


def _head(model: IntegerModel, plane: int, backend: Backend) -> FeedForward:
    index = model.config.hidden_index(plane)
    return FeedForward(
        Matrix(model, f"head.hidden.{index}", backend),
        Activation(model, f"head.activation.{index}", backend),
        Matrix(model, f"head.logits.{plane}", backend),
    )
