"""Muon (Jordan 2024): the momentum of a matrix, orthogonalised, is its update. Matrices of one shape go together."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from nac_cli.train.precision import has_fast_bfloat16

COEFFICIENTS = ((8.0172, -22.941, 16.6113), (3.6416, -2.7255, 0.537), (2.6686, -1.9831, 0.4533))
"""Odd polynomials of degree 5 that bring singular values near to 1, one after another: each has the least largest error
over the interval that the one before leaves (Amsel et al. 2025, "The Polar Express", section 3). They start from 0.01
to 1.01 and end within 0.73 and 1.28, as five steps of the usual one do; what is below 0.01 stays smaller."""
LIKE_ADAM = 0.2
"""Root mean square of an update at rate 1, as AdamW's are (Liu et al. 2025, "Muon is scalable", section 2.2)."""


class Muon(torch.optim.Optimizer):
    """For matrices only. Nesterov momentum, decoupled weight decay."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[torch.Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike.setdefault(tuple(matrix.shape), []).append(matrix)
            for matrices in alike.values():
                self._update(matrices, group)

    def _update(self, matrices: list[torch.Tensor], group: dict) -> None:
        """One step of `matrices` of the same shape, which have gradients."""
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        momenta = [self._momentum(matrix) for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        form = torch.bfloat16 if has_fast_bfloat16(ahead[0].device) else torch.float32
        updates = orthogonalise(torch.stack([update.to(form) for update in ahead])).float().unbind(0)
        torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(matrices, updates, alpha=-group["lr"] * LIKE_ADAM * max(matrices[0].shape) ** 0.5)

    def _momentum(self, matrix: torch.Tensor) -> torch.Tensor:
        state = self.state[matrix]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        return state["momentum_buffer"]


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """`[N, R, C]` -> the same form, about U V^T of each matrix U S V^T; small singular values stay smaller."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) * 1.01 + 1e-7)
    for a, b, c in COEFFICIENTS:
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
