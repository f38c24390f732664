"""How evenly the codes of each plane are used, and the revival of those that have died."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nac_cli.models.quantizers.kmeans import Factorised, cascade


class Usage:
    """Running share of each code, `[K, N]`, uniform at first; codes that a plane does not have stay at 0."""

    def __init__(self, codebook_sizes: Sequence[int], decay: float = 0.99):
        self.share = torch.zeros(len(codebook_sizes), max(codebook_sizes))
        for share, size in zip(self.share, codebook_sizes):
            share[:size] = 1 / size
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
    def revive(self, quantizer: Factorised, z: torch.Tensor, below: float) -> int:
        """Put codes used less than `below` times the even share onto random latents of `z` `[B, F, D]`; how many."""
        revived = 0
        for (plane, points), share in zip(list(cascade(quantizer, z)), self.share, strict=True):
            dead = (share < below / len(share)).nonzero()[:, 0]
            if len(dead):
                projected = plane.project_in(points)
                plane.codebook[dead] = projected[torch.randint(len(projected), (len(dead),))]
                share[dead] = 1 / len(share)
                revived += len(dead)
        return revived
