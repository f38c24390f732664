"""Codecs that code segments by themselves, in chunks of files.

The 48 kHz EnCodec codes seconds that overlap by 1 %, each divided by its level (section 3.1). That fits no
file of ours: its segments begin every 148.5 frames, and a level for each is a float. Here segments stand side
by side, so that each frame is coded once; what is heard of the seams is faded away by the decoder, which
decodes each segment together with the first frames of the next.
"""

from __future__ import annotations

from abc import abstractmethod

import torch

from nac_cli.models.codec import Codec, Encoded

FADE_FRAMES = 2
"""Frames over which one segment fades into the next (EnCodec's own: 1.5)."""


class SegmentCoder(Codec):
    """A codec that can be coded in segments."""

    @abstractmethod
    def encode_as_is(self, wav: torch.Tensor) -> Encoded:
        """`encode` without whatever it does to the level first."""


class SegmentedCodec(Codec):
    """`codec` on segments of `segment_frames` frames, the last as short as it has to be. The level is the
    caller's business, as with other codecs: about unit RMS of all channels together."""

    all_planes = False

    def __init__(self, codec: SegmentCoder, segment_frames: int):
        super().__init__()
        self.codec = codec
        self.spec, self.channels, self.unit_level = codec.spec, codec.channels, codec.unit_level
        self.frame_multiple = segment_frames
        self.encode_context, self.decode_context = 0, segment_frames

    def context(self, half: str) -> tuple[int, int]:
        return (0, 0) if half == "encoder" else (self.frame_multiple, FADE_FRAMES)

    def encode(self, wav: torch.Tensor) -> Encoded:
        size = self.frame_multiple * self.spec.hop_length
        parts = [self.codec.encode_as_is(part) for part in wav.split(size, -1)]
        codes = tuple(torch.cat(planes, 1) for planes in zip(*(part.codes for part in parts)))
        return Encoded(codes, torch.cat([part.distortion for part in parts], -1))

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        hop, size = self.spec.hop_length, self.frame_multiple
        frames = codes[0].shape[1]
        part = self._decode_segment(codes, 0)
        wav = part.new_zeros(*part.shape[:2], frames * hop)
        wav[..., : part.shape[-1]] = part
        for start in range(size, frames, size):
            part, at = self._decode_segment(codes, start), start * hop
            faded = min(FADE_FRAMES * hop, part.shape[-1])
            rise = (torch.arange(faded, device=part.device, dtype=part.dtype) + 0.5) / (FADE_FRAMES * hop)
            part[..., :faded] = wav[..., at : at + faded] * (1 - rise) + part[..., :faded] * rise
            wav[..., at : at + part.shape[-1]] = part
        return wav

    def _decode_segment(self, codes: tuple[torch.Tensor, ...], start: int) -> torch.Tensor:
        """The one from frame `start` on, with what fades into the next."""
        stop = start + self.frame_multiple + FADE_FRAMES
        return self.codec.decode(tuple(plane[:, start:stop] for plane in codes))

    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        return self.codec.code_vectors()
