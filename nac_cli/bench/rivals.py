"""How fast other codecs are on the same sounds: Opus, and EnCodec where its package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import soxr

from nac_cli.bench.peers.opus import OpusSetting
from nac_cli.bench.stopwatch import least
from nac_cli.values import Waveform

Halves = tuple[Callable[[], object], Callable[[], object]]
RATE = 48_000
"""Hz, of both."""


@dataclass(frozen=True)
class Rival:
    """Seconds that a codec took for `sound_seconds` within a process that has all it needs loaded: the least of some,
    in memory, without files."""

    codec: str
    direction: str
    sound_seconds: float
    inside: float

    @property
    def speed(self) -> float:
        return self.sound_seconds / self.inside


def rivals(waveform: Waveform, bitrate: int, threads: int, repeats: int, tell: Callable[[str], None]) -> list[Rival]:
    """All that are installed, at `bitrate` or the nearest that they have; `tell` is told of one that does not work."""
    samples = soxr.resample(waveform.samples.T, waveform.sample_rate, RATE).T[:2].astype(np.float32)
    return [
        Rival(codec, direction, waveform.duration, least(half, repeats, before=0))
        for codec, halves in _installed(samples, bitrate, threads, tell)
        for direction, half in zip(("compress", "decompress"), halves, strict=True)
    ]


def _installed(
    samples: np.ndarray, bitrate: int, threads: int, tell: Callable[[str], None]
) -> Iterator[tuple[str, Halves]]:
    setting = OpusSetting()
    packed = setting.encode(samples, bitrate)
    yield (
        f"Opus {setting}",
        (lambda: setting.encode(samples, bitrate), lambda: setting.decode(packed, len(samples))),
    )
    if find_spec("encodec") is not None:
        try:
            halves = _encodec(samples, bitrate, threads)
        except Exception as error:  # a package of another version, or one that does not fit this torch
            tell(f"EnCodec is left out, its package does not work here: {error}")
        else:
            yield "EnCodec 48 kHz", halves


def _encodec(samples: np.ndarray, bitrate: int, threads: int) -> Halves:
    """With weights as they are before training, which take as long as any."""
    import torch
    from encodec import EncodecModel

    torch.set_num_threads(threads)
    model = EncodecModel.encodec_model_48khz(pretrained=False).eval()
    model.set_target_bandwidth(min((3, 6, 12, 24), key=lambda rate: abs(1000 * rate - bitrate)))
    wav = torch.from_numpy(np.array(np.broadcast_to(samples, (2, samples.shape[1]))))[None]
    with torch.inference_mode():
        frames = model.encode(wav)

    def encode() -> None:
        with torch.inference_mode():
            model.encode(wav)

    def decode() -> None:
        with torch.inference_mode():
            model.decode(frames)

    return encode, decode
