"""Rotary positions (Su et al. 2021, section 3.2): the product of a query and a key depends on how far they
are apart."""

from __future__ import annotations

import torch

BASE = 10_000


def frequencies(turning: int, device: torch.device | None = None) -> torch.Tensor:
    """Radians a step for each pair of `turning` channels: float32 `[turning // 2]`."""
    return 1 / BASE ** (torch.arange(0, turning, 2, device=device).float() / turning)


def rotate(x: torch.Tensor, turning: int) -> torch.Tensor:
    """Turn `x` `[..., n, D]` by its place on the second to last axis, counted from 0.

    The first `turning` channels turn, channel i with channel i + turning // 2; the rest stays.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    places = torch.arange(x.shape[-2], device=x.device, dtype=dtype)
    angles = torch.outer(places, frequencies(turning, x.device).to(dtype))
    cos, sin = angles.cos(), angles.sin()
    half = turning // 2
    first, second, rest = x.to(dtype).split((half, half, x.shape[-1] - turning), -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], -1).to(x.dtype)
