"""The parts of the integer network, each made ready for one backend: matrix, activation, embedding, attention.

States are `[n, D]` (the residual stream) in the backend's wide dtype; activations are integers in -127..127 in its
dtype.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nac_cli.entropy.lm.arithmetic import RESIDUAL, Backend, Norm, Rescale, Shares, activations, saturate, whole
from nac_cli.entropy.lm.config import INT8
from nac_cli.entropy.lm.weights import ACTIVATION_SIZE, EXPONENTIAL_SIZE, IntegerModel

QUERY_BLOCK = 32
"""Frames whose attention is computed at once: small enough for the cache, large enough for matrix products."""
HIDDEN = -(1 << 58)
"""A score this low is further below the largest (at least -2^55) than the table of exponentials reaches."""


class Matrix:
    """int8 activations `[..., in]` to rescaled sums `[..., out]`, not saturated, below 2^61."""

    def __init__(self, model: IntegerModel, name: str, backend: Backend, added: int = 0) -> None:
        self._backend = backend
        # the inputs' axis first and contiguous: a few per cent faster for few rows
        self._weight = np.ascontiguousarray(model[f"{name}.weight"].T, dtype=backend.dtype)
        largest = np.abs(model[f"{name}.weight"]).sum(axis=1, dtype=np.int64) * INT8
        self.rescale = _rescale(model, name, model[f"{name}.bias"], largest, backend, added)

    def __call__(self, inputs: np.ndarray, addend: np.ndarray | None = None) -> np.ndarray:
        return self.rescale(self._backend.product(inputs, self._weight), addend)


class Hidden:
    """Matrix and table, activations `[n, in]` to activations `[n, out]`.

    The table has 1024 int8 entries, for inputs -512..511; others saturate.
    """

    def __init__(self, model: IntegerModel, matrix: str, table: str, backend: Backend) -> None:
        self._matrix = Matrix(model, matrix, backend, ACTIVATION_SIZE // 2)
        self._centre = self._matrix.rescale.addend(ACTIVATION_SIZE // 2)
        self._table = model[table].astype(backend.dtype)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        # truncation is a floor here, since all that is negative takes the first entry
        entries = self._matrix(inputs, self._centre).astype(np.intp, copy=False)
        return self._table.take(entries, mode="clip")


class Attention:
    """Attention of queries over earlier frames. A layout of heads first leaves products to matrix routines."""

    def __init__(self, model: IntegerModel, name: str, backend: Backend) -> None:
        config = model.config
        self._backend, self._heads, self._total = backend, config.heads, config.attention_total
        self._qkv, self._out = Matrix(model, f"{name}.qkv", backend), Matrix(model, f"{name}.out", backend)
        self._position = model[f"{name}.position"].astype(np.int64)
        largest = np.array(config.key_width * INT8 * INT8)
        added = EXPONENTIAL_SIZE + int(np.abs(self._position).max())
        self._score = _rescale(model, f"{name}.score", 0, largest, backend, added, (-1, 1, 1))
        largest = np.array(config.attention_total * INT8)
        self._context = _rescale(model, f"{name}.context", 0, largest, backend)
        self._shares = Shares(model["exponential"], backend)

    def project(self, inputs: np.ndarray) -> np.ndarray:
        """Queries, keys and values, `[n, 3, H, D / H]` activations, of activations `[n, D]`."""
        projected = activations(self._qkv(inputs), self._backend.dtype)
        return projected.reshape(len(projected), 3, self._heads, -1)

    def ring_bias(self, slots: int) -> np.ndarray:
        """Biases `[H, 1, 2 slots]` of keys in a ring: in frame f those of slots 0, 1, ... begin at -f mod slots."""
        return self._score.addend(self._position[:, None, -np.arange(2 * slots) % slots])

    @cached_property
    def band(self) -> np.ndarray:
        """Biases `[H, Q, W - 1 + Q]` of a block of queries: those of keys from W - 1 frames before the first on."""
        window = self._position.shape[1]
        ages = np.arange(QUERY_BLOCK)[:, None] - (np.arange(window - 1 + QUERY_BLOCK) - (window - 1))
        seen = (ages >= 0) & (ages < window)
        return self._score.addend(np.where(seen, self._position[:, np.where(seen, ages, 0)], HIDDEN))

    def attend(self, queries: np.ndarray, keys: np.ndarray, values: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Context sums `[..., H, Q, D / H]` of `queries` `[..., H, Q, D / H]` over n keys.

        `keys`, `values` `[..., H, n, D / H]`; `bias` `[..., H, Q, n]`, a part of `ring_bias` or `band`, is added
        to the scores, and says which keys a query does not see.
        """
        scores = self._score(self._backend.product(queries, keys.swapaxes(-1, -2)), bias)
        weights = self._shares.parts(self._shares.entries(scores), self._total, self._backend.dtype)
        return self._backend.product(weights, values)

    def output(self, context: np.ndarray) -> np.ndarray:
        """Residual update `[n, D]` of context sums `[n, D]`."""
        return self._out(activations(self._context(context), self._backend.dtype))


def norm(model: IntegerModel, name: str, backend: Backend) -> Norm:
    return Norm(model[f"{name}.gain"], int(model[f"{name}.shift"][0]), backend)


def add(states: np.ndarray, update: np.ndarray) -> np.ndarray:
    """The residual stream plus the floor of an update, both saturated; changes `update`."""
    update = whole(saturate(update, RESIDUAL)).astype(states.dtype, copy=False)
    update += states
    return saturate(update, RESIDUAL)


def embedding(model: IntegerModel, name: str, backend: Backend) -> np.ndarray:
    """Table int32 `[N_k + 1, D]` in residual units: row -1, which is the last, stands for `ABSENT`."""
    entries = model[name].astype(backend.dtype)
    if model.config.embedding_rank:
        table = Matrix(model, f"{name}.projection", backend)(entries)
    else:
        table = _rescale(model, name, 0, np.array(INT8), backend)(entries)
    return whole(saturate(table, RESIDUAL)).astype(np.int32)


def _rescale(
    model: IntegerModel,
    name: str,
    bias: np.ndarray | int,
    largest: np.ndarray,
    backend: Backend,
    added: int = 0,
    shape: tuple[int, ...] = (-1,),
) -> Rescale:
    """The one called `name`, whose multipliers broadcast in `shape`."""
    multiplier, shift = model[f"{name}.multiplier"].reshape(shape), int(model[f"{name}.shift"][0])
    return Rescale(multiplier, bias, shift, largest, backend, added)
