"""Layers of networks over frames `[F, D]` in numpy, for inference on a CPU: those of torch but for rounding.

What numpy would do in many passes is done by compiled kernels where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nac_cli.kernels import load as load_kernels

State = Mapping[str, np.ndarray]
"""A network's parameters in float32, by name."""

EPSILON = 1e-6
ERF = (
    (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04,
     -2.95459980854025e-03, -1.60960333262415e-02),
    (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02),
)  # fmt: skip
"""See `nac_cli.kernels.layers`."""


class Linear:
    """`[..., in] -> [..., out]`."""

    def __init__(self, state: State, name: str) -> None:
        self.weight, self.bias = state[f"{name}.weight"].T, state[f"{name}.bias"]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = x @ self.weight
        y += self.bias
        return y


class LayerNorm:
    """Each frame normalised over its channels (Ba et al., 2016)."""

    def __init__(self, state: State, name: str) -> None:
        self.gain, self.shift = state[f"{name}.weight"], state[f"{name}.bias"]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(axis=-1, keepdims=True)
        x *= 1 / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        x *= self.gain
        x += self.shift
        return x


class ConvNeXtBlock:
    """As `layers.convnext.ConvNeXtBlock`."""

    def __init__(self, state: State, name: str) -> None:
        weight = state[f"{name}.depthwise.weight"]
        self.taps, self.bias = np.ascontiguousarray(weight[:, 0].T), state[f"{name}.depthwise.bias"]
        self.norm = LayerNorm(state, f"{name}.norm")
        self.up, self.down = Linear(state, f"{name}.up"), Linear(state, f"{name}.down")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        update = self._depthwise_norm(x) @ self.up.weight
        update = self.down(_bias_gelu(update, self.up.bias))
        update += x
        return update

    def _depthwise_norm(self, x: np.ndarray) -> np.ndarray:
        kernels = load_kernels("layers")
        if kernels is not None:
            result = np.empty_like(x)
            kernels.depthwise_norm(x, self.taps, self.bias, self.norm.gain, self.norm.shift, result)
            return result
        reach = len(self.taps) // 2
        padded = np.pad(x, ((reach, len(self.taps) - 1 - reach), (0, 0)))
        result = np.repeat(self.bias[None], len(x), axis=0)
        for tap, weights in enumerate(self.taps):
            result += padded[tap : tap + len(x)] * weights
        return self.norm(result)


def blocks(state: State, name: str, count: int) -> list[ConvNeXtBlock]:
    """The blocks `name`.0, `name`.1, ..."""
    return [ConvNeXtBlock(state, f"{name}.{number}") for number in range(count)]


def _bias_gelu(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """GELU of x + bias (Hendrycks and Gimpel, 2016), in place."""
    kernels = load_kernels("layers")
    if kernels is not None:
        kernels.bias_gelu(x, bias)
        return x
    x += bias
    at = np.clip(x * np.float32(np.sqrt(0.5)), -4, 4)
    square = at * at
    over, under = (np.polyval(np.array(part, np.float32), square) for part in ERF)
    over *= at
    over /= under
    over += 1
    over *= x
    over *= np.float32(0.5)
    return over
