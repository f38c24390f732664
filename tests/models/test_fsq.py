"""Finite scalar quantization: numbers and points of grids, residual grids, training."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.models.quantizers.fsq import FiniteScalarQuantizer, ResidualFsq
from nac_cli.values import ABSENT

MIXED = st.lists(st.integers(2, 40), min_size=1, max_size=8).map(tuple)


def latents(*shape: int, seed: int = 0) -> torch.Tensor:
    return 1.5 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def assert_numbers_its_points(grid: FiniteScalarQuantizer, codes: torch.Tensor) -> None:
    steps = grid.split(codes)
    assert steps.dtype == torch.int64
    assert (steps >= 0).all() and (steps < torch.tensor(grid.levels)).all()
    assert torch.equal(grid.join(steps), codes)
    assert torch.equal(grid.encode(grid.decode(codes)), codes)


@pytest.mark.parametrize("width", range(3, 19))
def test_every_code_of_every_even_grid_up_to_2_18_codes_is_its_own_point(width):
    for count in range(2, 65):
        if count**width <= 2**18:
            grid = FiniteScalarQuantizer((count,) * width)
            assert grid.size == count**width
            assert_numbers_its_points(grid, torch.arange(grid.size))


@given(levels=MIXED, seed=st.integers(0, 2**20))
@settings(max_examples=100, deadline=None)
def test_codes_of_grids_of_any_shape_are_their_own_points(levels, seed):
    grid = FiniteScalarQuantizer(levels, 0.25)
    some = torch.randint(grid.size, (200,), generator=torch.Generator().manual_seed(seed))
    assert_numbers_its_points(grid, torch.cat([some, torch.tensor([0, grid.size - 1])]))


def test_numbers_beyond_float32_are_exact():
    grid = FiniteScalarQuantizer((17,) * 15)
    assert 2**61 < grid.size < 2**62
    generator = torch.Generator().manual_seed(1)
    assert_numbers_its_points(grid, torch.randint(grid.size, (1000,), generator=generator))


def test_the_first_dimension_counts_fastest():
    grid = FiniteScalarQuantizer((2, 3))
    expected = [[-1, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [1, 1]]
    assert grid.vectors().tolist() == expected


@pytest.mark.parametrize(
    "count, points", [(2, [-1, 1]), (3, [-1, 0, 1]), (4, [-1, -1 / 3, 1 / 3, 1]), (5, [-1, -0.5, 0, 0.5, 1])]
)
def test_points_are_even_and_symmetric(count, points):
    vectors = FiniteScalarQuantizer((count,)).vectors()[:, 0]
    assert torch.allclose(vectors, torch.tensor(points).float())
    assert torch.equal(vectors, -vectors.flip(0))


@given(levels=st.lists(st.integers(2, 9), min_size=1, max_size=3).map(tuple), seed=st.integers(0, 2**20))
@settings(max_examples=50, deadline=None)
def test_the_code_is_that_of_the_nearest_point(levels, seed):
    grid = FiniteScalarQuantizer(levels, 0.5)
    y = latents(50, len(levels), seed=seed)  # beyond the grid too
    distances = torch.cdist(y.double(), grid.vectors().double())
    chosen = distances.gather(1, grid.encode(y)[:, None])[:, 0]
    assert torch.allclose(chosen, distances.min(1).values, rtol=0, atol=1e-7)


@pytest.mark.parametrize("levels", [(3, 3), (3, 3, 3, 3), (5, 5), (9, 3), (3, 9), (17,), (6, 5), (2, 3, 5)])
def test_grids_in_sequence_are_one_fine_grid(levels):
    """TAAE, section 3.2.1: Minkowski sums of halved sets are the finer sets, for any number of planes."""
    quantizer = ResidualFsq(2, levels, (5,))
    assert quantizer.total_levels == prod(count - 1 for count in levels) + 1
    z = latents(3, 40, 2)
    codes, distortion = quantizer.encode(z)
    whole = FiniteScalarQuantizer((quantizer.total_levels,) * 2)
    at_once = whole.decode(whole.encode(torch.tanh(z.double())))
    assert torch.allclose(quantizer.decode(codes), at_once, rtol=0, atol=1e-6)
    assert codes.shape == (3, len(levels), 40) and distortion.shape == (3, len(levels) + 1, 40)
    assert (distortion[:, -1] == 0).all()


def test_fewer_planes_are_coarser_and_the_distortion_says_how_much():
    quantizer = ResidualFsq(6, (3, 3, 3), (5,))
    z = latents(2, 50, 6)
    codes, distortion = quantizer.encode(z)
    full = quantizer.decode(codes)
    for depth in range(4):
        kept = codes.clone()
        kept[:, depth:] = ABSENT
        z_q = quantizer.decode(kept)
        assert torch.allclose((full - z_q).square().sum(-1), distortion[:, depth], atol=1e-6)
        assert (z_q - torch.tanh(z)).abs().max() <= 1 / 2**depth + 1e-6
    summed = sum(vectors[codes[:, k]] for k, vectors in enumerate(quantizer.vectors()))
    assert torch.allclose(summed, full, atol=1e-6)


def test_training_rounds_or_adds_noise_within_half_a_step():
    quantizer = ResidualFsq(6, (5, 5), (9,))
    z = latents(400, 20, 6)
    torch.manual_seed(0)
    quantized = quantizer(z)
    error = quantized.z_q - torch.tanh(z)
    assert error.abs().max() <= 1 / 8 + 1e-6
    on_grid = ((quantized.z_q + 1) * 4 - ((quantized.z_q + 1) * 4).round()).abs().amax((1, 2)) < 1e-5
    assert 0.4 < on_grid.float().mean() < 0.6
    noise = error[~on_grid]
    assert abs(noise.mean()) < 0.002 and abs(noise.std() - (1 / 8) / 3**0.5) < 0.002
    assert torch.equal(quantized.codes, quantizer.encode(z)[0])
    assert quantized.commitment == 0 and quantized.codebook == 0


def test_training_draws_level_counts_evenly_and_item_by_item():
    quantizer = ResidualFsq(3, (5,), (17, 9, 5))
    torch.manual_seed(0)
    error = (quantizer(latents(900, 200, 3)).z_q - torch.tanh(latents(900, 200, 3))).abs().amax((1, 2))
    bounds = ((0, 1 / 16), (1 / 16, 1 / 8), (1 / 8, 1 / 4))
    counts = [int(((error > low) & (error <= high)).sum()) for low, high in bounds]
    assert sum(counts) == 900 and min(counts) > 240


def test_the_gradient_is_that_of_tanh():
    quantizer = ResidualFsq(3, (5,), (17, 9, 5))
    z = latents(8, 5, 3).requires_grad_()
    quantizer(z).z_q.sum().backward()
    assert torch.allclose(z.grad, 1 - torch.tanh(z).square(), atol=1e-6)
