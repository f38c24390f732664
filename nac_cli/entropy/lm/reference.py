"""The float network that an integer model stands for, in float64: what a trainer trains, and what quantising measures.

Parameters are float arrays by name, as `layout` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from nac_cli.entropy.lm.config import LmConfig
from nac_cli.errors import ModelError

EPSILON = 1e-6
"""Added to the mean square in RMS norms."""

Observer = Callable[[str, np.ndarray], None]


def layout(config: LmConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every float parameter; `weights.layout` tells what they mean.

    A score is q . k / sqrt(D / H) + position[h, age]; the activation is SiLU; attention and head have no other
    nonlinearity. The last row of an embedding stands for an absent code.
    """
    return dict(_shapes(config))


class FloatNetwork:
    """Raises `ModelError` if a parameter is missing, unknown, not finite or of another shape."""

    def __init__(self, config: LmConfig, parameters: Mapping[str, np.ndarray]) -> None:
        shapes = layout(config)
        if set(parameters) != set(shapes):
            example = min(set(parameters) ^ set(shapes))
            raise ModelError(f"language model: float parameter {example!r} is missing or unknown")
        for name, shape in shapes.items():
            if parameters[name].shape != shape or not np.isfinite(parameters[name]).all():
                raise ModelError(f"language model: float parameter {name} must be finite and of shape {shape}")
        self.config = config
        self.parameters = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
        self._inputs = [self._embedding(f"input.{plane}") for plane in range(config.planes)]
        self._within = [self._embedding(f"within.{plane}") for plane in range(config.planes - 1)]

    def logits(
        self, codes: np.ndarray, depths: np.ndarray, observe: Observer | None = None
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Plane, frames `[n]` and logits `[n, N_k]` (nats), plane by plane, of a chunk as in `Network.tables`.

        `observe` is called with the name and value of every tensor that the integer model quantises.
        """
        observe = observe or (lambda name, values: None)
        config, parameters = self.config, self.parameters
        states = self._states(codes, depths, observe)
        occurs = config.occurs(depths, np.arange(depths.size))
        for plane in range(config.planes):
            frames = np.flatnonzero(occurs[plane])
            if frames.size:
                state = states[frames] + parameters["head.plane"][plane]
                observe("residual", state)
                normal = _rms_norm(state, parameters[f"head.norm.{plane}"])
                observe(f"head.norm.{plane}", normal)
                index = config.hidden_index(plane)
                hidden = self._activate(f"head.hidden.{index}", f"head.activation.{index}", normal, observe)
                yield plane, frames, self._linear(f"head.logits.{plane}", hidden)
            if plane + 1 < config.planes:
                states = states + self._within[plane][codes[plane]]

    def cost_bits(self, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """The cost of each code in bits, float64 `[K, F]`, 0 where there is none."""
        costs = np.zeros(codes.shape)
        for plane, frames, logits in self.logits(codes, depths):
            logits = logits - logits.max(axis=1, keepdims=True)
            chosen = logits[np.arange(frames.size), codes[plane, frames]]
            costs[plane, frames] = (np.log(np.exp(logits).sum(axis=1)) - chosen) / np.log(2)
        return costs

    def _embedding(self, name: str) -> np.ndarray:
        """Table `[N_k + 1, D]`."""
        table = self.parameters[name]
        return self._linear(f"{name}.projection", table) if self.config.embedding_rank else table

    def _states(self, codes: np.ndarray, depths: np.ndarray, observe: Observer) -> np.ndarray:
        parameters = self.parameters
        states = parameters["input.depth"][depths]
        states[:1] += parameters["input.start"]
        for plane in range(self.config.planes):
            states[1:] += self._inputs[plane][codes[plane, :-1]]
        observe("residual", states)
        for layer in range(self.config.layers):
            name = f"layers.{layer}.attention"
            normal = _rms_norm(states, parameters[f"{name}.norm"])
            observe(f"{name}.norm", normal)
            context = self._attend(name, self._linear(f"{name}.qkv", normal), observe)
            states = states + self._linear(f"{name}.out", context)
            observe("residual", states)
            name = f"layers.{layer}.feed"
            normal = _rms_norm(states, parameters[f"{name}.norm"])
            observe(f"{name}.norm", normal)
            hidden = self._activate(f"{name}.up", f"{name}.activation", normal, observe)
            states = states + self._linear(f"{name}.down", hidden)
            observe("residual", states)
        return states

    def _attend(self, name: str, projected: np.ndarray, observe: Observer) -> np.ndarray:
        num_frames, heads = len(projected), self.config.heads
        queries, keys, values = projected.reshape(num_frames, 3, heads, -1).transpose(1, 2, 0, 3)
        for part, tensor in (("queries", queries), ("keys", keys), ("values", values)):
            observe(f"{name}.{part}", tensor)
        ages = np.arange(num_frames)[:, None] - np.arange(num_frames)
        seen = (ages >= 0) & (ages < self.config.window)
        scores = queries @ keys.swapaxes(1, 2) / np.sqrt(self.config.key_width)
        scores += self.parameters[f"{name}.position"][:, np.where(seen, ages, 0)]
        scores = np.where(seen, scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ values).transpose(1, 0, 2).reshape(num_frames, -1)
        observe(f"{name}.context", context)
        return context

    def _activate(self, matrix: str, name: str, normal: np.ndarray, observe: Observer) -> np.ndarray:
        inputs = self._linear(matrix, normal)
        observe(matrix, inputs)
        outputs = silu(inputs)
        observe(name, outputs)
        return outputs

    def _linear(self, name: str, inputs: np.ndarray) -> np.ndarray:
        return inputs @ self.parameters[f"{name}.weight"].T + self.parameters[f"{name}.bias"]


def silu(values: np.ndarray) -> np.ndarray:
    """x * sigmoid(x) (Elfwing et al., 2018)."""
    return values / (1 + np.exp(-np.clip(values, -700, 700)))


def _rms_norm(states: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return states / np.sqrt((states * states).mean(axis=-1, keepdims=True) + EPSILON) * gain


def _shapes(config: LmConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, planes = config.width, config.planes
    for plane, size in enumerate(config.codebook_sizes):
        for name in config.embeddings(plane):
            yield name, (size + 1, config.embedding_rank or width)
            if config.embedding_rank:
                yield from _linear_shapes(f"{name}.projection", width, config.embedding_rank)
        yield f"head.norm.{plane}", (width,)
        yield from _linear_shapes(f"head.logits.{plane}", size, config.head_width)
    for index in config.hidden_groups:
        yield from _linear_shapes(f"head.hidden.{index}", config.head_width, width)
    yield "input.start", (width,)
    yield "input.depth", (planes + 1, width)
    yield "head.plane", (planes, width)
    for layer in range(config.layers):
        name = f"layers.{layer}.attention"
        yield f"{name}.norm", (width,)
        yield from _linear_shapes(f"{name}.qkv", 3 * width, width)
        yield f"{name}.position", (config.heads, config.window)
        yield from _linear_shapes(f"{name}.out", width, width)
        name = f"layers.{layer}.feed"
        yield f"{name}.norm", (width,)
        yield from _linear_shapes(f"{name}.up", config.feed_width, width)
        yield from _linear_shapes(f"{name}.down", width, config.feed_width)


def _linear_shapes(name: str, rows: int, columns: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (rows, columns)
    yield f"{name}.bias", (rows,)
