"""The float network that becomes the integer model, in torch: parameters and formulas of `entropy.lm.reference`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nac_cli.entropy.lm import LmConfig
from nac_cli.entropy.lm.reference import EPSILON, layout

HIDDEN = -1e9


class LmNetwork(nn.Module):
    """A causal transformer over frames and a depth head over the planes of a frame (see `entropy.lm.network`).

    The parameters have the names of `reference.layout`; a dot in a name is a slash within the `ParameterDict`.
    """

    def __init__(self, config: LmConfig):
        super().__init__()
        self.config = config
        self.tensors = nn.ParameterDict(
            {
                name.replace(".", "/"): nn.Parameter(_initial(name, shape, config))
                for name, shape in layout(config).items()
            }
        )

    def __getitem__(self, name: str) -> nn.Parameter:
        return self.tensors[name.replace(".", "/")]

    def forward(self, codes: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
        """The cost of each code in nats, float32 `[B, K, L]`, 0 where there is none.

        `codes` int64 `[B, K, L]`, ABSENT where no code occurs; `depths` int64 `[B, L]`.
        """
        batch, planes, length = codes.shape
        states = self._states(codes, depths).flatten(0, 1)
        flat = codes.transpose(0, 1).flatten(1)
        costs = torch.zeros(planes, batch * length, device=codes.device)
        for plane in range(planes):
            rows = (flat[plane] >= 0).nonzero()[:, 0]
            if len(rows):
                logits = self._logits(plane, states[rows])
                costs[plane, rows] = functional.cross_entropy(logits.float(), flat[plane, rows], reduction="none")
            if plane + 1 < planes:
                states = states + functional.embedding(
                    _row(flat[plane], self._table(f"within.{plane}")), self._table(f"within.{plane}")
                )
        return costs.view(planes, batch, length).transpose(0, 1)

    def matrices(self) -> Iterator[nn.Parameter]:
        """The hidden layers' matrices; embeddings, vectors and the output layers are not among them."""
        hidden = ("layers.", "head.hidden.")
        for name in layout(self.config):
            if name.startswith(hidden) and name.endswith(".weight"):
                yield self[name]

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters as `entropy.lm.quantise` takes them."""
        return {name: self[name].detach().double().cpu().numpy() for name in layout(self.config)}

    @torch.no_grad()
    def begin_with(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take parameters over from a network of the same shape, as `arrays` gives them."""
        for name in layout(self.config):
            self[name].copy_(torch.from_numpy(arrays[name]))

    def _states(self, codes: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
        """Time model, `[B, L, D]`."""
        states = functional.embedding(depths, self["input.depth"])
        before = codes[..., :-1]
        past = torch.zeros((), device=codes.device)
        for plane in range(self.config.planes):
            table = self._table(f"input.{plane}")
            past = past + functional.embedding(_row(before[:, plane], table), table)
        start = self["input.start"].expand(len(codes), 1, -1)
        states = states + torch.cat([start, past], 1)
        for layer in range(self.config.layers):
            name = f"layers.{layer}.attention"
            states = states + self._attend(name, self._normal(f"{name}.norm", states))
            name = f"layers.{layer}.feed"
            hidden = functional.silu(self._linear(f"{name}.up", self._normal(f"{name}.norm", states)))
            states = states + self._linear(f"{name}.down", hidden)
        return states

    def _attend(self, name: str, normal: torch.Tensor) -> torch.Tensor:
        batch, length, width = normal.shape
        heads = self.config.heads
        queries, keys, values = (
            self._linear(f"{name}.qkv", normal).view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        )
        scores = queries @ keys.transpose(-1, -2) / math.sqrt(width // heads)
        weights = (scores + self._biases(name, length).to(scores.dtype)).softmax(-1)
        context = (weights.to(values.dtype) @ values).transpose(1, 2).reshape(batch, length, width)
        return self._linear(f"{name}.out", context)

    def _biases(self, name: str, length: int) -> torch.Tensor:
        """The bias of the score of key j at query i, `[H, L, L]`: position[i - j], HIDDEN outside the window."""
        position = self[f"{name}.position"][:, :length]
        line = functional.pad(position.flip(-1), (length - position.shape[1], length - 1), value=HIDDEN)
        return line.unfold(-1, length, 1).flip(1)

    def _logits(self, plane: int, states: torch.Tensor) -> torch.Tensor:
        normal = self._normal(f"head.norm.{plane}", states + self["head.plane"][plane])
        hidden = functional.silu(self._linear(f"head.hidden.{self.config.hidden_index(plane)}", normal))
        return self._linear(f"head.logits.{plane}", hidden)

    def _table(self, name: str) -> torch.Tensor:
        return self._linear(f"{name}.projection", self[name]) if self.config.embedding_rank else self[name]

    def _normal(self, name: str, states: torch.Tensor) -> torch.Tensor:
        states = states.float()
        return states * (states.square().mean(-1, keepdim=True) + EPSILON).rsqrt() * self[name]

    def _linear(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        return functional.linear(inputs, self[f"{name}.weight"], self[f"{name}.bias"])


def _row(codes: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Indices into an embedding: its last row stands for ABSENT."""
    return torch.where(codes < 0, len(table) - 1, codes)


def _initial(name: str, shape: tuple[int, ...], config: LmConfig) -> torch.Tensor:
    """Start values: updates of the residual stream and logits begin at 0, attention prefers what is near."""
    if name.endswith(".norm") or name.startswith("head.norm."):
        return torch.ones(shape)
    if name.endswith(".position"):
        slopes = 2.0 ** -torch.arange(1, 1 + config.heads, dtype=torch.float32) * 2
        return -slopes[:, None] * torch.arange(config.window) / 8
    if name.endswith(".bias") or name.endswith((".out.weight", ".down.weight")) or name.startswith("head.logits."):
        return torch.zeros(shape)
    if name.endswith(".projection.weight"):
        return torch.randn(shape) / math.sqrt(shape[1] * config.planes)
    if name.startswith(("input.", "within.")) and name.split(".")[1].isdigit():
        return torch.randn(shape) * (1 if config.embedding_rank else 1 / math.sqrt(config.planes))
    if name.endswith(".weight"):
        return torch.randn(shape) / math.sqrt(shape[1])
    return torch.randn(shape) / math.sqrt(config.planes)
