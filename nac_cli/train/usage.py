"""How evenly the codes of each plane are used, and the revival of those that have died."""

from __future__ import annotations

import torch

from nac_cli.models.quantizers.rvq import ResidualVectorQuantizer


class Usage:
    """Running share of each code, `[K, N]`, uniform at first."""

    def __init__(self, num_codebooks: int, codebook_size: int, decay: float = 0.99):
        self.share = torch.full((num_codebooks, codebook_size), 1 / codebook_size)
        self.decay = decay

    def update(self, codes: torch.Tensor) -> None:
        """Count `codes` `[B, K, F]`."""
        for plane, share in zip(codes.unbind(1), self.share, strict=True):
            counts = torch.bincount(plane.flatten(), minlength=len(share)).to(share)
            share.lerp_(counts / counts.sum(), 1 - self.decay)

    def entropy(self) -> torch.Tensor:
        """Bits per code of each plane, `[K]`."""
        share = self.share / self.share.sum(-1, keepdim=True)
        return torch.special.entr(share).sum(-1) / torch.log(torch.tensor(2.0))

    @torch.no_grad()
    def revive(self, quantizer: ResidualVectorQuantizer, z: torch.Tensor, below: float) -> int:
        """Put codes used less than `below` times the even share onto random latents of `z` `[M, D]`; how many."""
        revived, residual = 0, z.float()
        for plane, share in zip(quantizer.planes, self.share, strict=True):
            dead = (share < below / len(share)).nonzero()[:, 0]
            projected = plane.project_in(residual)
            residual = residual - plane.decode(plane.nearest(projected))
            if len(dead):
                plane.codebook[dead] = projected[torch.randint(len(projected), (len(dead),))]
                share[dead] = 1 / len(share)
                revived += len(dead)
        return revived
