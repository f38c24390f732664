"""Codebooks moved by running averages."""

from __future__ import annotations

import pytest
import torch

from nac_cli.models.quantizers.ema import CodebookAverages, ResidualEuclideanQuantizer, k_means
from nac_cli.values import ABSENT

WIDTH, PLANES, SIZE = 8, 3, 16


@pytest.fixture
def quantizer():
    torch.manual_seed(0)
    return ResidualEuclideanQuantizer(WIDTH, PLANES, SIZE)


def latents(count: int = 1200) -> torch.Tensor:
    """`[4, count / 4, WIDTH]`, in clusters."""
    centres = 3 * torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(1))
    return (centres[torch.randint(40, (count,))] + 0.3 * torch.randn(count, WIDTH)).reshape(4, -1, WIDTH)


def lost(quantizer: ResidualEuclideanQuantizer, z: torch.Tensor) -> float:
    return (z - quantizer.decode(quantizer.encode(z)[0])).square().mean().item()


def used(quantizer: ResidualEuclideanQuantizer, z: torch.Tensor) -> list[int]:
    return [len(plane.unique()) for plane in quantizer.encode(z)[0].unbind(1)]


def test_a_code_is_the_nearest_entry(quantizer):
    z = torch.randn(5, 7, WIDTH)
    plane = quantizer.planes[0]
    assert (plane.encode(z) == torch.cdist(z, plane.codebook.expand(5, -1, -1)).argmin(-1)).all()


def test_distortion_is_what_absent_planes_cost(quantizer):
    z = torch.randn(2, 9, WIDTH)
    codes, distortion = quantizer.encode(z)
    whole = quantizer.decode(codes)
    for depth in range(PLANES + 1):
        kept = codes.clone()
        kept[:, depth:] = ABSENT
        missing = (whole - quantizer.decode(kept)).square().sum(-1)
        assert torch.allclose(missing, distortion[:, depth], atol=1e-4)


def test_training_quantises_as_inference_does(quantizer):
    z, depths = torch.randn(2, 9, WIDTH), torch.randint(1, PLANES + 1, (2, 9))
    trained, (codes, _) = quantizer(z, depths), quantizer.encode(z)
    assert (trained.codes == codes).all()
    kept = torch.where(torch.arange(PLANES)[:, None] < depths[:, None], codes, ABSENT)
    assert torch.allclose(trained.z_q, quantizer.decode(kept), atol=1e-5)


def test_gradients_are_straight_through_and_every_plane_asks_for_commitment(quantizer):
    z = torch.randn(2, 9, WIDTH, requires_grad=True)
    depths = torch.full((2, 9), PLANES)
    weight = torch.randn(2, 9, WIDTH)
    (gradient,) = torch.autograd.grad((quantizer(z, depths).z_q * weight).sum(), z)
    assert (gradient == weight).all()
    gradients = [
        torch.autograd.grad(quantizer(z, torch.full((2, 9), depth)).commitment, z)[0] for depth in range(1, PLANES + 1)
    ]
    residual = quantizer(z, depths).residuals
    for number, (before, after) in enumerate(zip(gradients, gradients[1:]), 1):
        entry = quantizer.planes[number].decode(quantizer.planes[number].encode(residual[number]))
        assert torch.allclose(after - before, 2 * (residual[number] - entry) / z.numel(), atol=1e-6)


def test_k_means_finds_clusters():
    torch.manual_seed(0)
    truth = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    centres, sizes = k_means(truth.repeat_interleave(50, 0) + 0.1 * torch.randn(150, 2), 3, 10)
    assert torch.cdist(truth, centres).min(1).values.max() < 0.1
    assert sizes.tolist() == [50, 50, 50]
    few, _ = k_means(torch.randn(5, 2), 16, 3)
    assert few.shape == (16, 2) and few.isfinite().all()


def test_the_first_update_keeps_what_k_means_found(quantizer):
    z = latents()
    averages = CodebookAverages(quantizer)
    before = lost(quantizer, z)
    averages.initialise(z.flatten(0, 1))
    found = lost(quantizer, z)
    depths = torch.full(z.shape[:2], PLANES)
    averages.update(quantizer(z, depths), depths)
    assert found < 0.2 * before
    assert lost(quantizer, z) < 1.1 * found


def test_averages_bring_random_codebooks_to_the_data_and_every_code_into_use(quantizer):
    for plane in quantizer.planes:
        plane.codebook.mul_(10)
    averages = CodebookAverages(quantizer, decay=0.9)
    z = latents()
    before, few, replaced = lost(quantizer, z), used(quantizer, z), 0
    for _ in range(60):
        batch = latents()
        depths = torch.full(batch.shape[:2], PLANES)
        replaced += averages.update(quantizer(batch, depths), depths)
    assert lost(quantizer, z) < 0.2 * before
    assert replaced > 0 and sum(few) < 0.7 * PLANES * SIZE
    assert sum(used(quantizer, z)) > 0.95 * PLANES * SIZE


def test_a_replaced_entry_is_a_vector_of_the_batch(quantizer):
    averages = CodebookAverages(quantizer)
    z = latents()
    averages.initialise(z.flatten(0, 1))
    averages.counts[0, 5] = 0
    depths = torch.ones(z.shape[:2], dtype=torch.int64)
    assert averages.update(quantizer(z, depths), depths) == 1
    distance = (z.flatten(0, 1) - quantizer.planes[0].codebook[5]).norm(dim=1).min()
    assert distance < 1e-3


def test_planes_that_no_frame_uses_stay(quantizer):
    averages = CodebookAverages(quantizer)
    before = quantizer.planes[2].codebook.clone()
    depths = torch.full((4, 300), 2)
    averages.update(quantizer(latents(), depths), depths)
    assert (quantizer.planes[2].codebook == before).all()
    assert not (quantizer.planes[1].codebook == before).all()


def test_training_goes_on_from_a_checkpoint_as_if_uninterrupted(quantizer):
    def step(quantizer: ResidualEuclideanQuantizer, averages: CodebookAverages, seed: int) -> None:
        torch.manual_seed(seed)
        z = latents()
        depths = torch.full(z.shape[:2], PLANES)
        averages.update(quantizer(z, depths), depths)

    averages = CodebookAverages(quantizer)
    step(quantizer, averages, 0)
    model_state = {name: value.clone() for name, value in quantizer.state_dict().items()}
    state = {name: value.clone() for name, value in averages.state_dict().items()}
    assert set(state) == {"counts", "sums"}
    step(quantizer, averages, 1)
    resumed = ResidualEuclideanQuantizer(WIDTH, PLANES, SIZE)
    resumed.load_state_dict(model_state)
    resumed_averages = CodebookAverages(resumed)
    resumed_averages.load_state_dict(state)
    step(resumed, resumed_averages, 1)
    pairs = zip(quantizer.planes, resumed.planes, strict=True)
    assert all((plane.codebook == again.codebook).all() for plane, again in pairs)
