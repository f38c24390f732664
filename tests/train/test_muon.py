"""Muon's updates: orthogonal, of the size of AdamW's, and the same whether matrices go together or alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nac_cli.train.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(1, 48, 144), (3, 144, 48), (2, 64, 64)])
def test_singular_values_come_near_to_one_and_directions_stay(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    result = orthogonalise(matrices.bfloat16()).float()
    values = torch.linalg.svdvals(result)
    assert values[:, :40].min() > 0.7 and values.max() < 1.32
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    along = torch.einsum("nrk,nrc,nkc->nk", u, result, v)
    assert along[:, :40].min() > 0.7  # each singular direction keeps its sign


def _stepped(gradients: list[torch.Tensor], together: bool, steps: int = 2, **options) -> list[torch.Tensor]:
    matrices = [nn.Parameter(torch.ones_like(gradient)) for gradient in gradients]
    optimizers = (
        [Muon(matrices, 0.1, **options)] if together else [Muon([matrix], 0.1, **options) for matrix in matrices]
    )
    for step in range(steps):
        for matrix, gradient in zip(matrices, gradients, strict=True):
            matrix.grad = gradient * (1 + step)
        for optimizer in optimizers:
            optimizer.step()
    return [matrix.detach() for matrix in matrices]


def test_matrices_of_one_shape_are_updated_as_each_alone():
    torch.manual_seed(0)
    gradients = [torch.randn(16, 48), torch.randn(16, 48), torch.randn(48, 16), torch.randn(8, 8)]
    for a, b in zip(_stepped(gradients, True), _stepped(gradients, False), strict=True):
        assert torch.allclose(a, b, atol=2e-3)


def test_an_update_has_the_size_of_adamws_whatever_the_gradients():
    torch.manual_seed(0)
    for scale in (1e-4, 1e4):
        (matrix,) = _stepped([scale * torch.randn(64, 256)], True, steps=1)
        assert (matrix - 1).square().mean().sqrt().item() == pytest.approx(0.1 * 0.2, rel=0.3)


def test_weights_decay_and_matrices_without_gradient_stay():
    matrix, other = nn.Parameter(torch.ones(8, 8)), nn.Parameter(torch.ones(8, 8))
    matrix.grad = torch.zeros(8, 8)
    Muon([matrix, other], 0.1, weight_decay=0.5).step()
    assert torch.allclose(matrix, torch.full((8, 8), 0.95)) and (other == 1).all()
