"""The contract that every codec family meets. Pipelines know nothing else of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from nac_cli.values import CodecSpec


@dataclass(frozen=True)
class Encoded:
    """`codes[k]` int64 `[B, F_k]`, all planes present; `distortion` float32 `[B, K + 1, F]`: what is lost, in the
    model's own measure, when a frame keeps its first 0..K planes."""

    codes: tuple[torch.Tensor, ...]
    distortion: torch.Tensor


class Codec(nn.Module, ABC):
    """A mono waveform codec at `spec.sample_rate` with independent items along the batch.

    The level is the caller's business: models expect about unit RMS (see `audio.gain`).
    `encode_context` and `decode_context` are the frames on each side that can influence a frame; given that much
    real signal (or codes) around it, a stretch is coded exactly as within the whole.
    """

    spec: CodecSpec
    encode_context: int
    decode_context: int

    @abstractmethod
    def encode(self, wav: torch.Tensor) -> Encoded:
        """`wav` float32 `[B, 1, F * hop_length]` -> codes."""

    @abstractmethod
    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """`codes[k]` int64 `[B, F_k]`, ABSENT where a code was not sent -> wav_hat float32 `[B, 1, F * hop_length]`."""

    @abstractmethod
    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        """What the codes of each plane add to the latent: float32 `[N_k, D]`."""
