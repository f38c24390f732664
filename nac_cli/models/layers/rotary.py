"""Rotary positions (Su et al. 2021, section 3.2): the product of a query and a key depends on how far they
are apart."""

from __future__ import annotations

import torch

BASE = 10_000


def frequencies(head_width: int, device: torch.device | None = None) -> torch.Tensor:
    """Radians a step for each pair of channels that turns: float32 `[head_width // 4]`."""
    turning = head_width // 2
    return 1 / BASE ** (torch.arange(0, turning, 2, device=device).float() / turning)


def rotate(x: torch.Tensor) -> torch.Tensor:
    """Turn `x` `[..., n, head_width]` by its place on the second to last axis, counted from 0.

    The first half of the channels turns, channel i with channel i + head_width // 4; the rest stays (this
    half and this pairing are the official TAAE code's).
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    places = torch.arange(x.shape[-2], device=x.device, dtype=dtype)
    angles = torch.outer(places, frequencies(x.shape[-1], x.device).to(dtype))
    cos, sin = angles.cos(), angles.sin()
    quarter = x.shape[-1] // 4
    first, second, rest = x.to(dtype).split((quarter, quarter, x.shape[-1] - 2 * quarter), -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], -1).to(x.dtype)
