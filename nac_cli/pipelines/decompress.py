"""`.nac` file in, sound out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nac_cli.audio import EXTENSIONS, Resampler, create_audio
from nac_cli.container import ChunkRecord, ContainerReader, DamagedChunk, chunk_frames
from nac_cli.errors import CorruptStream, LimitExceeded, UsageError
from nac_cli.files import atomic_path, check_output
from nac_cli.models import zoo
from nac_cli.pipelines.chain.synthesis import synthesise
from nac_cli.pipelines.chain.unpacking import Loss, decode_records, each_chunk, number_of
from nac_cli.pipelines.endpoints import name_of, open_stream
from nac_cli.pipelines.models.opening import CodersToUnpack, open_model
from nac_cli.pipelines.progress import Progress
from nac_cli.values import StreamInfo, Tags, Waveform

MAX_SECONDS = 360_000.0
"""Longest sound that is decoded unless more is asked for (100 hours): a few bytes can claim years of silence."""
PREROLL_SAMPLES = 1 << 14
"""Samples at the codec's rate decoded before a range's start, so that the resampler has settled there."""


@dataclass(frozen=True)
class DecompressReport:
    """What came out. `losses` names the time ranges that were damaged and are silent now; `clipped` counts samples
    beyond full scale that an integer format had to clip; `damage` what else was wrong with the file."""

    source: str
    target: str
    model: str
    sample_rate: int
    channels: int
    num_samples: int
    seconds: float
    losses: tuple[Loss, ...]
    clipped: int
    damage: tuple[str, ...]
    messages: tuple[str, ...]
    elapsed: float

    def as_dict(self) -> dict:
        values = asdict(self)
        values["losses"] = [{"start": x.start, "stop": x.stop, "reason": str(x.error)} for x in self.losses]
        return values


def decompress(
    source: str | os.PathLike | BinaryIO,
    target: str | os.PathLike | BinaryIO | None = None,
    *,
    start: float | None = None,
    end: float | None = None,
    format: str | None = None,
    bits: int | None = None,
    tags: bool = True,
    strict: bool = False,
    max_seconds: float = MAX_SECONDS,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress = lambda done, whole: None,
) -> DecompressReport | Waveform:
    """Decode a `.nac` stream into a sound file, or into a `Waveform` when there is no `target`.

    `start` and `end` are seconds; the samples are those that the whole would have there. `format` ("wav", "flac",
    "ogg") follows the target's name when not given, `bits` the source's width (16 when unknown). Damaged chunks
    become silence and are named in the report; with `strict` the first one is an error. A stream that claims more
    than `max_seconds` is refused.

    Raises UnsupportedStream, CorruptStream, LimitExceeded, TokenMismatch, ModelError, UsageError, AudioError,
    OutputExists. Without a `target` there is no report, so damage always raises.

    >>> import io, numpy as np, nac_cli
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (2, 48000)).astype(np.float32)
    >>> _ = nac_cli.compress(nac_cli.Waveform(noise, 48000), file := io.BytesIO(), planes=4)
    >>> nac_cli.decompress(io.BytesIO(file.getvalue())).samples.shape
    (2, 48000)
    """
    started = time.monotonic()
    if isinstance(target, (str, os.PathLike)):
        check_output(Path(target), force)
    with open_stream(source) as file:
        reader = ContainerReader(file, strict=strict or target is None)
        _check_duration(reader.info, max_seconds)
        decoder = _Decoder(reader, device, threads, strict or target is None, progress)
        first, stop = _sample_range(reader.info, start, end)
        if target is None:
            blocks = list(decoder.blocks(first, stop))
            empty = np.zeros((reader.info.channels, 0), np.float32)
            return Waveform(np.concatenate([empty, *blocks], axis=1), reader.info.sample_rate, reader.info.speakers)
        messages: list[str] = []
        chosen = _output_format(target, format, bits, reader.info)
        kept = reader.tags if tags else Tags()
        length = None if stop is None else stop - first
        with _output(target, force) as place:
            shape = reader.info.sample_rate, reader.info.channels
            speakers, warn = reader.info.speakers, messages.append
            with create_audio(place, *shape, *chosen, length, tags=kept, speakers=speakers, warn=warn) as writer:
                for block in decoder.blocks(first, stop):
                    writer.write(block)
        if writer.clipped:
            messages.append(f"{writer.clipped} samples beyond full scale were clipped; 32-bit WAV keeps them")
        damage = () if decoder.losses else tuple(f"byte {lost.start}: {lost.reason}" for lost in reader.damage)
    return DecompressReport(
        source=name_of(source),
        target=name_of(target),
        model=reader.info.codec.name,
        sample_rate=reader.info.sample_rate,
        channels=reader.info.channels,
        num_samples=writer.num_samples,
        seconds=writer.num_samples / reader.info.sample_rate,
        losses=tuple(loss for loss in decoder.losses if _overlaps(loss, first, stop, reader.info)),
        clipped=writer.clipped,
        damage=damage,
        messages=tuple(messages),
        elapsed=time.monotonic() - started,
    )


class _Decoder:
    """Samples of any range of a stream."""

    def __init__(self, reader: ContainerReader, device: str, threads: int | None, strict: bool, progress: Progress):
        weight_file = zoo.find_id(reader.info.codec.model_id, reader.info.codec.name)
        self.reader, self.info, self.strict, self.progress = reader, reader.info, strict, progress
        self.coders = CodersToUnpack(weight_file, reader.info, threads)
        self.model = open_model(weight_file, device, threads)
        self.losses: list[Loss] = []

    def blocks(self, first: int, stop: int | None) -> Iterator[np.ndarray]:
        """Source samples [first, stop) in blocks `[C, T]`; to the end where `stop` is None (a length still unknown)."""
        info, hop = self.info, self.info.codec.hop_length
        first_frame = _aligned_frame(first, info)
        first_chunk = first_frame // info.framing.chunk_frames
        position = (
            first_frame * hop * info.sample_rate // info.codec.sample_rate
        )  # of the next sample, at the source's rate
        held = np.zeros((info.channels, 0), np.float32)
        for block in self._resampled(first_chunk, first_frame, None if stop is None else _last_chunk(stop, info)):
            wanted = block[:, max(first - position, 0) :]
            position += block.shape[1]
            if stop is not None:
                yield wanted[:, : max(wanted.shape[1] - max(position - stop, 0), 0)]
                if position >= stop:
                    return
            else:
                yield held
                held = wanted
        if stop is None and self.reader.info.num_samples is not None:
            held = held[:, : held.shape[1] - (position - self.reader.info.num_samples)]
        yield held

    def _resampled(self, first_chunk: int, first_frame: int, last_chunk: int | None) -> Iterator[np.ndarray]:
        """Samples at the source's rate from `first_frame` on."""
        info, hop = self.info, self.info.codec.hop_length
        resampler = Resampler(info.channels, info.codec.sample_rate, info.sample_rate)
        position = first_chunk * info.framing.chunk_frames * hop
        tail = np.zeros((info.channels, 0), np.float32)
        for samples in self._chunks(first_chunk, last_chunk):
            skip = max(first_frame * hop - position, 0)
            position += samples.shape[1]
            yield tail
            tail = resampler.push(samples[:, skip:])
            self.progress(position / info.codec.sample_rate, info.duration)
        yield np.concatenate((tail, resampler.finish()), axis=1)

    def _chunks(self, first_chunk: int, last_chunk: int | None) -> Iterator[np.ndarray]:
        """Samples at the codec's rate from the start of `first_chunk` on; the one before is read for context only."""
        records = self._records(max(first_chunk - 1, 0))
        chunks = decode_records(records, self.info, self.coders, self.losses, self.strict, last_chunk)
        waves = synthesise(chunks, self.info, self.model)
        if first_chunk > 0:
            next(waves, None)
        return waves

    def _records(self, first: int) -> Iterator[ChunkRecord | DamagedChunk]:
        """Records from chunk `first` on: from the index where there is one, else past those before it."""
        if first and self.reader.index is not None:
            return self._indexed(first)
        return (record for record in each_chunk(self.reader.chunks(), self.info) if number_of(record) >= first)

    def _indexed(self, first: int) -> Iterator[ChunkRecord | DamagedChunk]:
        for number in range(first, self.reader.index.num_chunks):
            try:
                yield self.reader.chunk(number)
            except CorruptStream as error:
                if self.strict:
                    raise
                yield DamagedChunk(number, number + 1, chunk_frames(self.info, number), 0, 0, str(error))


def _aligned_frame(sample: int, info: StreamInfo) -> int:
    """The last frame at least PREROLL_SAMPLES before source sample `sample` whose start falls on a source sample."""
    codec = info.codec
    preroll = -(-PREROLL_SAMPLES // codec.hop_length)
    frame = sample * codec.sample_rate // info.sample_rate // codec.hop_length - preroll
    period = codec.sample_rate // math.gcd(codec.sample_rate, info.sample_rate * codec.hop_length)
    return max(frame, 0) // period * period


def _last_chunk(stop: int, info: StreamInfo) -> int:
    """The last chunk that is asked for to get source samples up to `stop`: two behind the one that holds them, since a
    chunk is decoded with the next as context, and resampled with a delay that is a chunk at most."""
    return info.frames_for(stop) // info.framing.chunk_frames + 2


def _sample_range(info: StreamInfo, start: float | None, end: float | None) -> tuple[int, int | None]:
    """Source samples [first, stop). Raises UsageError for a range outside the sound."""
    first = round((start or 0.0) * info.sample_rate)
    stop = info.num_samples if end is None else round(end * info.sample_rate)
    if info.num_samples is not None:
        stop = min(stop, info.num_samples)
        if first > info.num_samples:
            raise UsageError(f"start {start} s lies behind the end of the sound ({info.duration:.3f} s)")
    if first < 0 or (stop is not None and stop < first):
        raise UsageError(f"there is nothing from {start or 0} s to {end} s: give 0 <= start <= end")
    return first, stop


def _overlaps(loss: Loss, first: int, stop: int | None, info: StreamInfo) -> bool:
    """Whether a loss touches samples [first, stop); chunks around them are decoded too, as context."""
    return loss.stop * info.sample_rate > first and (stop is None or loss.start * info.sample_rate < stop)


def _check_duration(info: StreamInfo, max_seconds: float) -> None:
    if info.duration is not None and info.duration > max_seconds:
        raise LimitExceeded(f"the stream claims {info.duration:.0f} s of sound, the limit is {max_seconds:.0f} s")


def _output_format(target: object, format: str | None, bits: int | None, info: StreamInfo) -> tuple[str, int]:
    """Format and width: as asked, else by the target's name and the source's width."""
    if format is None:
        suffix = Path(target).suffix.lower() if isinstance(target, (str, os.PathLike)) else ""
        if suffix and suffix not in EXTENSIONS:
            known = ", ".join(EXTENSIONS)
            raise UsageError(f"{target}: no output format belongs to {suffix!r}; use one of {known}, or --format")
        format = EXTENSIONS.get(suffix, "wav")
    if bits is None:
        bits = 16 if info.source_bits <= 16 else 24
    return format, bits


@contextmanager
def _output(target: str | os.PathLike | BinaryIO, force: bool) -> Iterator[Path | BinaryIO]:
    if isinstance(target, (str, os.PathLike)):
        with atomic_path(Path(target), force) as beside:
            yield beside
    else:
        yield target
