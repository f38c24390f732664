"""Lyra, Google's neural codec for speech, by the programs of its own build (github.com/google/lyra).

Written from its documentation and tested with stand-ins: nobody packages Lyra.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile

from nac_cli.bench.peers import program

ENCODER, DECODER, MODEL = "encoder_main", "decoder_main", "model_coeffs"
BIT_RATES = (3200, 6000, 9200)


@dataclass(frozen=True)
class LyraSetting:
    """One of its three bitrates, of one channel; several channels are coded one by one. Its files are bare
    packets."""

    bitrate: int
    sample_rate: ClassVar[int] = 16_000

    def __str__(self) -> str:
        return f"{self.bitrate / 1000:g} kbit/s a channel"

    def limits(self, channels: int) -> tuple[int, int]:
        return self.bitrate * channels, self.bitrate * channels

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        return b"".join(self._encode_one(channel) for channel in audio)

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        size = len(file) // channels
        decoded = [self._decode_one(file[c * size : (c + 1) * size]) for c in range(channels)]
        return np.stack(decoded)

    def _encode_one(self, samples: np.ndarray) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "sound.wav"
            soundfile.write(source, samples, self.sample_rate, subtype="PCM_16")
            self._run(ENCODER, f"--input_path={source}", folder)
            return source.with_suffix(".lyra").read_bytes()

    def _decode_one(self, file: bytes) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "sound.lyra"
            source.write_bytes(file)
            self._run(DECODER, f"--encoded_path={source}", folder, f"--sample_rate_hz={self.sample_rate}")
            return soundfile.read(Path(folder) / "sound_decoded.wav", dtype="float32")[0]

    def _run(self, command: str, source: str, folder: str, *more: str) -> None:
        rest = [f"--output_dir={folder}", f"--bitrate={self.bitrate}", f"--model_path={_model()}", *more]
        program.run([command, source, *rest], f"work at {self.bitrate} bit/s")


def lyra_settings(target: float, channels: int) -> Sequence[LyraSetting]:
    return [LyraSetting(bitrate) for bitrate in BIT_RATES]


def lyra_missing() -> str | None:
    for command in (ENCODER, DECODER):
        if not shutil.which(command):
            return f"the command {command} of Lyra's build is not on the PATH"
    return None if _model().is_dir() else f"there is no folder {MODEL} beside {_model().parent / ENCODER}"


def _model() -> Path:
    """Its weights, beside the encoder."""
    return Path(shutil.which(ENCODER) or ENCODER).resolve().parent / MODEL
