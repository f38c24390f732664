"""Finite scalar quantization (Mentzer et al. 2023) in the symmetric form of TAAE (Parker et al. 2024,
sections 3.2 and 3.2.1).

Each dimension of a latent has its own few points, evenly spaced between -1 and 1. No codebook is learned: a
code is the number of a point of the grid. Numbers are made and taken apart in int64: float32 arithmetic named
other points for some codes in early releases of the official code (stable-audio-tools 0.0.17).
"""

from __future__ import annotations

from math import prod

import torch
from torch import nn

from nac_cli.models.quantizers.rvq import ResidualQuantized, distortion_by_depth
from nac_cli.values import ABSENT

NOISE_SHARE = 0.5
"""The share of a batch's items that are quantised by noise instead of rounding (section 3.2)."""


class FiniteScalarQuantizer:
    """The grid with `levels[i]` >= 2 points from -scale to scale, both included, in dimension i.

    Point number: `sum(step[i] * product(levels[:i]))`, the first dimension fastest, as in the official code.
    There is a point at the origin only if all levels are odd. Nothing here is learned.
    """

    def __init__(self, levels: tuple[int, ...], scale: float = 1.0):
        self.levels, self.scale = levels, scale
        self.size = prod(levels)

    def encode(self, y: torch.Tensor) -> torch.Tensor:
        """`[..., D]` within [-scale, scale] -> numbers of the nearest points, int64 `[...]`."""
        return self.join(self.nearest(y))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """int64 `[...]` -> points, float32 `[..., D]`."""
        return self.points(self.split(codes)).float()

    def nearest(self, y: torch.Tensor) -> torch.Tensor:
        """`[..., D]` -> steps from the lowest level, int64 `[..., D]`.

        Computed in float64. Halfway between two levels the even one is taken, as in the official code (the
        paper's equation 1 takes the upper one); outside of the grid, its edge.
        """
        last = self._last(y.device)
        steps = ((y.double() / self.scale + 1) / 2 * last).round()
        return steps.clamp_min(0).minimum(last).long()

    def points(self, steps: torch.Tensor) -> torch.Tensor:
        """The inverse on the grid: int64 `[..., D]` -> float64 `[..., D]`, exactly symmetric about zero."""
        last = self._last(steps.device)
        return (2 * steps - last) * (self.scale / last.double())

    def join(self, steps: torch.Tensor) -> torch.Tensor:
        """Steps int64 `[..., D]` -> point numbers int64 `[...]`."""
        return (steps * self._basis(steps.device)).sum(-1)

    def split(self, codes: torch.Tensor) -> torch.Tensor:
        """The inverse: int64 `[...]` in [0, size) -> int64 `[..., D]`."""
        return codes.unsqueeze(-1) // self._basis(codes.device) % (self._last(codes.device) + 1)

    def vectors(self) -> torch.Tensor:
        """Every point in the order of its number: float32 `[size, D]`."""
        return self.decode(torch.arange(self.size))

    def _last(self, device: torch.device) -> torch.Tensor:
        return torch.tensor(self.levels, device=device) - 1

    def _basis(self, device: torch.device) -> torch.Tensor:
        return torch.tensor([prod(self.levels[:i]) for i in range(len(self.levels))], device=device)


class ResidualFsq(nn.Module):
    """Grids in sequence, each between the points of the one before (section 3.2.1): plane k has
    `levels[k]` points in each of `width` dimensions, and spans one step of plane k - 1.

    A latent z is bounded by tanh first. Where all planes but the first have odd levels, so that what is left
    over may be 0, all of them together name exactly the points of one grid of `prod(levels - 1) + 1` levels
    (`total_levels`), which is why a bottleneck can be divided after training. The paper divides grids of 2^n
    + 1 levels; this is a little more general. Sums of codes that no encoder makes can lie beyond the grid.
    The paper suggests to clip them, the official code doesn't, and nor do we.
    """

    def __init__(self, width: int, levels: tuple[int, ...], training_levels: tuple[int, ...]):
        super().__init__()
        self.training_levels = training_levels
        scales = [1 / prod(level - 1 for level in levels[:k]) for k in range(len(levels))]
        self.planes = [FiniteScalarQuantizer((count,) * width, scale) for count, scale in zip(levels, scales)]
        self.total_levels = prod(count - 1 for count in levels) + 1

    def forward(self, z: torch.Tensor) -> ResidualQuantized:
        """Quantise `z` `[B, F, D]` for training (section 3.2): each item with a level count of its own out of
        `training_levels`, and either rounded, with the gradient passed straight through, or with uniform
        noise one step wide. Nothing is learned here, so both losses are 0; `codes` are those of `encode`.

        The official code (stable-audio-tools) has no random level counts, and leaves some items unquantised
        besides; here we follow the paper.
        """
        with torch.autocast(z.device.type, enabled=False):
            y = torch.tanh(z.float())
            counts = torch.tensor(self.training_levels, device=z.device)
            drawn = counts[torch.randint(len(counts), (len(z), 1, 1), device=z.device)]
            step = 2 / (drawn - 1)
            rounded = ((y + 1) / step).round() * step - 1
            noise = (torch.rand_like(y) - 0.5) * step
            noisy = torch.rand(len(z), 1, 1, device=z.device) < NOISE_SHARE
            z_q = y + torch.where(noisy, noise, rounded - y).detach()
            nothing = z_q.new_zeros(())
            return ResidualQuantized(z_q, self.encode(z.detach())[0], nothing, nothing, nothing)

    def encode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`[B, F, D]` -> codes int64 `[B, K, F]` and `distortion` float32 `[B, K + 1, F]`: the squared
        distance of the first 0..K planes to all of them."""
        residual, codes, planes = torch.tanh(z.double()), [], []
        for grid in self.planes:
            steps = grid.nearest(residual)
            codes.append(grid.join(steps))
            planes.append(grid.points(steps))
            residual = residual - planes[-1]
        return torch.stack(codes, 1), distortion_by_depth(planes).float()

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes `[B, K, F]` with ABSENT where a plane was not sent -> z_q float32 `[B, F, D]`."""
        z_q = torch.zeros((), device=codes.device)
        for grid, plane in zip(self.planes, codes.unbind(1), strict=True):
            z_q = z_q + grid.decode(plane.clamp_min(0)) * (plane != ABSENT).unsqueeze(-1)
        return z_q

    def vectors(self) -> tuple[torch.Tensor, ...]:
        """The vectors that the codes of each plane add to z_q: the points' coordinates, `[N_k, D]`."""
        return tuple(grid.vectors() for grid in self.planes)
