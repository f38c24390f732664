"""Sounds as text inside a page, no larger altogether than a budget."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from nac_cli.bench.clips import read_clip
from nac_cli.bench.peers.opus import OpusSetting
from nac_cli.values import Waveform

OPUS_BITRATES = (192_000, 128_000, 96_000)
"""bit/s of a channel: what sounds are sent in to a browser when FLAC would be too large. Their own faults are
far below those of what is compared, but a listening test never uses them."""
BASE64 = 4 / 3


@dataclass(frozen=True)
class Packed:
    """`texts` are base64, None for sounds that no longer fitted; `form` says what they are."""

    texts: list[str | None]
    form: str

    @property
    def left_out(self) -> int:
        return self.texts.count(None)


def pack(paths: Sequence[Path], budget: int) -> Packed:
    """As FLAC of 16 bits if that fits into `budget` bytes of text, else as Opus at the highest bitrate that
    does; at the lowest, what no longer fits is left out."""
    exact = [flac(read_clip(path)) for path in paths]
    if sum(map(len, exact)) * BASE64 <= budget:
        return Packed([text(data) for data in exact], "FLAC, 16 bits")
    for bitrate in OPUS_BITRATES:
        coded = [opus(read_clip(path), bitrate) for path in paths]
        if sum(map(len, coded)) * BASE64 <= budget:
            break
    texts: list[str | None] = []
    left = float(budget)
    for data in coded:
        left -= len(data) * BASE64
        texts.append(text(data) if left >= 0 else None)
    return Packed(texts, f"Opus at {bitrate // 1000} kbit/s a channel, to keep the page small")


def flac(waveform: Waveform) -> bytes:
    """16 bits, clipped at full scale."""
    file = io.BytesIO()
    samples = np.clip(waveform.samples.T, -1, 1)
    soundfile.write(file, samples, waveform.sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def opus(waveform: Waveform, bitrate: int) -> bytes:
    """In Ogg, `bitrate` for each channel."""
    setting = OpusSetting("audio", 20)
    audio = soxr.resample(waveform.samples.T, waveform.sample_rate, setting.sample_rate).T
    return setting.encode(audio, bitrate * waveform.channels)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()
