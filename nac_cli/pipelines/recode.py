"""`.nac` file in, `.nac` file out: another entropy mode, or fewer planes, and no other change."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nac_cli.container import ContainerReader
from nac_cli.errors import CorruptStream, TokenMismatch
from nac_cli.files import check_target
from nac_cli.models import zoo
from nac_cli.models.weights import WeightFile
from nac_cli.pipelines.chain.layered import Layered
from nac_cli.pipelines.chain.packing import Packer, with_lm_id
from nac_cli.pipelines.chain.unpacking import decode_records
from nac_cli.pipelines.endpoints import name_of, open_stream
from nac_cli.pipelines.models.opening import CodersToUnpack, coders_to_pack
from nac_cli.pipelines.progress import Progress
from nac_cli.pipelines.rate.fitting import fit
from nac_cli.pipelines.rate.target import Target
from nac_cli.pipelines.reports import StreamReport
from nac_cli.pipelines.writing import Stream, write_stream
from nac_cli.values import ABSENT, ChunkCodes, StreamInfo

KNOWN_BLOCKS = {"signature", "HEAD", "CHNK", "INDX", "chan", "tags", "pict", "padd", "pmd5", "trailer"}
"""Blocks that a copy has too. Others are left out, since they may not hold for other codes."""


@dataclass(frozen=True, kw_only=True)
class RecodeReport(StreamReport):
    """The file that another one became."""

    source_bytes: int


def recode(
    source: str | os.PathLike | BinaryIO,
    target: str | os.PathLike | BinaryIO,
    *,
    entropy: str = "auto",
    bitrate: int | None = None,
    planes: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    check: bool = False,
    progress: Progress = lambda done, whole: None,
) -> RecodeReport:
    """Pack the codes of a `.nac` stream anew, in the mode `entropy` (as in `compress`).

    All codes stay, or with `planes` the first so many of each step, or with a `bitrate` in bit/s those that fit the
    whole file, tags aside. Codes that stay are the same, and so are levels, angles, lengths, tags, pictures, padding
    and the source's digest: the result decodes to what `compress` at that depth would have led to.

    Which planes matter most, `compress` learns from the encoder; here the codebooks have to tell: what a step loses
    without a plane is the squared distance between the latents of the planes that stay and those of all planes in
    the file. That is the encoder's own measure, as far as the file still has its planes.

    Raises CorruptStream or TokenMismatch for damage of any kind (a copy must not pass for sound), UsageError,
    ModelError, UnsupportedStream, LimitExceeded, AudioError, OutputExists.

    >>> import io, numpy as np, nac_cli
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (1, 48000)).astype(np.float32)
    >>> _ = nac_cli.compress(nac_cli.Waveform(noise, 48000), file := io.BytesIO(), planes=4)
    >>> report = nac_cli.recode(io.BytesIO(file.getvalue()), io.BytesIO(), planes=2)
    >>> report.depth, report.file_bytes < report.source_bytes
    (2.0, True)
    """
    wanted = Target(bitrate, planes)
    started = time.monotonic()
    check_target(target, force)
    with open_stream(source) as file:
        reader, weight_file, chunks = _read(file, name_of(source), threads, progress)
        structure = reader.structure()
    coders, modes = coders_to_pack(weight_file, entropy, threads)
    progress(reader.info.duration or 0.0, None)  # packing goes on for a while, nobody knows for how long
    info = reader.info
    if bitrate is None:
        layered = [_layered(chunk, info) for chunk in chunks]
    else:
        layered = _with_distortion(chunks, info, weight_file, device, threads)
    records = fit(Packer(layered, info, coders, modes), wanted, all_planes=True)
    stream = Stream(with_lm_id(info, records, coders), records, reader.tags, reader.padding, reader.md5)
    counts = write_stream(stream, target, force=force, check=check, device=device, threads=threads)
    unknown = sorted({extent.kind for extent in structure} - KNOWN_BLOCKS)
    return RecodeReport(
        source=name_of(source),
        target=name_of(target),
        source_bytes=sum(extent.size for extent in structure),
        elapsed=time.monotonic() - started,
        messages=tuple(f"blocks of the unknown type {kind!r} were left out" for kind in unknown),
        **stream.figures(counts),
    )


def _read(
    file: BinaryIO, name: str, threads: int | None, progress: Progress
) -> tuple[ContainerReader, WeightFile, list[ChunkCodes]]:
    """A stream that is sound in every respect, its model's file, and its codes."""
    try:
        reader = ContainerReader(file, strict=True)
        weight_file = zoo.find_id(reader.info.codec.model_id, reader.info.codec.name)
        chunks, frames = [], 0
        coders = CodersToUnpack(weight_file, reader.info, threads)
        for chunk in decode_records(reader.chunks(), reader.info, coders, [], strict=True):
            assert isinstance(chunk, ChunkCodes)  # since a loss would have raised its error
            chunks.append(chunk)
            frames += chunk.num_frames
            progress(frames / reader.info.codec.frame_rate, reader.info.duration)
    except (CorruptStream, TokenMismatch) as error:
        reason = f"{name}: is damaged, so it is not recoded; `nac decompress` saves what is intact ({error})"
        raise type(error)(reason) from error
    return reader, weight_file, chunks


def _layered(chunk: ChunkCodes, info: StreamInfo, distortion: np.ndarray | None = None) -> Layered:
    codes = tuple(np.stack([channel[plane] for channel in chunk.codes]) for plane in range(info.codec.num_codebooks))
    return Layered(chunk.num_frames, chunk.angles, chunk.gains, codes, chunk.depths.astype(np.int64), distortion)


def _with_distortion(
    chunks: list[ChunkCodes], info: StreamInfo, weight_file: WeightFile, device: str, threads: int | None
) -> list[Layered]:
    """The chunks with what is lost, by the model's codebooks, when a step keeps fewer planes."""
    from nac_cli.pipelines.models.opening import (
        open_model,  # brings torch, which a mere change of the mode does without
    )

    vectors = [plane.detach().cpu().numpy() for plane in open_model(weight_file, device, threads).code_vectors()]
    layered = []
    for chunk in chunks:
        lost = np.stack(
            [_distortion(channel, vectors, info.codec.strides, chunk.num_frames) for channel in chunk.codes]
        )
        starts = np.arange(0, chunk.num_frames, info.framing.step_frames)
        layered.append(_layered(chunk, info, np.add.reduceat(lost, starts, axis=2)))
    return layered


def _distortion(
    codes: Sequence[np.ndarray], vectors: Sequence[np.ndarray], strides: Sequence[int], num_frames: int
) -> np.ndarray:
    """Squared distance of the latents of the first 0..K planes of a channel to those of all its planes, `[K + 1, F]`.

    `codes[k]` `[F_k]`, `ABSENT` where a plane is not there; `vectors[k]` `[N_k, D]`, what a code adds to the latent.
    """
    lost, missing = [np.zeros(num_frames, np.float32)], np.zeros((num_frames, vectors[0].shape[1]), np.float32)
    for plane, table, stride in reversed(list(zip(codes, vectors, strides, strict=True))):
        share = np.where((plane == ABSENT)[:, None], 0, table[plane])
        missing = missing + np.repeat(share, stride, axis=0)[:num_frames]
        lost.insert(0, np.square(missing).sum(axis=1))
    return np.stack(lost)
