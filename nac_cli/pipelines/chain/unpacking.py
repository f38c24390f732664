"""From a container to checked codes: the part of decoding that `decompress`, `verify` and `recode` share.

Chunks in mode `lm` are decoded many at a time: their language model works on many streams as fast as on one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nac_cli.container import ChunkRecord, DamagedChunk
from nac_cli.entropy import Coders, Packed, token_checksum, unpack_each
from nac_cli.errors import CorruptStream, TokenMismatch
from nac_cli.pipelines.models.opening import CodersToUnpack
from nac_cli.values import ChunkCodes, Mode, StreamInfo

STREAMS_AHEAD = 48
"""Channels of chunks that are decoded together at most."""
CODES_AHEAD = 1 << 21
"""Codes of chunks that are decoded together at most: some 50 MB. One chunk may have more."""

Record = ChunkRecord | DamagedChunk


@dataclass(frozen=True)
class Loss:
    """A stretch that cannot be decoded: seconds [start, stop), and the error that says why."""

    start: float
    stop: float
    error: CorruptStream | TokenMismatch

    def __str__(self) -> str:
        return f"{self.start:.2f} s to {self.stop:.2f} s is lost: {self.error}"


@dataclass(frozen=True)
class Missing:
    """A chunk of `num_frames` latent frames whose codes are lost."""

    num_frames: int


def decode_records(
    records: Iterable[Record],
    info: StreamInfo,
    coders: CodersToUnpack,
    losses: list[Loss],
    strict: bool = False,
    last: int | None = None,
) -> Iterator[ChunkCodes | Missing]:
    """Codes of each chunk in order, `Missing` where there are none; the reasons are added to `losses`.

    Nothing is read ahead of chunk `last`, the last one that is needed. With `strict` the first loss raises its
    error instead. Raises as `CodersToUnpack.for_mode`.
    """
    for batch in _batches(each_chunk(records, info), info, last):
        intact = [record for record in batch if isinstance(record, ChunkRecord)]
        decoded = iter(_decode(intact, info, coders.for_mode(intact[0].mode)) if intact else [])
        for record in batch:
            result = CorruptStream(record.reason) if isinstance(record, DamagedChunk) else next(decoded)
            if isinstance(result, ChunkCodes):
                yield result
                continue
            if strict:
                raise result
            _add_loss(losses, number_of(record), record.num_frames, result, info)
            yield Missing(record.num_frames)


def _batches(records: Iterable[Record], info: StreamInfo, last: int | None) -> Iterator[list[Record]]:
    """Each record alone, but up to a bound all that follow one in mode `lm` together with it."""
    frame_codes = info.channels * sum(1 / stride for stride in info.codec.strides)
    batch: list[Record] = []
    codes = 0.0
    for record in records:
        batch.append(record)
        codes += record.num_frames * frame_codes
        full = len(batch) * info.channels > STREAMS_AHEAD - info.channels or codes >= CODES_AHEAD
        if full or number_of(record) == last or not _needs_lm(batch[0]):
            yield batch
            batch, codes = [], 0.0
    if batch:
        yield batch


def _needs_lm(record: Record) -> bool:
    return isinstance(record, ChunkRecord) and record.mode == Mode.LM


def _decode(
    records: list[ChunkRecord], info: StreamInfo, coders: Coders
) -> list[ChunkCodes | CorruptStream | TokenMismatch]:
    """Codes of each chunk; CorruptStream for bytes that no encoder made, TokenMismatch where the entropy model here
    does not give the encoder's codes. The bytes are intact, as their checksum says."""
    packed = [Packed(record.payload, record.num_frames, record.mode) for record in records]
    return [_checked(record, result) for record, result in zip(records, unpack_each(packed, info, coders), strict=True)]


def _checked(record: ChunkRecord, result: ChunkCodes | CorruptStream) -> ChunkCodes | CorruptStream | TokenMismatch:
    if isinstance(result, ChunkCodes) and token_checksum(result) == record.token_checksum:
        return result
    if isinstance(result, CorruptStream) and record.mode != Mode.LM:
        return result
    # other tables than the encoder's hardly ever lead to codes that give the same words again
    found = str(result) if isinstance(result, CorruptStream) else "they decode to other codes than were encoded"
    return TokenMismatch(
        f"chunk {record.index}: the bytes are intact, but {found}; the entropy model gives different results on this "
        "machine, or the file was made by a faulty encoder"
    )


def each_chunk(records: Iterable[Record], info: StreamInfo) -> Iterator[Record]:
    """The same with a marker for every missing chunk instead of one for several in a row."""
    whole = info.framing.chunk_frames
    for record in records:
        if isinstance(record, ChunkRecord):
            yield record
            continue
        left = record.num_frames
        for number in range(record.first, record.stop):
            yield replace(record, first=number, stop=number + 1, num_frames=min(whole, left))
            left -= whole


def number_of(record: Record) -> int:
    """Which chunk it is, or the first of those that are damaged."""
    return record.first if isinstance(record, DamagedChunk) else record.index


def _add_loss(
    losses: list[Loss], number: int, num_frames: int, error: CorruptStream | TokenMismatch, info: StreamInfo
) -> None:
    """Note a lost chunk; one that continues the loss before it, for the same reason, makes that one longer."""
    first_frame = number * info.framing.chunk_frames
    start, stop = (frame / info.codec.frame_rate for frame in (first_frame, first_frame + num_frames))
    if info.duration is not None:
        stop = min(stop, info.duration)
    if losses and losses[-1].stop >= start and str(losses[-1].error) == str(error):
        losses[-1] = Loss(losses[-1].start, stop, error)
    else:
        losses.append(Loss(start, stop, error))
