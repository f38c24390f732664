"""Factorised, L2-normalised vector quantizer (Improved RVQGAN, Kumar et al. 2023, section 3.2; after Yu et al.
2021)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass
class Quantized:
    """`z_q` `[B, F, D]` (straight-through in training), `codes` `[B, F]`, their `entries` `[B, F, d]`, and `[B, F]` the
    squared distance to these, once for the encoder's gradient (`commitment`) and once for the `codebook`'s."""

    z_q: torch.Tensor
    codes: torch.Tensor
    entries: torch.Tensor
    commitment: torch.Tensor
    codebook: torch.Tensor


class PlaneQuantizer(nn.Module, ABC):
    """One plane of a residual stack: each of its codes stands for a vector, by way of `codebook` `[N, d]`."""

    codebook: torch.Tensor

    @abstractmethod
    def encode(self, z: torch.Tensor) -> torch.Tensor:
        """`[B, F, D]` -> codes `[B, F]`."""

    @abstractmethod
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes `[B, F]` -> `[B, F, D]`."""


class VectorQuantizer(PlaneQuantizer):
    """Project to `codebook_dim`, take the code of the nearest direction, project back.

    Comparing directions (L2-normalised vectors) instead of points uses the codebook far better; the entry itself
    keeps its length. Always computed in float32: bfloat16 cannot even name codes above 256.
    """

    def __init__(self, width: int, codebook_size: int, codebook_dim: int):
        super().__init__()
        self.project_in = nn.Linear(width, codebook_dim)
        self.project_out = nn.Linear(codebook_dim, width)
        self.codebook = nn.Parameter(torch.randn(codebook_size, codebook_dim))

    def forward(self, z: torch.Tensor) -> Quantized:
        projected = self.project_in(z)
        codes = self.nearest(projected)
        entry = functional.embedding(codes, self.codebook)
        commitment = (projected - entry.detach()).square().mean(-1)
        codebook = (entry - projected.detach()).square().mean(-1)
        z_q = self.project_out(projected + (entry - projected).detach())
        return Quantized(z_q, codes, entry, commitment, codebook)

    def encode(self, z: torch.Tensor) -> torch.Tensor:
        """`[B, F, D]` -> codes `[B, F]`."""
        return self.nearest(self.project_in(z))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes `[B, F]` -> `[B, F, D]`."""
        return self.project_out(functional.embedding(codes, self.codebook))

    def nearest(self, projected: torch.Tensor) -> torch.Tensor:
        """Index of the entry with the highest cosine similarity: `[..., codebook_dim]` -> `[...]`."""
        directions = functional.normalize(self.codebook, dim=-1)
        similarity = projected.detach() @ directions.detach().T
        return similarity.max(-1).indices  # the same as argmax, which takes three times as long on a CPU
