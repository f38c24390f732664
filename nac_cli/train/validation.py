"""How a model in training does on recordings that it is not trained on, by the measures of the bench."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch

from nac_cli.audio import gain_curve, level_nodes
from nac_cli.bench.metrics import METRICS
from nac_cli.models.spectral import SpectralCodec
from nac_cli.train.corpus.recordings import find_recordings, read_middle
from nac_cli.values import ABSENT, Framing

MEASURES = ("mel", "stft", "si_sdr", "lines")
MAX_SECONDS = 15.0


@dataclass(frozen=True)
class Clip:
    """A recording `[T]` and what the model made of it, at the model's rate."""

    name: str
    wav: np.ndarray
    wav_hat: np.ndarray


class Validation:
    """Codes the middle of every recording in `folder`, mixed to mono, with the planes that fit into `bitrate` bit/s."""

    def __init__(self, folder: Path, bitrate: int = 6_000, measures: tuple[str, ...] = MEASURES):
        self.paths, self.bitrate, self.measures = sorted(find_recordings(folder)), bitrate, measures
        self.last: list[Clip] = []

    def __call__(self, model: SpectralCodec) -> dict[str, float]:
        """The mean of each measure over the clips, which stay in `last` until the next call."""
        self.last = list(self._clips(model))
        rate = model.spec.sample_rate
        return {
            name: float(np.nanmean([METRICS[name].measure(clip.wav, clip.wav_hat, rate) for clip in self.last]))
            for name in self.measures
        }

    def _clips(self, model: SpectralCodec) -> Iterator[Clip]:
        spec = model.spec
        bits = [np.log2(size) * spec.sample_rate / (spec.hop_length * stride)
                for size, stride in zip(spec.codebook_sizes, spec.strides, strict=True)]
        planes = max(int(np.searchsorted(np.cumsum(bits), self.bitrate * 1.02, side="right")), 1)
        for path in self.paths:
            recording = read_middle(str(path), MAX_SECONDS)
            wav = soxr.resample(recording.samples.mean(1), recording.sample_rate, spec.sample_rate)
            yield Clip(path.stem, wav, decoded(model, wav, planes))


@torch.inference_mode()
def decoded(model: SpectralCodec, wav: np.ndarray, planes: int) -> np.ndarray:
    """`wav` `[T]` coded with its first `planes` planes and decoded, at the level nodes of a file."""
    spacing = Framing().node_frames * model.spec.hop_length
    padded = np.pad(wav, (0, -len(wav) % model.spec.hop_length)).astype(np.float32)
    gain = gain_curve(level_nodes(padded[None], spacing)[0], spacing, 0, len(padded))
    codes = model.encode(torch.from_numpy(padded / gain)[None, None].float()).codes
    kept = tuple(plane if k < planes else torch.full_like(plane, ABSENT) for k, plane in enumerate(codes))
    return model.decode(kept)[0, 0].numpy()[: len(wav)] * gain[: len(wav)]
