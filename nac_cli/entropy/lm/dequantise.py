"""An integer model back to a float network: the inverse of `quantise`, but for rounding.

An integer model keeps ratios of steps and not the steps, so those of the residual stream, of what norms give and of an
attention's parts are chosen anew. The network computes the same with any of them.
"""

from __future__ import annotations

import numpy as np

from nac_cli.entropy.lm.arithmetic import NORMAL_BITS
from nac_cli.entropy.lm.config import INT8
from nac_cli.entropy.lm.quantise import ACTIVATION_INPUTS, SMALLEST, STEPS_PER_NAT
from nac_cli.entropy.lm.reference import silu
from nac_cli.entropy.lm.weights import IntegerModel

PEAKS = np.geomspace(0.01, 10_000, 1_000)
"""Largest inputs of an activation that are tried to find the one that its table was made for."""


def dequantise(model: IntegerModel) -> dict[str, np.ndarray]:
    """Float64 parameters, as `reference.layout` lists them, of the network that `model` stands for."""
    return _Dequantiser(model).parameters()


class _Dequantiser:
    """Takes the tensors of `weights.layout` apart in the order in which `quantise` made them."""

    def __init__(self, model: IntegerModel) -> None:
        self._config, self._model = model.config, model
        # so that the row before the first frame is as large as training begins with
        self._unit = model.config.planes**-0.5 / max(_size(model["input.start"]), 1.0)
        self._parameters: dict[str, np.ndarray] = {}

    def parameters(self) -> dict[str, np.ndarray]:
        config = self._config
        for plane in range(config.planes):
            for name in config.embeddings(plane):
                self._embedding(name)
        for name in ("input.start", "input.depth", "head.plane"):
            self._parameters[name] = self._model[name] * self._unit
        for layer in range(config.layers):
            self._attention(f"layers.{layer}.attention")
            self._feed(f"layers.{layer}.feed")
        self._head()
        return self._parameters

    def _embedding(self, name: str) -> None:
        table = self._model[name].astype(float)
        if self._config.embedding_rank:
            step = 1 / max(_size(table), 1.0)  # rows of about unit power
            self._parameters[name] = table * step
            self._matrix(f"{name}.projection", step, self._unit)
        else:
            self._parameters[name] = table * self._ratios(name) * self._unit

    def _attention(self, name: str) -> None:
        config = self._config
        score, mean = (max(float(self._ratios(f"{name}.{part}")[0]), SMALLEST) for part in ("score", "context"))
        step = np.sqrt(score * np.sqrt(config.key_width) / STEPS_PER_NAT)  # of queries, keys and values alike
        self._matrix(f"{name}.qkv", self._norms([f"{name}.norm"]), step)
        self._parameters[f"{name}.position"] = self._model[f"{name}.position"] / STEPS_PER_NAT
        self._matrix(f"{name}.out", step / (mean * config.attention_total), self._unit)

    def _feed(self, name: str) -> None:
        inputs, outputs = activation_steps(self._model[f"{name}.activation"])
        self._matrix(f"{name}.up", self._norms([f"{name}.norm"]), inputs)
        self._matrix(f"{name}.down", outputs, self._unit)

    def _head(self) -> None:
        for index, members in self._config.hidden_groups.items():
            inputs, outputs = activation_steps(self._model[f"head.activation.{index}"])
            self._matrix(f"head.hidden.{index}", self._norms([f"head.norm.{plane}" for plane in members]), inputs)
            for plane in members:
                self._matrix(f"head.logits.{plane}", outputs, 1 / STEPS_PER_NAT)

    def _norms(self, names: list[str]) -> float:
        """Gains of norms that feed one matrix, about 1 in the mean; the step of what they give."""
        ratios = [self._ratios(name, "gain") * 2.0**NORMAL_BITS / np.sqrt(self._config.width) for name in names]
        step = 1 / max(float(np.mean(np.abs(ratios))), SMALLEST)
        self._parameters.update({name: ratio * step for name, ratio in zip(names, ratios, strict=True)})
        return step

    def _matrix(self, name: str, step_in: float, step_out: float) -> None:
        steps = self._ratios(name) * step_out / step_in
        self._parameters[f"{name}.weight"] = self._model[f"{name}.weight"] * steps[:, None]
        self._parameters[f"{name}.bias"] = self._model[f"{name}.bias"] * step_in * steps

    def _ratios(self, name: str, numerator: str = "multiplier") -> np.ndarray:
        return self._model[f"{name}.{numerator}"] * 2.0 ** -int(self._model[f"{name}.shift"][0])


def _size(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.square(values, dtype=float).mean()))


def activation_steps(table: np.ndarray) -> tuple[float, float]:
    """The steps of the inputs and of the outputs that an activation's table was made for, by least squares."""
    largest, inside = int(ACTIVATION_INPUTS[-1]), np.abs(table) < INT8

    def fit(peak: float) -> tuple[float, float, float]:
        outputs = silu(ACTIVATION_INPUTS * (peak / largest))[inside]
        scale = float(outputs @ table[inside]) / max(float(outputs @ outputs), 1e-300)
        return float(np.square(outputs * scale - table[inside]).sum()), peak, scale

    _, peak, _ = min(map(fit, PEAKS))
    _, peak, scale = min(map(fit, peak * np.geomspace(PEAKS[0] / PEAKS[1], PEAKS[1] / PEAKS[0], 101)))
    return peak / largest, 1 / max(scale, SMALLEST)
