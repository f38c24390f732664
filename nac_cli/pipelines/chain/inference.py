"""The two halves of a codec on arrays, whatever the codec computes with: torch, or numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from nac_cli.models.spectral_arrays import SpectralArrays
from nac_cli.pipelines.chain.voices import batches_of, device_of

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec

Network: TypeAlias = "Codec | SpectralArrays"
"""A codec in use. Only one of numpy can be had without torch."""


def encode(model: Network, wav: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """`wav` float32 `[V, M, F * hop_length]` -> codes, integers `[V, F_k]` of each plane, and distortion
    `[V, K + 1, F]`."""
    if isinstance(model, SpectralArrays):
        return model.encode_arrays(wav)
    import torch

    with torch.inference_mode():
        batch = torch.from_numpy(wav).to(device_of(model))
        encoded = [model.encode(share) for share in batches_of(batch, model)]
    planes = [torch.cat(plane).cpu().numpy() for plane in zip(*(share.codes for share in encoded))]
    return tuple(planes), torch.cat([share.distortion for share in encoded]).cpu().numpy()


def decode(model: Network, codes: Sequence[np.ndarray]) -> np.ndarray:
    """Codes int64 `[V, F_k]` of each plane, ABSENT where one was not sent -> wav_hat float32
    `[V, M, F * hop_length]`."""
    if isinstance(model, SpectralArrays):
        return model.decode_arrays(codes)
    import torch

    planes = [torch.from_numpy(plane).to(device_of(model)) for plane in codes]
    with torch.inference_mode():
        wav = torch.cat([model.decode(share) for share in zip(*(batches_of(plane, model) for plane in planes))])
    return wav.cpu().numpy()


def chunks_ahead(model: Network, voices: int) -> int:
    """How many chunks of so many voices are given to the network at the same time by threads of their own, so that
    all processors are busy; none where it runs on one, or has threads of its own as torch has."""
    if not isinstance(model, SpectralArrays) or model.workers < 2:
        return 0
    return -(-model.workers // voices)


def code_vectors(model: Network) -> list[np.ndarray]:
    """The vectors that codes of each plane add to the latent: float32 `[N_k, D]`."""
    if isinstance(model, SpectralArrays):
        return model.vector_arrays()
    return [plane.detach().cpu().numpy() for plane in model.code_vectors()]
