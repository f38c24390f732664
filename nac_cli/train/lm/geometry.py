"""Start values from what the codes stand for: codes with alike vectors begin with alike embeddings and logits.

With 1024 codes to a plane and some hours of sound, a network that has to find out for itself which codes are alike
learns several times more slowly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nac_cli.train.lm.network import LmNetwork

OTHERS = 0.1
"""The scale of random start values where the vectors give none, relative to the vectors."""
LOGITS = 0.3


@torch.no_grad()
def start_from(network: LmNetwork, vectors: Sequence[np.ndarray]) -> None:
    """Set the embeddings of `network` such that the sum over the planes is the codec's latent on its principal axes,
    and its logits such that codes of alike vectors get alike ones. `vectors[k]` `[N_k, D]` is what the codes of plane k
    add to the latent (`Codec.code_vectors`)."""
    config = network.config
    planes = [torch.from_numpy(np.asarray(v, np.float64)) for v in vectors]
    variances, axes = torch.linalg.eigh(sum(torch.cov(v.T, correction=0) for v in planes))
    size = min(config.width, len(variances))
    axes = axes[:, -size:] / (variances[-size:].sum() / size).sqrt()
    generator = torch.Generator().manual_seed(0)
    for plane, vector in enumerate(planes):
        on_axes = torch.zeros(len(vector), config.width, dtype=torch.float64)
        on_axes[:, :size] = vector @ axes
        for name in config.embeddings(plane):
            _embed(network, name, on_axes)
        code = _coordinates(on_axes, config.head_width)[0]
        code = code / code.square().mean(1, keepdim=True).clamp_min(1e-12).sqrt()
        mix = torch.randn(code.shape[1], config.head_width, generator=generator, dtype=torch.float64)
        network[f"head.logits.{plane}.weight"].copy_(LOGITS / config.head_width**0.5 * code @ mix)


def _embed(network: LmNetwork, name: str, on_axes: torch.Tensor) -> None:
    """Write rows `[N, D]` into an embedding, factorised if it is. The row of absent codes stays 0."""
    table, rank = network[name], network.config.embedding_rank
    if not rank:
        table[:-1].copy_(on_axes)
        table[-1].zero_()
        return
    rows, basis = _coordinates(on_axes, rank)
    unit = rows.square().mean().sqrt().clamp_min(1e-12)
    table.mul_(OTHERS)
    table[:-1, : rows.shape[1]] = (rows / unit).to(table.dtype)
    table[-1].zero_()
    projection = network[f"{name}.projection.weight"]
    projection.mul_(OTHERS)
    projection[:, : rows.shape[1]] = (basis * unit).to(projection.dtype)
    network[f"{name}.projection.bias"].copy_(on_axes.mean(0))


def _coordinates(rows: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Coordinates `[N, r]` of centred `rows` `[N, D]` on their principal axes `[D, r]`, as many as matter, at most
    `rank`."""
    u, s, v = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    count = min(rank, max(int((s > 1e-4 * s[:1]).sum()), 1))
    return u[:, :count] * s[:count], v[:count].T
