"""What the kernels of the language model fill while they work, in the order that they take it."""

from __future__ import annotations

import numpy as np

from nac_cli.kernels.parts import (
    BLOCK,
    HEADS,
    LARGEST_TABLE,
    LAYERS,
    PADDED,
    PLANES,
    TILE_ROWS,
    WIDEST_ACTIVATION,
    WIDEST_SUM,
    WIDTH,
    WINDOW,
)

Arrays = tuple[np.ndarray, ...]


def for_measuring(shape: np.ndarray, frames: int) -> Arrays:
    """Those of `lm.measure` for a chunk of so many frames."""
    width, slots = shape[WIDTH], _padded(frames)
    return (
        np.empty((frames, width), np.int64),  # states
        *_rows(shape, BLOCK),
        np.empty((frames, width), np.int16),  # queries
        *(np.zeros(size, np.int8) for size in _ring_sizes(shape, slots)),
        np.empty((BLOCK, width), np.int64),  # block
        np.empty(BLOCK, np.int64),  # present
        *_attention(shape, slots),
    )


def for_decoding(shape: np.ndarray, batch: int, frames: int) -> Arrays:
    """Those of `lm.decode` for so many streams of up to so many frames: the keys and values of past frames, in the
    rings of each layer and stream, and what a call may forget."""
    width, slots = shape[WIDTH], _padded(min(shape[WINDOW], frames))
    rings = shape[LAYERS] * batch
    return (
        *(np.zeros(rings * size, np.int8) for size in _ring_sizes(shape, slots)),
        *np.empty((2, batch, width), np.int64),  # states, chosen
        *_rows(shape, batch),
        np.empty((shape[PLANES], batch), np.int32),  # before
        *np.empty((2, batch), np.int64),  # rows, own
        *_attention(shape, slots),
    )


def _rows(shape: np.ndarray, count: int) -> Arrays:
    """inputs, sums, projected."""
    return (
        np.empty((count, shape[WIDEST_ACTIVATION]), np.int16),
        np.empty((count, shape[WIDEST_SUM]), np.int32),
        np.empty((count, 3 * shape[WIDTH]), np.int16),
    )


def _attention(shape: np.ndarray, slots: int) -> Arrays:
    """query, halves, shares, context, key_sums, scores for `attend`, and a table."""
    return (
        np.empty((1, _key_columns(shape)), np.int16),
        np.zeros((2, slots), np.int16),
        np.empty(slots, np.int32),
        np.empty((2, shape[WIDTH] + TILE_ROWS), np.int32),
        np.empty((1, slots + TILE_ROWS), np.int32),
        np.empty(slots + shape[LARGEST_TABLE], np.int64),
        np.empty(shape[LARGEST_TABLE], np.int32),
    )


def _ring_sizes(shape: np.ndarray, slots: int) -> tuple[int, int]:
    """Entries of the keys and of the values of one layer and stream; a tile reads some rows behind them, which count
    for nothing."""
    return (shape[HEADS] * slots + TILE_ROWS) * _key_columns(shape), (shape[WIDTH] + TILE_ROWS) * slots


def _key_columns(shape: np.ndarray) -> int:
    return _padded(shape[WIDTH] // shape[HEADS])


def _padded(count: int) -> int:
    return -(-int(count) // PADDED) * PADDED
