"""Encoders of sound files: WAV by nac itself (so that it works on a pipe), FLAC and Ogg by libsndfile."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import numpy as np
import soundfile as sf

from nac_cli.audio.sndfile import ForwardFile, GuardedFile
from nac_cli.audio.wav import wav_header
from nac_cli.audio.xiph import PLACES, to_xiph
from nac_cli.errors import AudioError

PIECE_SAMPLES = 65536
"""libvorbis keeps a whole write on the stack, so none is longer."""


class WavSink:
    """Writes the header first and the samples behind it.

    On a path the header is corrected at the end if the length turns out to be another; on a pipe it stays.
    """

    def __init__(
        self,
        file: BinaryIO,
        sample_rate: int,
        channels: int,
        bits: int,
        num_samples: int | None,
        pipe: bool,
        speakers: int | None = None,
    ):
        self._file, self._pipe, self._speakers = file, pipe, speakers
        self._shape = sample_rate, channels, bits
        self._announced = num_samples
        self._reserve = num_samples is None and not pipe
        self._written = 0
        self._header_bytes = file.write(wav_header(*self._shape, num_samples, self._reserve, speakers))

    def write(self, samples: np.ndarray) -> None:
        """Append samples `[T, C]`: int32 for 16 and 24 bits, float32 for 32 bits."""
        bits = self._shape[2]
        if bits == 16:
            data = samples.astype("<i2").tobytes()
        elif bits == 24:
            data = samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        else:
            data = samples.astype("<f4").tobytes()
        self._file.write(data)
        self._written += len(samples)

    def finish(self) -> None:
        """Complete the file. Raises `AudioError` on a pipe whose header announced another length."""
        _, channels, bits = self._shape
        if self._written * channels * bits // 8 % 2:
            self._file.write(b"\0")
        if self._announced == self._written or (self._pipe and self._announced is None):
            return
        if self._pipe:
            raise AudioError(
                f"the WAV header on the pipe announced {self._announced} samples, but {self._written} came"
            )
        header = wav_header(*self._shape, self._written, self._reserve, self._speakers)
        if len(header) != self._header_bytes:
            raise AudioError("the output grew beyond the 4 GiB that its announced length kept room for")
        self._file.seek(0)
        self._file.write(header)

    def abort(self) -> None:
        """WAV needs no encoder to be released."""


class SndfileSink:
    """Writes FLAC or Ogg Vorbis through libsndfile into a file that can seek.

    Samples come in the usual order of channels. Raises `AudioError` if libsndfile refuses the rate or the number of
    channels, `OSError` if the file fails.
    """

    def __init__(self, file: BinaryIO, sample_rate: int, channels: int, format: str, bits: int, quality: float):
        self._file = GuardedFile(file)
        subtype = "VORBIS" if format == "ogg" else f"PCM_{bits}"
        level = {"compression_level": 1 - quality} if format == "ogg" else {}
        if format == "flac" and sample_rate > 65535 and sample_rate % 10:
            raise AudioError(f"FLAC cannot say {sample_rate} Hz (beyond 65535 in steps of 10 only): choose WAV")
        try:
            self._sound = ForwardFile(
                self._file, "w", sample_rate, channels, format=format.upper(), subtype=subtype, **level
            )
        except (sf.LibsndfileError, ValueError, TypeError) as error:
            self._file.check()
            raise AudioError(
                f"{format.upper()} with {channels} channels at {sample_rate} Hz cannot be written "
                f"({getattr(error, 'error_string', error)}): choose WAV or FLAC, or another sample rate"
            ) from error
        # libsndfile wants integers in the upper bits, and writes no FLAC file at all without samples.
        self._shift = 32 - bits if format == "flac" else 0
        self._order = to_xiph(channels) if format == "ogg" and channels in PLACES else None
        self._empty_file = _empty_flac(sample_rate, channels, bits) if format == "flac" else b""

    def write(self, samples: np.ndarray) -> None:
        """Append samples `[T, C]`: int32 for FLAC, float32 for Ogg Vorbis."""
        for start in range(0, len(samples), PIECE_SAMPLES):
            self._empty_file = b""
            piece = samples[start : start + PIECE_SAMPLES]
            if self._order:
                piece = np.ascontiguousarray(piece[:, self._order])
            self._call(self._sound.write, piece << self._shift if self._shift else piece)

    def finish(self) -> None:
        """Complete the file."""
        self._call(self._sound.close)
        self._file.write(self._empty_file)
        self._file.check()

    def abort(self) -> None:
        """Release the encoder."""
        with suppress(sf.LibsndfileError):  # the error that led here is the one to report
            self._sound.close()

    def _call(self, action: Callable[..., object], *arguments: object) -> None:
        try:
            action(*arguments)
        except (sf.LibsndfileError, AssertionError) as error:
            self._file.check()
            raise AudioError(f"the encoder failed: {getattr(error, 'error_string', error)}") from error
        self._file.check()


def _empty_flac(sample_rate: int, channels: int, bits: int) -> bytes:
    """A FLAC file of no samples: the STREAMINFO block only (RFC 9639, section 8.2)."""
    shape = sample_rate << 44 | (channels - 1) << 41 | (bits - 1) << 36
    md5 = hashlib.md5(usedforsecurity=False).digest()
    return b"fLaC\x80\0\0\x22" + struct.pack(">HH6xQ", 4096, 4096, shape) + md5
