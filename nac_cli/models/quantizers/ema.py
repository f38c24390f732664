"""Euclidean vector quantizers in sequence, their codebooks moved by running averages (EnCodec, section 3.2).

Where paper and official code (encodec 0.1.1) differ, we follow the paper:

- An entry that is hardly used any more is replaced by a vector of the current batch. The official code
  replaces it, and in the same step overwrites it with the old running average.
- The commitment loss has a gradient for the residual of every plane. In the official code that of all planes
  but the first cancels out, as residuals are taken of straight-through values.

The paper is silent on these, and we differ from the official code on purpose:

- Codebooks start from k-means centres (the paper says so of its SoundStream only), and the running averages
  from the same clusters. The official code starts the running sums as if each cluster had one member, so that
  the first update throws the centres away.
- An entry is replaced when it has less than 3 % of even use. The official threshold is 2 vectors a batch,
  which for the paper's batches (64 s, 4,800 frames, 1,024 entries) is 43 % of even use. In the official code
  that has no effect; where replacement works, it would never let a rare but useful entry be.
- The commitment loss is the mean over dimensions, as in the official code (the paper has the sum), summed
  over planes, as in the paper (the official code has the mean).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.typed import LayerList
from nac_cli.models.quantizers.rvq import ResidualQuantized, ResidualStack
from nac_cli.models.quantizers.vq import PlaneQuantizer

SMOOTHING = 1e-5
"""A constant added to the count of each entry, so that one without members has a mean."""


class EuclideanQuantizer(PlaneQuantizer):
    """The nearest entry of `codebook` `[N, D]`, a buffer: gradients do not move it, `CodebookAverages`
    does."""

    def __init__(self, width: int, codebook_size: int):
        super().__init__()
        self.register_buffer("codebook", torch.randn(codebook_size, width))

    def encode(self, z: torch.Tensor) -> torch.Tensor:
        """`[..., D]` -> codes `[...]`."""
        # |z|^2 changes the rounding of near ties only: with it, codes equal those of the official code
        distance = z.square().sum(-1, keepdim=True) - 2 * z @ self.codebook.T + self.codebook.square().sum(-1)
        return distance.argmin(-1)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes `[...]` -> `[..., D]`."""
        return functional.embedding(codes, self.codebook)


@dataclass
class EuclideanQuantized(ResidualQuantized):
    """As its parent, `codebook` and `latent` being 0; and `residuals[k]` `[B, F, D]`: what plane k had to code."""

    residuals: list[torch.Tensor]


class ResidualEuclideanQuantizer(ResidualStack[EuclideanQuantizer]):
    """`num_codebooks` Euclidean quantizers in sequence."""

    def __init__(self, width: int, num_codebooks: int, codebook_size: int):
        super().__init__()
        self.planes = LayerList(EuclideanQuantizer(width, codebook_size) for _ in range(num_codebooks))

    def forward(self, z: torch.Tensor, depths: torch.Tensor) -> EuclideanQuantized:
        """Quantise `z` `[B, F, D]` for training, frame f of item b with its first `depths[b, f]` planes.

        The paper takes one depth for the whole batch, that of a bitrate drawn anew each step. The gradient of
        `z_q` passes to `z` as it is (straight-through).
        """
        with torch.autocast(z.device.type, enabled=False):
            z = residual = z.float()
            z_q, commitment = torch.zeros_like(z), z.new_zeros(())
            codes, residuals = [], []
            for plane, quantizer in enumerate(self.planes):
                used = (depths > plane).to(z.dtype)
                residuals.append(residual.detach())
                codes.append(quantizer.encode(residuals[-1]))
                entry = quantizer.decode(codes[-1])
                commitment = commitment + ((residual - entry).square().mean(-1) * used).mean()
                z_q = z_q + entry * used.unsqueeze(-1)
                residual = residual - entry
        z_q = z + (z_q - z).detach()
        nothing = z.new_zeros(())
        return EuclideanQuantized(z_q, torch.stack(codes, 1), commitment, nothing, nothing, residuals)


class CodebookAverages(nn.Module):
    """The optimizer of a residual stack's codebooks: how many vectors each entry stood for, and their sum, as
    exponential moving averages over batches. An entry is the mean that follows from both.

    Not part of the model, but of a checkpoint of its training (`state_dict`). `summed` adds a tensor up over
    the processes of a parallel run; the codebooks have to be shared after an update, as replacements are
    drawn.
    """

    counts: torch.Tensor
    sums: torch.Tensor

    def __init__(
        self,
        quantizer: ResidualEuclideanQuantizer,
        decay: float = 0.99,
        replace_below: float = 0.03,
        summed: Callable[[torch.Tensor], torch.Tensor] = torch.clone,
    ):
        super().__init__()
        self.decay, self.replace_below, self.summed = decay, replace_below, summed
        self._planes = list(quantizer.planes)  # a list, lest the codebooks become a part of this one's state
        codebooks = torch.stack([plane.codebook for plane in self._planes])
        self.register_buffer("counts", torch.ones_like(codebooks[..., 0]))
        self.register_buffer("sums", codebooks.clone())

    @torch.no_grad()
    def initialise(self, z: torch.Tensor, iterations: int = 50) -> None:
        """Codebooks and averages from latents `z` `[M, D]`: k-means, plane by plane on what is left over."""
        residual = z.float()
        for plane, counts, sums in zip(self._planes, self.counts, self.sums, strict=True):
            centres, sizes = k_means(residual, len(plane.codebook), iterations)
            plane.codebook.copy_(centres)
            counts.copy_(sizes)
            sums.copy_(centres * sizes.unsqueeze(-1))
            residual = residual - plane.decode(plane.encode(residual))

    @torch.no_grad()
    def update(self, quantized: EuclideanQuantized, depths: torch.Tensor) -> int:
        """Move the codebooks after a batch, with the `depths` `[B, F]` it was quantised at. How many were
        replaced."""
        replaced = 0
        for number, (plane, residual) in enumerate(zip(self._planes, quantized.residuals, strict=True)):
            used = depths > number
            points, codes = residual[used], quantized.codes[:, number][used]
            if len(points):
                replaced += self._update_plane(number, plane, points, codes)
        return replaced

    def _update_plane(self, number: int, plane: EuclideanQuantizer, points: torch.Tensor, codes: torch.Tensor) -> int:
        counts, sums = self.counts[number], self.sums[number]
        counts.lerp_(self.summed(torch.bincount(codes, minlength=len(counts)).to(counts)), 1 - self.decay)
        sums.lerp_(self.summed(torch.zeros_like(sums).index_add_(0, codes, points)), 1 - self.decay)
        even = counts.mean()
        dead = (counts < self.replace_below * even).nonzero()[:, 0]
        if len(dead):
            counts[dead] = even
            sums[dead] = even * points[torch.randint(len(points), (len(dead),), device=points.device)]
        share = (counts + SMOOTHING) / (counts.sum() + len(counts) * SMOOTHING)
        plane.codebook.copy_(sums / (share * counts.sum()).unsqueeze(-1))
        return len(dead)


def k_means(points: torch.Tensor, count: int, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres `[count, D]` of `points` `[M, D]` and the number of points of each; one without any takes a
    random point."""
    order = torch.randperm(len(points), device=points.device)
    centres = points[order[torch.arange(count, device=points.device) % len(points)]].clone()
    sizes = torch.zeros_like(centres[:, 0])
    for _ in range(iterations):
        nearest = (centres.square().sum(-1) - 2 * points @ centres.T).argmin(-1)
        sizes = torch.bincount(nearest, minlength=count).to(points)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        empty = (sizes == 0).nonzero()[:, 0]
        centres = sums / sizes.clamp_min(1).unsqueeze(-1)
        centres[empty] = points[torch.randint(len(points), (len(empty),), device=points.device)]
    return centres, sizes.clamp_min(1)
