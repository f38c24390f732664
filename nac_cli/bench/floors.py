"""The least time that a machine could take: operations over its measured rate of products, bytes over that of its disk.

Operations are a multiplication or an addition each, and of matrix products only: all else is some per cent of them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nac_cli.bench.stopwatch import least
from nac_cli.kernels.blas import one_thread
from nac_cli.parallel import each

if TYPE_CHECKING:
    from nac_cli.entropy.lm.config import LmConfig
    from nac_cli.models.spectral_config import SpectralConfig

PEAK_SIZE = 1024
"""Rows and columns of the matrices whose product measures a machine's peak."""
DISK_BYTES = 1 << 24


@dataclass(frozen=True)
class Machine:
    """`operations` a second in products of large float32 matrices, `disk` bytes a second written to the disk."""

    operations: float
    disk: float


def peak_operations(device: str, threads: int = 1, repeats: int = 5) -> float:
    """Operations a second of products of square float32 matrices, one for each thread; the best of `repeats`."""
    if device == "cuda":
        import torch

        on_device = torch.randn(4 * PEAK_SIZE, 4 * PEAK_SIZE, device=device)
        return 64 * 2 * PEAK_SIZE**3 / least(lambda: on_device @ on_device, repeats, device)
    a = np.random.default_rng(0).random((PEAK_SIZE, PEAK_SIZE), np.float32)
    with one_thread():
        seconds = least(lambda: each(lambda one, _: one @ one, [a] * threads, threads, "products"), repeats, device)
    return threads * 2 * PEAK_SIZE**3 / seconds


def disk_rate(folder: Path) -> float:
    """Bytes a second of a file that is written in `folder` and flushed to the disk."""
    path = folder / "disk"
    started = time.perf_counter()
    with open(path, "wb") as file:
        file.write(bytes(DISK_BYTES))
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    path.unlink()
    return DISK_BYTES / seconds


def network_operations(config: SpectralConfig) -> dict[str, float]:
    """Operations of the default family's encoder ("encode", the search in the codebooks included) and decoder
    ("decode") for a second of one channel, by the shapes of `models.spectral_arrays`."""
    fine, coarse, bins = config.fine_width, config.coarse_width, 2 * config.num_bins
    per_latent = config.frames_per_latent

    def block(width: int) -> int:
        return width * (2 * config.expansion * width + config.kernel_size)

    stride = per_latent * fine * coarse
    encode = per_latent * (bins * fine + config.encoder_fine_blocks * block(fine)) + stride
    encode += config.encoder_coarse_blocks * block(coarse) + coarse * coarse
    encode += config.num_codebooks * config.codebook_dim * (coarse + config.codebook_size)
    gates = config.decoder_fine_blocks * fine * fine if config.noise else 0
    decode = per_latent * (fine * bins + config.decoder_fine_blocks * block(fine) + gates) + stride
    decode += config.decoder_coarse_blocks * block(coarse) + coarse * coarse
    frames = config.sample_rate / config.hop_length
    return {"encode": 2 * frames * encode, "decode": 2 * frames * decode}


def lm_operations(config: LmConfig, planes: float, frame_rate: float) -> float:
    """Operations of a language model for a second of one channel with so many planes on average, its window full."""
    width = config.width
    layer = 4 * width * width + 2 * width * config.feed_width + 3 * width * config.window
    head = config.head_width * (width + sum(config.codebook_sizes) / config.planes)
    embeddings = 2 * (config.embedding_rank or 0) * width
    return 2 * frame_rate * (config.layers * layer + planes * (head + embeddings))
