"""Self-attention within windows (SNAC, Siuzdak et al. 2024, section 3: local windowed attention)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.rotary import rotate

HEAD_WIDTH = 64


class LocalAttention(nn.Module):
    """Every frame attends to all frames of its window, added to the input: `[B, D, F] -> [B, D, F]`, F a
    multiple of `window`, D of 64.

    Windows are blocks of fixed size from the first frame on, neither sliding nor overlapping: what the paper
    calls local (after Roy et al. 2021) is this in the official code, which we follow. So a stretch gives what
    it gives within the whole only where it starts at a multiple of the window. Queries and keys are rotated
    by their place in the window (RoPE, Su et al. 2021, halves as pairs).
    """

    def __init__(self, width: int, window: int):
        super().__init__()
        self.window, self.heads = window, width // HEAD_WIDTH
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, width, frames = x.shape
        qkv = self.to_qkv(self.norm(x.transpose(1, 2)))
        qkv = qkv.reshape(-1, self.window, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind()
        seen = functional.scaled_dot_product_attention(rotate(query, HEAD_WIDTH), rotate(key, HEAD_WIDTH), value)
        seen = seen.transpose(1, 2).reshape(batch, frames, width)
        return x + self.to_out(seen).transpose(1, 2)
