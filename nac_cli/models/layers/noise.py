"""Noise for decoders: what cannot be predicted has to be drawn, and drawn alike on every machine.

The noise of inference is a function of the codes alone. So decoding stays a function of the file, a chunk decodes as it
does within the whole, the channels of a pair get noise of their own, and only sound that repeats code for code repeats
its noise.
"""

from __future__ import annotations

import torch
from torch import nn

SEED = 0x6E616331
STEP = 0x9E3779B1
MASK = 0xFFFFFFFF
CENTRE, DEVIATION = 127.5, 73.9
"""Mean and standard deviation of a uniform byte; the format fixes these figures."""


class NoiseBlock(nn.Module):
    """`x + noise * gate(x)`: the network decides where and how much (SNAC, Siuzdak et al. 2024, section 3.2).

    `x` and `noise` `[B, F, D] -> [B, F, D]`. It starts with little noise.
    """

    def __init__(self, width: int):
        super().__init__()
        self.gate = nn.Linear(width, width)
        with torch.no_grad():
            self.gate.weight.mul_(0.1)
            self.gate.bias.fill_(0.02)

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return x + noise * self.gate(x)


class SampleNoise(nn.Module):
    """`x + noise * mix(x)`, one number for all channels of a step: x `[B, D, T]`, noise `[B, 1, T]` (SNAC, Siuzdak et
    al. 2024, section 3).

    The paper writes a number for each element and a Linear; the official code, which we follow, draws one for each
    step and has no bias.
    """

    def __init__(self, width: int):
        super().__init__()
        self.linear = nn.Conv1d(width, width, 1, bias=False)

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return x + noise * self.linear(x)


def code_noise(codes: torch.Tensor, count: int) -> torch.Tensor:
    """Noise of zero mean and unit variance: codes `[B, K, F]` (ABSENT where not sent) -> float32 `[B, F, count]`.

    `count` is a multiple of 4. A frame's codes are hashed to 32 bits, word j of the frame is the hash of that plus
    `j * STEP`, and each word gives four bytes, lowest first. All arithmetic is modulo 2^32; int64 holds every product,
    as the multipliers are below 2^31.
    """
    state = torch.full_like(codes[:, 0], SEED)
    for plane in codes.unbind(1):
        state = _mix(state ^ (plane + 2))
    words = torch.arange(count // 4, device=codes.device) * STEP
    words = _mix((state.unsqueeze(-1) + words) & MASK)
    values = torch.stack([words >> shift & 0xFF for shift in (0, 8, 16, 24)], -1)
    return (values.flatten(-2).float() - CENTRE) / DEVIATION


def bell_noise(codes: torch.Tensor, count: int) -> torch.Tensor:
    """As `code_noise`, but nearly normal, for decoders that were trained on Gaussian noise: `[B, F, count]`.

    Half the sum of four: zero mean, unit variance, kurtosis 2.7 (3 for a normal variable), no value beyond 3.5.
    """
    return code_noise(codes, 4 * count).unflatten(-1, (count, 4)).sum(-1) / 2


def random_noise(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Noise of the same distribution for training, from torch's generator."""
    return (torch.randint(256, shape, device=device).float() - CENTRE) / DEVIATION


def _mix(x: torch.Tensor) -> torch.Tensor:
    """A bijection of 32-bit integers in which every input bit moves every output bit (two multiply-xorshift rounds)."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & MASK
    return x ^ (x >> 15)
