"""The contract that every codec family meets. Pipelines know nothing else of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from nac_cli.models.quantizers.rvq import ResidualQuantized
from nac_cli.values import CodecSpec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class Encoded:
    """`codes[k]` int64 `[B, F_k]`, all planes present; `distortion` float32 `[B, K + 1, F]`: what is lost,
    in the model's own measure, when a frame keeps its first 0..K planes."""

    codes: tuple[torch.Tensor, ...]
    distortion: torch.Tensor


class Codec(nn.Module, ABC):
    """A waveform codec at `spec.sample_rate` with independent items along the batch, of `channels` (1 or 2)
    that are coded together. Attributes of the class hold for a family, those of the instance for one network.

    `unit_level`: whether the model expects sound of about unit RMS (see `audio.gain`), which is then the
    caller's business; else it takes sound at its natural level. `all_planes`: whether a file has all planes
    when no bitrate is asked for, as the family is published at the one rate.

    `encode_context` and `decode_context` are the frames on each side that can influence a frame, None where
    no stretch suffices (recurrent networks); `context` has both sides. Given that much real signal (or codes)
    around it, a stretch that begins at a multiple of `frame_multiple` frames is coded as within the whole, up
    to rounding. `heavy`: whether it takes so much memory that pipelines had better give it one item of a batch,
    and shorter pieces than ten seconds, at a time.
    """

    spec: CodecSpec
    channels: int = 1
    unit_level: bool = True
    all_planes: bool = False
    heavy: bool = False
    frame_multiple: int = 1
    encode_context: int | None
    decode_context: int | None

    @abstractmethod
    def encode(self, wav: torch.Tensor) -> Encoded:
        """`wav` float32 `[B, channels, F * hop_length]` -> codes."""

    @abstractmethod
    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """`codes[k]` int64 `[B, F_k]`, ABSENT where a code was not sent -> wav_hat float32
        `[B, channels, F * hop_length]`."""

    @abstractmethod
    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        """The vectors that the codes of each plane add to the latent: float32 `[N_k, D]`."""

    def context(self, half: str) -> tuple[int | None, int]:
        """Frames before (None: all there are) and after a stretch that influence what the "encoder" or the
        "decoder" makes of it."""
        frames = self.encode_context if half == "encoder" else self.decode_context
        return frames, frames or 0

    def chunked(self) -> Codec:
        """The codec in the form in which files have it: itself, but for models that code segments by
        themselves."""
        return self


class TrainableCodec(Codec):
    """A codec of `encoder`, `quantizer` and `decoder`, shaped by its `config`, as all families are: besides the
    contract it has the halves of a training pass."""

    config: DataclassInstance
    encoder: nn.Module
    quantizer: nn.Module
    decoder: nn.Module

    @abstractmethod
    def latents(self, wav: torch.Tensor) -> torch.Tensor:
        """`wav` `[B, channels, F * hop_length]` -> z `[B, F, D]`, as the quantizer gets it."""

    @abstractmethod
    def quantize(self, wav: torch.Tensor, depths: torch.Tensor) -> ResidualQuantized:
        """The first half: `wav` as above, frame f of item b with its first `depths[b, f]` planes."""

    @abstractmethod
    def synthesise(self, z_q: torch.Tensor) -> torch.Tensor:
        """The second half: z_q `[B, F, D]` -> wav_hat `[B, channels, F * hop_length]`."""
