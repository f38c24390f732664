"""How a model in training does on recordings that it is not trained on, by the measures of the bench."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr
import torch

from nac_cli.audio import gain_curve, level_nodes
from nac_cli.bench.metrics import METRICS
from nac_cli.models.codec import Codec
from nac_cli.models.encodec import EncodecCodec
from nac_cli.train.corpus.recordings import find_recordings, read_middle
from nac_cli.train.families import channels
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
        bits = [np.log2(size) * spec.sample_rate / (spec.hop_length * stride)
                for size, stride in zip(spec.codebook_sizes, spec.strides, strict=True)]
        planes = max(int(np.searchsorted(np.cumsum(bits), self.bitrate * 1.02, side="right")), 1)
        for path in self.paths:
            recording = read_middle(str(path), MAX_SECONDS)
            wav = soxr.resample(recording.samples.mean(1), recording.sample_rate, spec.sample_rate)
            yield Clip(path.stem, wav, decoded(model, wav, planes))


@torch.inference_mode()
def decoded(model: Codec, wav: np.ndarray, planes: int) -> np.ndarray:
    """`wav` `[T]` coded with its first `planes` planes and decoded: at the level nodes of a file, or as it is if the
    model is for natural levels; twice the same to a model of two channels, whose mean it is then."""
    spacing = Framing().node_frames * model.spec.hop_length
    padded = np.pad(wav, (0, -len(wav) % model.spec.hop_length)).astype(np.float32)
    nodes = level_nodes(padded[None], spacing)[0]
    gain = gain_curve(nodes, spacing, 0, len(padded)) if model.unit_level else np.ones_like(padded)
    heard = torch.from_numpy(padded / gain).float().expand(1, channels(model.config), -1)
    segmented = isinstance(model, EncodecCodec)
    wav_hat = _decoded_segments(model, heard, planes) if segmented else _decoded(model, heard, planes)
    return wav_hat.mean(1)[0].numpy()[: len(wav)] * gain[: len(wav)]


def _decoded(model: Codec, wav: torch.Tensor, planes: int) -> torch.Tensor:
    return model.decode(_kept(model.encode(wav).codes, planes))


def _decoded_segments(model: EncodecCodec, wav: torch.Tensor, planes: int) -> torch.Tensor:
    segments = [replace(part, codes=_kept(part.codes, planes)) for part in model.encode_segments(wav)]
    return model.decode_segments(segments, wav.shape[-1])


def _kept(codes: tuple[torch.Tensor, ...], planes: int) -> tuple[torch.Tensor, ...]:
    return tuple(plane if k < planes else torch.full_like(plane, ABSENT) for k, plane in enumerate(codes))
