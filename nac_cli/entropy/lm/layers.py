"""The parts of the integer network, each made ready for one backend: matrix, norm, activation, embedding, scores.

States are int64 `[n, D]` (the residual stream); activations are integers in -127..127 in the backend's dtype.
"""

from __future__ import annotations

import numpy as np

from nac_cli.entropy.lm.arithmetic import RESIDUAL, Backend, exponentials, requantise, rms_norm, saturate, shares
from nac_cli.entropy.lm.config import INT8
from nac_cli.entropy.lm.weights import ACTIVATION_SIZE, IntegerModel


class Matrix:
    """int8 activations `[..., in]` to int64 `[..., out]`: requantised sums, not saturated, below 2^61."""

    def __init__(self, model: IntegerModel, name: str, backend: Backend) -> None:
        self._backend = backend
        # the inputs' axis first and contiguous: a few per cent faster for few rows
        self._weight = np.ascontiguousarray(model[f"{name}.weight"].T, dtype=backend.dtype)
        self._multiplier = model[f"{name}.multiplier"].astype(np.int64)
        self._shift = int(model[f"{name}.shift"][0])
        # (sum + bias) * m + 2^(s - 1), with what does not depend on the sum multiplied out
        self._offset = model[f"{name}.bias"] * self._multiplier + (1 << (self._shift - 1))

    def __call__(self, activations: np.ndarray) -> np.ndarray:
        sums = self._backend.product(activations, self._weight)
        sums *= self._multiplier
        sums += self._offset
        sums >>= self._shift
        return sums


class Scale:
    """int64 sums to int8 activations or scores, by one multiplier per channel or head."""

    def __init__(self, model: IntegerModel, name: str) -> None:
        self._multiplier = model[f"{name}.multiplier"].astype(np.int64)
        self._shift = int(model[f"{name}.shift"][0])

    def __call__(self, sums: np.ndarray, trailing: int = 0) -> np.ndarray:
        """The multipliers apply to the last axis before `trailing` more."""
        return requantise(sums, self._multiplier.reshape(-1, *(1,) * trailing), self._shift)


class Norm:
    """States to activations, see `arithmetic.rms_norm`."""

    def __init__(self, model: IntegerModel, name: str, backend: Backend) -> None:
        self._dtype = backend.dtype
        self._gain = model[f"{name}.gain"].astype(np.int64)
        self._shift = int(model[f"{name}.shift"][0])

    def __call__(self, states: np.ndarray) -> np.ndarray:
        return rms_norm(states, self._gain, self._shift).astype(self._dtype)


class Activation:
    """A table of 1024 int8 entries for int64 inputs -512..511; others saturate."""

    def __init__(self, model: IntegerModel, name: str, backend: Backend) -> None:
        self._table = model[name].astype(backend.dtype)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        values += ACTIVATION_SIZE // 2
        return self._table.take(values, mode="clip")


class FeedForward:
    """Matrix, table, matrix: activations `[n, D]` to int64 `[n, out]`."""

    def __init__(self, up: Matrix, activation: Activation, down: Matrix) -> None:
        self._up, self._activation, self._down = up, activation, down

    def __call__(self, activations: np.ndarray) -> np.ndarray:
        return self._down(self._activation(self._up(activations)))


class Attention:
    """What a query takes from its keys. A layout of heads first leaves products to matrix routines."""

    def __init__(self, model: IntegerModel, name: str, backend: Backend) -> None:
        self._backend, self._heads, self._total = backend, model.config.heads, model.config.attention_total
        self._qkv, self._out = Matrix(model, f"{name}.qkv", backend), Matrix(model, f"{name}.out", backend)
        self._score, self._context = Scale(model, f"{name}.score"), Scale(model, f"{name}.context")
        self._exponential = exponentials(model["exponential"], backend)
        self.position = model[f"{name}.position"].astype(np.int64)

    def project(self, activations: np.ndarray) -> np.ndarray:
        """Queries, keys and values, `[n, 3, H, D / H]` activations, of activations `[n, D]`."""
        projected = saturate(self._qkv(activations), INT8).astype(self._backend.dtype)
        return projected.reshape(len(projected), 3, self._heads, -1)

    def attend(self, queries: np.ndarray, keys: np.ndarray, values: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Context `[..., H, Q, D / H]` (int64 sums) of `queries` `[..., H, Q, D / H]` over n keys.

        `keys`, `values` `[..., H, n, D / H]`; `bias` int64 `[..., H, Q, n]` is added to the scores, and says
        with `HIDDEN` which keys a query does not see.
        """
        scores = self._score(self._backend.product(queries, keys.swapaxes(-1, -2)), trailing=2)
        scores += bias
        weights = shares(scores, self._exponential, self._total, self._backend)
        return self._backend.product(weights.astype(self._backend.dtype), values)

    def output(self, context: np.ndarray) -> np.ndarray:
        """Residual update int64 `[n, D]` of context sums `[n, D]`."""
        return self._out(saturate(self._context(context), INT8).astype(self._backend.dtype))


HIDDEN = -(1 << 58)
"""A score this low is further below the largest (at least -2^55) than the table of exponentials reaches."""


def add(states: np.ndarray, update: np.ndarray) -> np.ndarray:
    """The residual stream plus an update, both saturated; changes `update`."""
    saturate(update, RESIDUAL)
    update += states
    return saturate(update, RESIDUAL)


def embedding(model: IntegerModel, name: str, backend: Backend) -> np.ndarray:
    """Table int32 `[N_k + 1, D]` in residual units: row -1, which is the last, stands for `ABSENT`."""
    if model.config.embedding_rank:
        table = Matrix(model, f"{name}.projection", backend)(model[name].astype(backend.dtype))
    else:
        table = Scale(model, name)(model[name].astype(np.int64))
    return saturate(table, RESIDUAL).astype(np.int32)
