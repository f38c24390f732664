"""Small sound streams of every kind: all entropy modes, several chunks, pairs, detail, tags, pictures, padding.

Their codes are drawn at random for the tiny model, so that a stream takes milliseconds to make and to decode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from nac_cli.container import ChunkRecord, PcmDigest
from nac_cli.entropy import Coders, FrequencyTables, pack, token_checksum
from nac_cli.entropy.lm import LanguageModel
from nac_cli.models import weights, zoo
from nac_cli.pipelines.chain.detail import detail_record
from nac_cli.values import ABSENT, ChunkCodes, Framing, Mode, Picture, StreamInfo, Tags, present
from tests.container.streams import chunk_lengths, random_codes, write_stream
from tests.entropy.detail.layers import random_layer
from tests.helpers.codecs import TINY, TINY_LM, write_tiny_lm, write_tiny_model
from tests.helpers.pictures import PNG
from tests.reference.lm_decoder import LanguageModel as ReferenceLm

FRAMING = Framing(chunk_frames=6, step_frames=4, node_frames=4)
TAGS = Tags(
    (("TITLE", "Étude"), ("ARTIST", "nac"), ("artist", "")), (Picture(3, "image/png", "front", 3, 2, 24, 0, PNG),)
)
DIGEST = PcmDigest(bytes(range(16)), 16)
MODES = (Mode.PACKED, Mode.STATIC, Mode.LM)


@dataclass(frozen=True)
class Models:
    """A folder with the tiny model and its language model, and what decodes their streams."""

    folder: Path

    @cached_property
    def file(self) -> weights.WeightFile:
        return weights.describe(self.folder / f"{TINY}.safetensors")

    @cached_property
    def lm_id(self) -> bytes:
        return zoo.lm_beside(self.file).model_id

    @cached_property
    def coders(self) -> Coders:
        tables = weights.load_tables(self.file.path)
        return Coders(FrequencyTables(tables), LanguageModel(self.folder / f"{TINY_LM}.safetensors", 1))

    @cached_property
    def tables(self) -> list[list[int]]:
        return weights.load_tables(self.file.path).tolist()

    @cached_property
    def reference_lm(self) -> ReferenceLm:
        return ReferenceLm((self.folder / f"{TINY_LM}.safetensors").read_bytes())


def write_models(folder: Path) -> Models:
    write_tiny_model(folder)
    write_tiny_lm(folder)
    return Models(folder)


def make_corpus(models: Models) -> dict[str, bytes]:
    """The streams by name."""

    def stream(frames: int, modes: tuple[Mode, ...], channels: int = 1, detail: tuple[int, ...] = (), **changes):
        extras = {name: changes.pop(name) for name in ("tags", "padding", "digest") if name in changes}
        shape = {"sample_rate": 44_100, "groups": (1,) * channels, "source_bits": 16, "framing": FRAMING} | changes
        silent, piped = shape.pop("silent", False), shape.pop("piped", False)
        info = StreamInfo(
            models.file.spec, channels=channels, lm_id=models.lm_id if Mode.LM in modes else None, **shape
        )
        num_samples = frames * info.codec.hop_length * info.sample_rate // info.codec.sample_rate - 100
        info = replace(info, num_samples=None if piped else num_samples)
        records = []
        for index, length in enumerate(chunk_lengths(info, num_samples)):
            codes = random_codes(info, length, seed=index)
            codes = _silent(codes) if silent else codes
            mode = modes[index % len(modes)]
            record = ChunkRecord(index, length, mode, token_checksum(codes), pack(codes, info, mode, models.coders))
            records.append(replace(record, detail=_detail(index, length, info)) if index in detail else record)
        return write_stream(info, records, num_samples, detail=bool(detail), **extras)

    return {
        "packed": stream(15, (Mode.PACKED,)),
        "static": stream(15, (Mode.STATIC,)),
        "lm": stream(15, (Mode.LM,)),
        "all modes": stream(20, MODES, 2, groups=(2,), tags=TAGS, padding=40, digest=DIGEST),
        "detail": stream(15, (Mode.PACKED,), detail=(0, 1, 2)),
        "detail of a pair": stream(10, MODES, 2, detail=(0,), groups=(2,), tags=TAGS),
        "six channels": stream(8, (Mode.STATIC, Mode.LM), 6, groups=(2, 1, 1, 2), speakers=0x3F),
        "three channels": stream(8, (Mode.PACKED,), 3, groups=(2, 1), speakers=0xB, padding=3),
        "piped": stream(13, (Mode.PACKED, Mode.STATIC), piped=True, digest=DIGEST),
        "silent": stream(14, (Mode.PACKED,), silent=True),
        "another rate": stream(14, (Mode.STATIC,), sample_rate=8_000, tags=TAGS),
        "one frame": stream(1, (Mode.PACKED,), detail=(0,)),
        "nothing": write_stream(StreamInfo(models.file.spec, 44_100, 1, (1,), 0, framing=FRAMING), [], 0, tags=TAGS),
    }


def extreme_codes(info: StreamInfo, frames: int, seed: int, kind: int) -> ChunkCodes:
    """Random codes; of `kind` 1 to 3 with the least or most of everything, with all planes, or with hardly any."""
    codes, rng = random_codes(info, frames, seed), np.random.default_rng(seed)
    planes, shape = info.codec.num_codebooks, codes.depths.shape
    depths = (codes.depths, rng.choice([0, planes], shape), np.full(shape, planes), rng.random(shape) < 0.1)[kind]
    gains = rng.choice([0, 255], codes.gains.shape) if kind == 1 else codes.gains
    angles = rng.choice([0, 63], codes.angles.shape) if kind == 1 else codes.angles

    def plane_of(channel: int, plane: int, size: int, stride: int) -> np.ndarray:
        count = -(-frames // stride)
        drawn = rng.choice([0, size - 1], count) if kind == 1 else rng.integers(0, size, count)
        there = present(depths[channel], plane, stride, frames, info.framing.step_frames)
        return np.where(there, drawn, ABSENT).astype(np.int32)

    forms = list(enumerate(zip(info.codec.codebook_sizes, info.codec.strides)))
    drawn = tuple(tuple(plane_of(channel, plane, *form) for plane, form in forms) for channel in range(info.channels))
    return ChunkCodes(frames, angles, gains, depths.astype(codes.depths.dtype), drawn)


def _silent(codes: ChunkCodes) -> ChunkCodes:
    gone = tuple(tuple(np.full_like(plane, -1) for plane in channel) for channel in codes.codes)
    return replace(codes, depths=np.zeros_like(codes.depths), codes=gone)


def _detail(index: int, frames: int, info: StreamInfo):
    samples, rate = frames * info.codec.hop_length, info.codec.sample_rate
    layers = [random_layer(samples, rate, 10 * index + channel, density=0.01) for channel in range(info.channels)]
    return detail_record(
        index, [None if channel % 2 else layer for channel, layer in enumerate(layers)], info.codec.sample_rate
    )
