"""Frequency tables of the `static` mode for a model that has none, counted from recordings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nac_cli.audio import Sanitizer, open_audio
from nac_cli.entropy import from_counts
from nac_cli.entropy.frequencies import MAX_SIZE, can_have_tables
from nac_cli.errors import AudioError, UsageError
from nac_cli.models import weights, zoo
from nac_cli.models.codec import Codec
from nac_cli.models.weights import WeightFile
from nac_cli.pipelines.chain.analysis import analyse
from nac_cli.pipelines.chain.framing import stream_for
from nac_cli.pipelines.chain.source import BLOCK_SAMPLES
from nac_cli.pipelines.models.collection import place_for
from nac_cli.pipelines.models.opening import open_model

SECONDS = 60.0


@dataclass(frozen=True)
class Counted:
    """The new model, and what its tables were counted from."""

    file: WeightFile
    recordings: int
    seconds: float
    codes: int


def count(
    model: str | os.PathLike,
    recordings: Sequence[Path],
    *,
    name: str | None = None,
    seconds: float = SECONDS,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    skip: Callable[[AudioError], None] | None = None,
    progress: Callable[[float, float], None] = lambda done, whole: None,
) -> Counted:
    """Save a copy of an installed model in the user's folder, with tables counted from the first `seconds` of each
    recording as `compress` would code them, all planes.

    The copy is another model with another id, called `name` or by its model's name and "-static": files made with the
    one cannot be decoded with the other. Recordings that cannot be read raise AudioError, or are told to `skip`.
    Raises UsageError if there is nothing to count, or a codebook is too large for tables; ModelError, OutputExists.
    """
    file = zoo.find(model)
    sizes = file.spec.codebook_sizes
    if not can_have_tables(sizes):
        raise UsageError(
            f"{file.spec.name} cannot have tables: they are for codebooks of one size, of {MAX_SIZE} codes at most"
        )
    name = name or f"{file.spec.name}-static"
    target = place_for(name, force)
    codec = open_model(file, device, threads)
    counts, used, heard = np.zeros((len(sizes), sizes[0]), np.int64), 0, 0.0
    for number, recording in enumerate(recordings):
        progress(number, len(recordings))
        try:
            new, length = _counts(recording, codec, seconds)
        except AudioError as error:
            if skip is None:
                raise
            skip(error)
            continue
        counts, used, heard = counts + new, used + 1, heard + length
    if not counts.any():
        raise UsageError("there is nothing to count: no recording could be read that is not silent")
    tables = np.stack([from_counts(plane + 1) for plane in counts])
    origin = {"model": file.spec.model_id.hex(), "recordings": used, "seconds": round(heard, 1)}
    named = replace(file, spec=replace(file.spec, name=name), training={**file.training, "tables_counted": origin})
    return Counted(weights.save_again(target, named, tables), used, heard, int(counts.sum()))


def _counts(recording: Path, codec: Codec, seconds: float) -> tuple[np.ndarray, float]:
    """How often each code of each plane occurs, `[K, N]`, in the first seconds, and how many those are."""
    counts = np.zeros((codec.spec.num_codebooks, codec.spec.codebook_sizes[0]), np.int64)
    with open_audio(recording, lambda message: None) as reader:
        info = stream_for(codec, reader.sample_rate, reader.channels)
        frames = 0
        for chunk in analyse(_first(reader.blocks(BLOCK_SAMPLES), round(seconds * reader.sample_rate)), info, codec):
            frames += chunk.num_frames
            for channel in chunk.keep(chunk.available, info).codes:
                for plane, plane_counts in zip(channel, counts, strict=True):
                    plane_counts += np.bincount(plane[plane >= 0], minlength=len(plane_counts))
    return counts, frames / codec.spec.frame_rate


def _first(blocks: Iterator[np.ndarray], num_samples: int) -> Iterator[np.ndarray]:
    sanitizer = Sanitizer()
    for block in blocks:
        yield sanitizer.push(block[:, :num_samples])
        num_samples -= block.shape[1]
        if num_samples <= 0:
            return
