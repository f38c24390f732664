"""Transformer blocks whose attention sees a sliding window (TAAE, Parker et al. 2024, section 3.1).

Pre-norm; queries and keys normalised; rotary positions; a gated SiLU feed-forward; LayerScale (Touvron et al.
2021) on both branches. Layer norms have an epsilon of 1e-2, so that the noise of silence isn't blown up to
full scale (appendix B.1).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.rotary import rotate
from nac_cli.models.layers.streaming import State, StreamingLayer
from nac_cli.models.layers.typed import LayerList

EPSILON = 1e-2
INITIAL_SCALE = 1e-2
"""The initial scale of the residual branches. The paper doesn't say; the official code had 1e-2 when it was published
(stable-audio-tools 0.0.17) and has 1e-5 today."""

Window = tuple[int, int]
"""Steps before and after its own that a query sees."""


def window_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, window: Window, past: int = 0
) -> torch.Tensor:
    """Attention of `query` `[B, H, n, d]` to those of `key` and `value` `[B, H, past + n, d]` within `window`
    around it; query 0 stands at key `past` <= window[0]. -> `[B, H, n, d]`.

    In blocks of as many queries as a window has steps, so that time and memory are proportional to n.
    """
    before, after = window
    length = query.shape[2]
    block = min(before + after + 1, length)
    count = -(-length // block)
    span = block + before + after
    missing = count * block - length
    query = functional.pad(query, (0, 0, 0, missing))
    key, value = (functional.pad(x, (0, 0, before - past, missing + after)) for x in (key, value))
    query = query.unflatten(2, (count, block)).transpose(1, 2).flatten(0, 1)
    key, value = (x.unfold(2, span, block).permute(0, 2, 1, 4, 3).flatten(0, 1) for x in (key, value))
    mask = _mask(length, past, window, block, count, query.device).repeat(len(key) // count, 1, 1)
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask.unsqueeze(1))
    return seen.unflatten(0, (-1, count)).transpose(1, 2).flatten(2, 3)[:, :, :length]


def _mask(length: int, past: int, window: Window, block: int, count: int, device: torch.device) -> torch.Tensor:
    """Boolean `[count, block, span]`: which keys a query sees; padded queries see padding too, as softmax
    needs some."""
    before, after = window
    queries = torch.arange(block, device=device)[:, None]
    keys = torch.arange(block + before + after, device=device)
    starts = torch.arange(0, count * block, block, device=device)[:, None, None]
    real = (starts + keys >= before - past) & (starts + keys < before + length)
    return (keys >= queries) & (keys <= queries + before + after) & (real | (starts + queries >= length))


class WindowAttention(nn.Module):
    """Multi-head self-attention `[B, n, D] -> [B, n, D]`, without biases; layer norm on each head's queries
    and keys."""

    def __init__(self, width: int, head_width: int, window: Window):
        super().__init__()
        self.heads, self.window = width // head_width, window
        self.turning = head_width // 2  # the other half of the channels stays, as in the official code
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.LayerNorm(head_width, eps=1e-6)
        self.key_norm = nn.LayerNorm(head_width, eps=1e-6)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self._project(x)
        return self._merge(window_attention(rotate(query, self.turning), rotate(key, self.turning), value, self.window))

    def step(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The next `[B, n, D]`, n >= 1, for a window that ends at the present. The state is the last keys and
        values.

        Keys are kept as they were before turning: only distances matter, so places count from the first key
        kept, and a stream can last for ever without its angles losing precision.
        """
        query, key, value = self._project(x)
        if state is not None:
            key, value = torch.cat([state[0], key], 2), torch.cat([state[1], value], 2)
        past = key.shape[2] - x.shape[1]
        turned = rotate(functional.pad(query, (0, 0, past, 0)), self.turning)[:, :, past:]
        seen = window_attention(turned, rotate(key, self.turning), value, self.window, past)
        kept = max(0, key.shape[2] - self.window[0])
        return self._merge(seen), (key[:, :, kept:], value[:, :, kept:])

    def _project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """`[B, n, D]` -> queries, keys and values `[B, H, n, d]`."""
        query, key, value = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.query_norm(query), self.key_norm(key), value

    def _merge(self, heads: torch.Tensor) -> torch.Tensor:
        return self.to_out(heads.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each added to what it saw: `[B, n, D] -> [B, n, D]`."""

    def __init__(self, width: int, head_width: int, expansion: int, window: Window):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPSILON, bias=False)
        self.attention = WindowAttention(width, head_width, window)
        self.attention_scale = nn.Parameter(torch.full((width,), INITIAL_SCALE))
        self.feed_norm = nn.LayerNorm(width, eps=EPSILON, bias=False)
        self.feed_in = nn.Linear(width, 2 * expansion * width)
        self.feed_out = nn.Linear(expansion * width, width)
        self.feed_scale = nn.Parameter(torch.full((width,), INITIAL_SCALE))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._feed(x + self.attention_scale * self.attention(self.norm(x)))

    def step(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        update, state = self.attention.step(self.norm(x), state)
        return self._feed(x + self.attention_scale * update), state

    def _feed(self, x: torch.Tensor) -> torch.Tensor:
        inner, gate = self.feed_in(self.feed_norm(x)).chunk(2, -1)
        return x + self.feed_scale * self.feed_out(inner * functional.silu(gate))


class WindowTransformer(StreamingLayer):
    """`depth` blocks: `[B, D, n] -> [B, D, n]`. `step` needs a window that ends at the present."""

    def __init__(self, depth: int, width: int, head_width: int, expansion: int, window: Window):
        super().__init__()
        self.window = window
        blocks = (TransformerBlock(width, head_width, expansion, window) for _ in range(depth))
        self.blocks = LayerList(blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x.transpose(1, 2)

    def step(self, x: torch.Tensor, state: State, last: bool) -> tuple[torch.Tensor, State]:
        if not x.shape[-1]:
            return x, state
        x, after = x.transpose(1, 2), []
        for block, before in zip(self.blocks, state or [None] * len(self.blocks), strict=True):
            x, before = block.step(x, before)
            after.append(before)
        return x.transpose(1, 2), tuple(after)

    def sources(self, first: int, last: int) -> tuple[int, int]:
        before, after = self.window
        return first - len(self.blocks) * before, last + len(self.blocks) * after
