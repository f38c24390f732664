"""How a model in training does on recordings that it is not trained on, by the measures of the bench."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from nac_cli.bench.metrics import METRICS
from nac_cli.models.codec import Codec
from nac_cli.pipelines.chain.analysis import analyse
from nac_cli.pipelines.chain.framing import stream_for
from nac_cli.pipelines.chain.synthesis import synthesise
from nac_cli.train.corpus.recordings import find_recordings, read_middle

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

    def __call__(self, model: Codec) -> dict[str, float]:
        """The mean of each measure over the clips, which stay in `last` until the next call."""
        self.last = list(self._clips(model))
        rate = model.spec.sample_rate
        return {
            name: float(np.nanmean([METRICS[name].measure(clip.wav, clip.wav_hat, rate) for clip in self.last]))
            for name in self.measures
        }

    def _clips(self, model: Codec) -> Iterator[Clip]:
        spec = model.spec
        bits = [
            np.log2(size) * spec.sample_rate / (spec.hop_length * stride)
            for size, stride in zip(spec.codebook_sizes, spec.strides, strict=True)
        ]
        planes = max(int(np.searchsorted(np.cumsum(bits), self.bitrate * 1.02, side="right")), 1)
        for path in self.paths:
            recording = read_middle(str(path), MAX_SECONDS)
            wav = soxr.resample(recording.samples.mean(1), recording.sample_rate, spec.sample_rate)
            yield Clip(path.stem, wav, decoded(model, wav, planes))


def decoded(model: Codec, wav: np.ndarray, planes: int) -> np.ndarray:
    """`wav` `[T]` as a file with the first `planes` planes gives it back."""
    info = stream_for(model, model.spec.sample_rate, 1, len(wav))
    chunks = (chunk.keep(np.minimum(chunk.available, planes), info) for chunk in analyse([wav[None]], info, model))
    return np.concatenate(list(synthesise(chunks, info, model)), axis=1)[0, : len(wav)]
