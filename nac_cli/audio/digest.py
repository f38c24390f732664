"""The MD5 of a sound's samples, by which a source is known again whatever file it lies in."""

from __future__ import annotations

import hashlib

import numpy as np

EXACT_BITS = 24
"""Integers of up to so many bits are exact in float32."""


def stated_md5(stream_info: bytes) -> bytes | None:
    """The MD5 of a FLAC file's samples in its STREAMINFO block (without the block's header), None if it states none."""
    md5 = stream_info[18:34]
    return md5 if len(md5) == 16 and any(md5) else None


class SampleDigest:
    """MD5 of the samples of blocks `[C, T]`, interleaved, little-endian.

    Sources of `source_bits` up to 24 count as signed integers of that width, sign-extended to whole bytes: this is the
    MD5 in the STREAMINFO block of a FLAC file (RFC 9639, section 8.2). All others (0: lossy ones) count as float32.
    """

    def __init__(self, source_bits: int):
        self._bits = source_bits if source_bits <= EXACT_BITS else 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    def push(self, block: np.ndarray) -> None:
        """The next float32 block, full scale 1.0."""
        samples = np.ascontiguousarray(block.T)
        if not self._bits:
            self._md5.update(samples.astype("<f4").tobytes())
            return
        steps = np.rint(samples * np.float32(1 << (self._bits - 1))).astype("<i4")
        width = -(-self._bits // 8)
        self._md5.update(steps.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())

    def hex(self) -> str:
        return self._md5.hexdigest()
