"""A float network and calibration tokens to an integer model.

Every tensor gets a step (what 1 stands for) from what it held in the float network on the calibration tokens:
activations one step each, weights one for each output channel. A requantisation from one step to another is the
ratio of the steps as multiplier / 2^shift. See `weights.layout` for what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nac_cli.entropy.lm.arithmetic import NORMAL_BITS
from nac_cli.entropy.lm.config import INT8, WEIGHT, LmConfig
from nac_cli.entropy.lm.reference import FloatNetwork, silu
from nac_cli.entropy.lm.self_test import seal
from nac_cli.entropy.lm.weights import ACTIVATION_SIZE, EXPONENTIAL_SIZE, HASH_BYTES, TEST_FRAMES, IntegerModel
from nac_cli.errors import ModelError
from nac_cli.values import ABSENT

STEPS_PER_NAT = 64
EXPONENTIAL_BITS = 20
RESIDUAL_PEAK = 1 << 20
"""The largest state of the calibration comes to lie at most here, 16 times below saturation."""
MULTIPLIER_BITS = 30
MAX_SHIFT = 62
PERCENTILE = 99.99
SMALLEST = 1e-12
ACTIVATION_INPUTS = np.arange(-ACTIVATION_SIZE // 2, ACTIVATION_SIZE // 2)
"""What the entries of an activation's table stand for, in steps of its inputs."""


class Ranges:
    """Observes a float network: the magnitude that all but a few of a tensor's values stay below."""

    def __init__(self, percentile: float) -> None:
        self._percentile = percentile
        self._peaks: dict[str, list[float]] = {}

    def observe(self, name: str, values: np.ndarray) -> None:
        share = 100.0 if name == "residual" else self._percentile
        self._peaks.setdefault(name, []).append(float(np.percentile(np.abs(values), share)) if values.size else 0.0)

    def peak(self, name: str) -> float:
        """The largest over all calibration chunks; 1 for a tensor that never occurred."""
        return max(max(self._peaks.get(name, [1.0])), SMALLEST)


def quantise(
    parameters: Mapping[str, np.ndarray],
    config: LmConfig,
    calibration: Sequence[tuple[np.ndarray, np.ndarray]],
    percentile: float = PERCENTILE,
) -> IntegerModel:
    """The integer model of float `parameters` (see `reference.layout`), with its known-answer test.

    `calibration`: chunks as pairs of codes `[K, F]` and depths `[F]`, some thousand frames of all kinds and
    depths. Values beyond the `percentile` of a chunk's activations saturate. Raises `ModelError`.
    """
    network, ranges = FloatNetwork(config, parameters), Ranges(percentile)
    if not calibration:
        raise ModelError("quantising a language model needs calibration tokens")
    for codes, depths in calibration:
        for _ in network.logits(codes, depths, ranges.observe):
            pass
    return seal(IntegerModel(config, _Quantiser(network, ranges).tensors()))


class _Quantiser:
    """Fills in the tensors of `weights.layout` one part after the other."""

    def __init__(self, network: FloatNetwork, ranges: Ranges) -> None:
        self._config, self._parameters, self._ranges = network.config, network.parameters, ranges
        # a power of two, so that residual units are the same number in every tensor
        self._unit = 2.0 ** -np.floor(np.log2(RESIDUAL_PEAK / ranges.peak("residual")))
        self._tensors: dict[str, np.ndarray] = {}

    def tensors(self) -> dict[str, np.ndarray]:
        config = self._config
        for plane in range(config.planes):
            for name in config.embeddings(plane):
                self._embedding(name)
        for name in ("input.start", "input.depth", "head.plane"):
            self._tensors[name] = _int32(self._parameters[name] / self._unit, 1 << 24)
        for layer in range(config.layers):
            self._attention(f"layers.{layer}.attention")
            self._feed(f"layers.{layer}.feed")
        self._head()
        falling = np.exp(-np.arange(EXPONENTIAL_SIZE) / STEPS_PER_NAT)
        self._tensors["exponential"] = _int32(falling * (1 << EXPONENTIAL_BITS), 1 << EXPONENTIAL_BITS)
        self._tensors["test.codes"] = np.full((config.planes, TEST_FRAMES), ABSENT, np.int32)
        self._tensors["test.depths"] = np.zeros(TEST_FRAMES, np.int32)
        self._tensors["test.sha256"] = np.zeros(HASH_BYTES, np.uint8)
        return self._tensors

    def _embedding(self, name: str) -> None:
        table = self._parameters[name]
        step = max(np.abs(table).max(), SMALLEST) / INT8
        self._tensors[name] = _int8(table / step)
        if self._config.embedding_rank:
            self._matrix(f"{name}.projection", step, self._unit)
        else:
            self._scale(name, np.array([step / self._unit]))

    def _attention(self, name: str) -> None:
        config, peak = self._config, self._ranges.peak
        steps = {part: peak(f"{name}.{part}") / INT8 for part in ("queries", "keys", "values")}
        context = peak(f"{name}.context") / INT8
        score = steps["queries"] * steps["keys"] / np.sqrt(config.key_width) * STEPS_PER_NAT
        self._matrix(f"{name}.qkv", self._norm(f"{name}.norm"), np.repeat(list(steps.values()), config.width))
        self._scale(f"{name}.score", np.full(config.heads, score))
        self._scale(f"{name}.context", np.full(config.width, steps["values"] / context / config.attention_total))
        self._tensors[f"{name}.position"] = _int32(self._parameters[f"{name}.position"] * STEPS_PER_NAT, 1 << 20)
        self._matrix(f"{name}.out", context, self._unit)

    def _feed(self, name: str) -> None:
        self._matrix(f"{name}.up", self._norm(f"{name}.norm"), self._input_step(f"{name}.up"))
        self._matrix(f"{name}.down", self._activation(f"{name}.activation", f"{name}.up"), self._unit)

    def _head(self) -> None:
        for index, members in self._config.hidden_groups.items():
            peak = max(self._ranges.peak(f"head.norm.{plane}") for plane in members)
            for plane in members:
                self._norm(f"head.norm.{plane}", peak)
            self._matrix(f"head.hidden.{index}", peak / INT8, self._input_step(f"head.hidden.{index}"))
            step = self._activation(f"head.activation.{index}", f"head.hidden.{index}")
            for plane in members:
                self._matrix(f"head.logits.{plane}", step, 1 / STEPS_PER_NAT)

    def _norm(self, name: str, peak: float | None = None) -> float:
        """Write a norm; the step of its output."""
        step = (peak or self._ranges.peak(name)) / INT8
        ratio = self._parameters[name] * np.sqrt(self._config.width) / step / 2.0**NORMAL_BITS
        self._tensors[f"{name}.gain"], shift = fixed_point(ratio)
        self._tensors[f"{name}.shift"] = np.array([shift], np.int32)
        return step

    def _input_step(self, matrix: str) -> float:
        """Step of what goes into an activation's table."""
        return self._ranges.peak(matrix) / int(ACTIVATION_INPUTS[-1])

    def _activation(self, name: str, matrix: str) -> float:
        """Write an activation's table; the step of its output."""
        step = self._ranges.peak(name) / INT8
        self._tensors[name] = _int8(silu(ACTIVATION_INPUTS * self._input_step(matrix)) / step)
        return step

    def _matrix(self, name: str, step_in: float, step_out: float | np.ndarray) -> None:
        weight, bias = self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"]
        # a row of small weights and a large bias takes coarser weights, so that the bias fits
        steps = np.maximum(np.abs(weight).max(axis=1) / WEIGHT, np.abs(bias) / step_in / (1 << 29))
        steps = np.maximum(steps, SMALLEST)
        self._tensors[f"{name}.weight"] = np.rint(weight / steps[:, None]).astype(np.int8)
        self._tensors[f"{name}.bias"] = _int32(bias / (step_in * steps), 1 << 30)
        self._scale(name, step_in * steps / step_out)

    def _scale(self, name: str, ratios: np.ndarray) -> None:
        self._tensors[f"{name}.multiplier"], shift = fixed_point(ratios)
        self._tensors[f"{name}.shift"] = np.array([shift], np.int32)


def fixed_point(ratios: np.ndarray) -> tuple[np.ndarray, int]:
    """Multipliers int32 and one shift with ratios ~ multipliers / 2^shift, as finely as both allow."""
    largest = max(float(np.abs(ratios).max()), 2.0**-MAX_SHIFT)
    shift = int(np.clip(MULTIPLIER_BITS - np.ceil(np.log2(largest)), 1, MAX_SHIFT))
    return _int32(ratios * 2.0**shift, (1 << 31) - 1), shift


def _int8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), -INT8, INT8).astype(np.int8)


def _int32(values: np.ndarray, bound: int) -> np.ndarray:
    return np.clip(np.rint(values), -bound, bound).astype(np.int32)
