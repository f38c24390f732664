"""Residual vector quantizer: each plane codes what the planes before it left over (EnCodec, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import nn

from nac_cli.models.layers.typed import LayerList
from nac_cli.models.quantizers.vq import PlaneQuantizer, VectorQuantizer
from nac_cli.values import ABSENT

Plane = TypeVar("Plane", bound=PlaneQuantizer)


@dataclass
class ResidualQuantized:
    """`z_q` `[B, F, D]`; `codes` `[B, K, F]`; `commitment` and `codebook`: mean losses over the planes in use;
    `latent`: the squared distance of `z_q` to z as a share of the variance of z, for the planes alone to learn from."""

    z_q: torch.Tensor
    codes: torch.Tensor
    commitment: torch.Tensor
    codebook: torch.Tensor
    latent: torch.Tensor


class ResidualStack(nn.Module, Generic[Plane]):
    """Quantizers in sequence, `planes`, whatever their kind. A frame may stop at any depth: its prefix of planes is a
    coarser version of the whole, which is what rate control relies on."""

    planes: LayerList[Plane]

    def encode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`[B, F, D]` -> codes `[B, K, F]` and `distortion` `[B, K + 1, F]`: the squared distance of the first 0..K
        planes to all of them.

        Not to z: later planes go on improving the sound where they no longer come nearer to z, since the decoder
        is trained on sums of planes alone.
        """
        residual, codes, planes = z, [], []
        for quantizer in self.planes:
            codes.append(quantizer.encode(residual))
            planes.append(quantizer.decode(codes[-1]))
            residual = residual - planes[-1]
        return torch.stack(codes, 1), distortion_by_depth(planes)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes `[B, K, F]` with ABSENT where a plane was not sent -> `z_q` `[B, F, D]`."""
        z_q = torch.zeros((), device=codes.device)
        for quantizer, plane in zip(self.planes, codes.unbind(1), strict=True):
            present = (plane != ABSENT).unsqueeze(-1)
            z_q = z_q + quantizer.decode(plane.clamp_min(0)) * present
        return z_q

    def vectors(self) -> tuple[torch.Tensor, ...]:
        """The vectors that the codes of each plane add to `z_q`: `[N, D]`."""
        codebooks = [(quantizer, quantizer.codebook) for quantizer in self.planes]
        return tuple(quantizer.decode(torch.arange(len(book), device=book.device)) for quantizer, book in codebooks)


class ResidualVectorQuantizer(ResidualStack[VectorQuantizer]):
    """`num_codebooks` factorised quantizers in sequence."""

    def __init__(self, width: int, num_codebooks: int, codebook_size: int, codebook_dim: int):
        super().__init__()
        self.planes = LayerList(VectorQuantizer(width, codebook_size, codebook_dim) for _ in range(num_codebooks))

    def forward(self, z: torch.Tensor, depths: torch.Tensor) -> ResidualQuantized:
        """Quantise `z` `[B, F, D]` for training, frame f of item b with its first `depths[b, f]` planes.

        Random depths are the quantizer dropout of Improved RVQGAN, section 3.3; they vary over time as well, since
        rate control changes the depth within a stream.
        """
        with torch.autocast(z.device.type, enabled=False):
            z = residual = z.float()
            z_q = torch.zeros_like(z)
            codes, entries, commitment, codebook = [], [], z.new_zeros(()), z.new_zeros(())
            for plane, quantizer in enumerate(self.planes):
                used = (depths > plane).to(z.dtype)
                quantized = quantizer(residual)
                z_q = z_q + quantized.z_q * used.unsqueeze(-1)
                residual = residual - quantized.z_q.detach()
                commitment = commitment + (quantized.commitment * used).mean()
                codebook = codebook + (quantized.codebook * used).mean()
                codes.append(quantized.codes)
                entries.append(quantized.entries * used.unsqueeze(-1))
            variance = z.detach().var((0, 1)).sum().clamp_min(1e-8)
            latent = (self._sum(entries, depths) - z.detach()).square().sum(-1).mean() / variance
        return ResidualQuantized(z_q, torch.stack(codes, 1), commitment, codebook, latent)

    def _sum(self, entries: list[torch.Tensor], depths: torch.Tensor) -> torch.Tensor:
        """z_q of the entries `[B, F, d]` of each plane, zero where it is not used."""
        used = (depths.unsqueeze(-1) > torch.arange(len(entries), device=depths.device)).to(entries[0].dtype)
        outputs = [quantizer.project_out for quantizer in self.planes]
        weights = torch.cat([output.weight for output in outputs], 1)
        return torch.cat(entries, -1) @ weights.T + used @ torch.stack([output.bias for output in outputs])


def distortion_by_depth(planes: list[torch.Tensor]) -> torch.Tensor:
    """The distortion when later planes are left out: each plane's share of `z_q` `[B, F, D]` -> `[B, K + 1, F]`, the
    squared distance from the sum of the first 0..K planes to the sum of all."""
    distortion, missing = [torch.zeros_like(planes[0][..., 0])], torch.zeros_like(planes[0])
    for plane in reversed(planes):
        missing = missing + plane
        distortion.insert(0, missing.square().sum(-1))
    return torch.stack(distortion, 1)
