"""Verification of a `.nac` file: structure, checksums, codes, and a full decode, in that order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nac_cli.container import ContainerReader
from nac_cli.errors import CorruptStream, NacError, TokenMismatch
from nac_cli.models import zoo
from nac_cli.pipelines.chain.unpacking import Loss, Missing, decode_records
from nac_cli.pipelines.endpoints import name_of, open_stream
from nac_cli.pipelines.models.opening import CodersToUnpack, open_model
from nac_cli.values import ChunkCodes, StreamInfo

LEVELS = ("structure", "tokens", "full")


@dataclass(frozen=True)
class VerifyReport:
    """`level` reached; `losses` are stretches that cannot be decoded; `damage` what else is wrong, in words."""

    name: str
    level: str
    stream: StreamInfo
    losses: tuple[Loss, ...]
    damage: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.losses and not self.damage

    def require_sound(self) -> None:
        """Raise the error that fits best: TokenMismatch where that is all, else CorruptStream."""
        if self.losses:
            mismatch = all(isinstance(loss.error, TokenMismatch) for loss in self.losses)
            kind = TokenMismatch if mismatch and not self.damage else CorruptStream
            raise kind(f"{self.name}: " + "; ".join(str(loss) for loss in self.losses))
        if self.damage:
            raise CorruptStream(f"{self.name}: " + "; ".join(self.damage))


def verify(
    source: str | os.PathLike | BinaryIO,
    level: str = "full",
    *,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[float, float | None], None] = lambda done, whole: None,
) -> VerifyReport:
    """Check a `.nac` file.

    - "structure": every block and checksum, the index, the counts; needs no model.
    - "tokens": entropy decoding of every chunk too, against the checksum of its codes; needs the model's file.
    - "full": decoding to sound too; every sample must be finite, the length exact.

    Raises as `info` when nothing can be read, ModelError when the model or the language model is missing,
    TokenMismatch when the language model is not exact on this machine; all else is in the report.
    """
    if level not in LEVELS:
        raise NacError(f"level {level!r} is unknown: choose one of {', '.join(LEVELS)}")
    losses: list[Loss] = []
    damage: list[str] = []
    with open_stream(source) as file:
        reader = ContainerReader(file)
        weight_file = None if level == "structure" else zoo.find_id(reader.info.codec.model_id, reader.info.codec.name)
        if weight_file is None:
            reader.structure()
        else:
            coders = CodersToUnpack(weight_file, reader.info, threads)
            codes = decode_records(reader.chunks(), reader.info, coders, losses)
            chunks: Iterator[ChunkCodes | Missing | np.ndarray] = codes
            if level == "full":
                from nac_cli.pipelines.chain.synthesis import (
                    synthesise,  # brings torch, which the other levels do without
                )

                chunks = synthesise(codes, reader.info, open_model(weight_file, device, threads))
            frames = 0
            for chunk in chunks:
                if isinstance(chunk, np.ndarray):
                    frames += chunk.shape[1] // reader.info.codec.hop_length
                    if not np.isfinite(chunk).all():
                        damage.append(f"samples before {frames / reader.info.codec.frame_rate:.2f} s are not finite")
                else:
                    frames += chunk.num_frames
                progress(frames / reader.info.codec.frame_rate, reader.info.duration)
            if reader.info.num_samples is not None and frames != reader.info.frames_for(reader.info.num_samples):
                damage.append(f"{frames} frames do not make {reader.info.num_samples} samples")
    damage = [f"byte {d.start}: {d.reason}" for d in reader.damage] + damage
    return VerifyReport(name_of(source), level, reader.info, tuple(losses), tuple(damage))
