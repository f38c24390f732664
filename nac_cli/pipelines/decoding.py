"""From a container to checked codes: the part of decoding that `decompress` and `verify` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nac_cli.container import ChunkRecord, DamagedChunk
from nac_cli.entropy import FrequencyTables, token_checksum, unpack
from nac_cli.errors import CorruptStream, NacError, TokenMismatch
from nac_cli.values import ChunkCodes, StreamInfo


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


def decode_record(record: ChunkRecord, info: StreamInfo, tables: FrequencyTables | None) -> ChunkCodes:
    """Codes of a chunk. Raises CorruptStream for bytes that no encoder made, TokenMismatch when the checksum of the
    codes shows that the entropy model here gives other codes than the encoder's."""
    codes = unpack(record.payload, record.num_frames, info, record.mode, tables)
    if token_checksum(codes) != record.token_checksum:
        raise TokenMismatch(
            f"chunk {record.index}: the bytes are intact, but decode to other codes than were encoded; the entropy "
            "model gives different results on this machine, or the file was made by a faulty encoder"
        )
    return codes


def decode_records(
    records: Iterable[ChunkRecord | DamagedChunk], info: StreamInfo, tables: FrequencyTables | None, losses: list[Loss],
    strict: bool = False,
) -> Iterator[ChunkCodes | Missing]:
    """Codes of each chunk in order, `Missing` where there are none; the reasons are added to `losses`.

    With `strict` the first loss raises its error instead.
    """
    for record in each_chunk(records, info):
        if isinstance(record, DamagedChunk):
            number, error = record.first, CorruptStream(record.reason)
        else:
            number = record.index
            try:
                yield decode_record(record, info, tables)
                continue
            except (CorruptStream, TokenMismatch) as caught:
                error = caught
        if strict:
            raise error
        _add_loss(losses, number, record.num_frames, error, info)
        yield Missing(record.num_frames)


def each_chunk(records: Iterable[ChunkRecord | DamagedChunk], info: StreamInfo) -> Iterator[ChunkRecord | DamagedChunk]:
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


def _add_loss(losses: list[Loss], number: int, num_frames: int, error: NacError, info: StreamInfo) -> None:
    """Note a lost chunk; one that continues the loss before it, for the same reason, makes that one longer."""
    first_frame = number * info.framing.chunk_frames
    start, stop = (frame / info.codec.frame_rate for frame in (first_frame, first_frame + num_frames))
    if info.duration is not None:
        stop = min(stop, info.duration)
    if losses and losses[-1].stop >= start and str(losses[-1].error) == str(error):
        losses[-1] = Loss(losses[-1].start, stop, error)
    else:
        losses.append(Loss(start, stop, error))
