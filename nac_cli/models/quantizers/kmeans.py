"""Initial codebooks from data, so that every plane starts useful and every code starts used."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional

from nac_cli.models.layers.weight_norm import set_weight
from nac_cli.models.quantizers.multi_scale import MultiScaleQuantizer, means, repeated
from nac_cli.models.quantizers.rvq import ResidualVectorQuantizer
from nac_cli.models.quantizers.vq import VectorQuantizer

Factorised = ResidualVectorQuantizer | MultiScaleQuantizer


@torch.no_grad()
def initialise(quantizer: Factorised, z: torch.Tensor, iterations: int = 10) -> None:
    """Set each plane's projections and codebook from latents `z` `[B, F, D]` (or `[M, D]` if all strides are 1), plane
    by plane on what is left over.

    The projection takes the residual's strongest principal directions, the codebook its spherical k-means centres
    there. The first plane also takes the mean away.
    """
    for plane, points in cascade(quantizer, z):
        _initialise_plane(plane, points, iterations)


def cascade(quantizer: Factorised, z: torch.Tensor) -> Iterator[tuple[VectorQuantizer, torch.Tensor]]:
    """Each plane with the points `[M, D]` that it has to code, given what the planes before it do, when it is their
    turn, with latents `z` as `initialise` has them."""
    residual = z.float()
    strides = quantizer.strides if isinstance(quantizer, MultiScaleQuantizer) else [1] * len(quantizer.planes)
    for plane, stride in zip(quantizer.planes, strides, strict=True):
        points = means(residual, stride)
        yield plane, points.flatten(0, -2)
        residual = residual - repeated(plane.decode(plane.encode(points)), stride)


def _initialise_plane(plane: VectorQuantizer, residual: torch.Tensor, iterations: int) -> None:
    mean = residual.mean(0)
    centred = residual - mean
    covariance = centred.T @ centred / len(centred)
    basis = torch.linalg.eigh(covariance).eigenvectors[:, -plane.codebook.shape[1] :]
    set_weight(plane.project_in, basis.T)
    plane.project_in.bias.copy_(-basis.T @ mean)
    set_weight(plane.project_out, basis)
    plane.project_out.bias.copy_(mean)
    plane.codebook.copy_(_spherical_means(centred @ basis, len(plane.codebook), iterations))


def _spherical_means(points: torch.Tensor, count: int, iterations: int) -> torch.Tensor:
    """Centres `[count, d]` of `points` `[M, d]`, clustered by direction; a centre is the mean of its points."""
    centres = points[torch.randperm(len(points))[:count]].clone()
    if len(centres) < count:
        centres = centres[torch.arange(count) % len(centres)] * (1 + 1e-3 * torch.randn(count, 1, device=points.device))
    for _ in range(iterations):
        nearest = (points @ functional.normalize(centres, dim=-1).T).argmax(-1)
        sizes = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        centres = torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp_min(1), centres)
        empty = (sizes == 0).nonzero()[:, 0]
        centres[empty] = points[torch.randint(len(points), (len(empty),))]
    return centres
