"""Segments that overlap, faded into each other."""

from __future__ import annotations

import torch


def overlap_add(segments: list[torch.Tensor], stride: int) -> torch.Tensor:
    """Segments `[..., L]`, one every `stride` samples -> `[..., T]`, where the last of them ends.

    Each is weighted by a triangle as long as the longest, and the sum divided by the sum of the weights:
    alone, a segment is left as it is; where two meet, it is a linear fade (official EnCodec; the paper speaks
    of an overlap only). A shorter one has the beginning of the triangle.
    """
    if len(segments) == 1:
        return segments[0]
    length = max(number * stride + segment.shape[-1] for number, segment in enumerate(segments))
    longest = max(segment.shape[-1] for segment in segments)
    rising = torch.arange(1, longest + 1, device=segments[0].device, dtype=segments[0].dtype)
    triangle = torch.minimum(rising, rising.flip(0))
    wav, weight = segments[0].new_zeros(*segments[0].shape[:-1], length), segments[0].new_zeros(length)
    for number, segment in enumerate(segments):
        place = slice(number * stride, number * stride + segment.shape[-1])
        wav[..., place] += triangle[: segment.shape[-1]] * segment
        weight[place] += triangle[: segment.shape[-1]]
    return wav / weight.clamp_min(1)
