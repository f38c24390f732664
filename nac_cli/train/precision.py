"""In which precision training computes: bfloat16 where the device is faster at it than at float32."""

from __future__ import annotations

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 pay on `device`. A CPU without AVX-512 does them 30 times slower than those
    in float32: PyTorch has no kernels for it there."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def autocast(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Inside, networks compute in bfloat16 if that is `wanted` and pays on `device`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and has_fast_bfloat16(device))
