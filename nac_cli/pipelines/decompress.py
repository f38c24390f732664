"""`.nac` file in, sound out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np

from nac_cli.audio import EXTENSIONS, Resampler, create_audio
from nac_cli.container import ContainerReader, DamagedChunk, Index, chunk_frames
from nac_cli.errors import CorruptStream, ModelError, UsageError
from nac_cli.files import atomic_path, check_target
from nac_cli.models.weights import WeightFile
from nac_cli.parallel import side_by_side
from nac_cli.pipelines.chain.duration import MAX_SECONDS, require_duration, within
from nac_cli.pipelines.chain.inference import Network
from nac_cli.pipelines.chain.span import Span
from nac_cli.pipelines.chain.synthesis import synthesise
from nac_cli.pipelines.chain.unpacking import Loss, Missing, Record, decode_records, each_chunk, number_of
from nac_cli.pipelines.endpoints import name_of, open_stream
from nac_cli.pipelines.models.opening import CodersToUnpack, model_of, open_network
from nac_cli.pipelines.progress import Progress
from nac_cli.pipelines.reports import Report
from nac_cli.values import ChunkCodes, StreamInfo, Tags, Waveform

BLOCK_SAMPLES = 1 << 16
"""Samples at the codec's rate that are resampled at once: a chunk may have millions."""


@dataclass(frozen=True, kw_only=True)
class DecompressReport(Report):
    """The sound that came out. `losses` names the time ranges that were damaged and are silent now; `clipped` counts
    samples beyond full scale that an integer format had to clip; `damage` says what else was wrong with the file."""

    sample_rate: int
    num_samples: int
    losses: tuple[Loss, ...]
    clipped: int
    damage: tuple[str, ...]

    def as_dict(self) -> dict:
        losses = [{"start": x.start, "stop": x.stop, "reason": str(x.error)} for x in self.losses]
        return super().as_dict() | {"losses": losses}


@overload
def decompress(
    source: str | os.PathLike | BinaryIO,
    target: None = None,
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
) -> Waveform: ...


@overload
def decompress(
    source: str | os.PathLike | BinaryIO,
    target: str | os.PathLike | BinaryIO,
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
) -> DecompressReport: ...


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
    than `max_seconds` is refused, one of unknown length once it has given as much.

    Raises UnsupportedStream, CorruptStream, LimitExceeded, TokenMismatch, ModelError, UsageError, AudioError,
    OutputExists. Without a `target` there is no report, so damage always raises.

    >>> import io, numpy as np, nac_cli
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (2, 48000)).astype(np.float32)
    >>> _ = nac_cli.compress(nac_cli.Waveform(noise, 48000), file := io.BytesIO(), planes=4)
    >>> nac_cli.decompress(io.BytesIO(file.getvalue())).samples.shape
    (2, 48000)
    """
    started = time.monotonic()
    if target is not None:
        check_target(target, force)
    with open_stream(source) as file:
        reader = ContainerReader(file, strict=strict or target is None)
        info = reader.info
        require_duration(info, max_seconds)
        decompressor = Decompressor.open(reader, device, threads, strict or target is None)
        span = Span.of(info, start, end)
        blocks = within(decompressor.run(span, progress), info.sample_rate, max_seconds)
        if target is None:
            empty = np.zeros((info.channels, 0), np.float32)
            return Waveform(np.concatenate([empty, *blocks], axis=1), info.sample_rate, info.speakers)
        messages: list[str] = []
        form = _output_format(target, format, bits, info)
        kept = reader.tags if tags else Tags()
        num_samples, clipped = decompressor.write(blocks, span, target, *form, kept, force, messages.append)
        if clipped:
            messages.append(f"{clipped} samples beyond full scale were clipped; 32-bit WAV keeps them")
        damage = () if decompressor.losses else tuple(f"byte {lost.start}: {lost.reason}" for lost in reader.damage)
    return DecompressReport(
        source=name_of(source),
        target=name_of(target),
        model=info.codec.name,
        sample_rate=info.sample_rate,
        channels=info.channels,
        num_samples=num_samples,
        seconds=num_samples / info.sample_rate,
        losses=tuple(loss for loss in decompressor.losses if span.touches(loss)),
        clipped=clipped,
        damage=damage,
        messages=tuple(messages),
        elapsed=time.monotonic() - started,
    )


@dataclass(frozen=True)
class Decompressor:
    """Samples of any span of a stream.

    `run` is the chain of the first five steps, each a generator over what the one before yields:

    1. `read`: packed chunks out of the container.
    2. `unpack`: packed chunks become codes.
    3. `synthesise`: codes become samples at the codec's rate.
    4. `resample`: those become samples at the source's rate.
    5. `cut`: the span's samples of those.
    6. `write`: samples become a sound file.

    `losses` lists the stretches that could not be decoded so far. With `strict` the first one raises its error.
    """

    reader: ContainerReader
    codec: Network
    coders: CodersToUnpack
    strict: bool = False
    losses: list[Loss] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        reader: ContainerReader,
        device: str = "auto",
        threads: int | None = None,
        strict: bool = False,
        file: WeightFile | None = None,
    ) -> Decompressor:
        """For the stream of `reader`, whose model is `file`, by default the installed one with the stream's id.

        Raises ModelError, UsageError.
        """
        info = reader.info
        file = file or model_of(info)
        coders = CodersToUnpack(file, info, threads)
        network, _ = side_by_side(lambda: open_network(file, device, threads), coders.prepare)
        return cls(reader, network, coders, strict)

    @property
    def info(self) -> StreamInfo:
        """The stream's header; what is None in it may become known while the stream is read."""
        return self.reader.info

    def run(self, span: Span, progress: Progress = lambda done, whole: None) -> Iterator[np.ndarray]:
        """The span's samples at the source's rate, in blocks `[C, T]`."""
        chunks = self.unpack(self.read(span), span)
        return self.cut(self.resample(self.synthesise(chunks, span), span, progress), span)

    def read(self, span: Span) -> Iterator[Record]:
        """Step 1: packed chunks from the one before the span on, which is context only, to the last that is asked for:
        from the index where there is one, else past those before it."""
        first, last = max(span.first_chunk - 1, 0), span.last_chunk
        index = self.reader.index if first else None
        records = each_chunk(self.reader.chunks(), self.info) if index is None else self._indexed(index, first)
        for record in records:
            if number_of(record) >= first:
                yield record
            if last is not None and number_of(record) >= last:
                return

    def unpack(self, records: Iterable[Record], span: Span) -> Iterator[ChunkCodes | Missing]:
        """Step 2: the codes of each chunk, `Missing` where they are lost."""
        return decode_records(records, self.info, self.coders, self.losses, self.strict, span.last_chunk)

    def synthesise(self, chunks: Iterable[ChunkCodes | Missing], span: Span) -> Iterator[np.ndarray]:
        """Step 3: samples at the codec's rate `[C, L]` from the start of the span's first chunk on, chunk by chunk."""
        waves = synthesise(chunks, self.info, self.codec)
        if span.first_chunk > 0:
            next(waves, None)
        yield from waves

    def resample(
        self, waves: Iterable[np.ndarray], span: Span, progress: Progress = lambda done, whole: None
    ) -> Iterator[np.ndarray]:
        """Step 4: samples at the source's rate `[C, T]` from the span's first frame on. Raises ModelError for samples
        that are not finite."""
        info, hop = self.info, self.info.codec.hop_length
        resampler = Resampler(info.channels, info.codec.sample_rate, info.sample_rate)
        position = span.first_chunk * info.framing.chunk_frames * hop
        tail = np.zeros((info.channels, 0), np.float32)
        for samples in waves:
            start = max(span.first_frame * hop - position, 0)
            for first in range(start, samples.shape[1], BLOCK_SAMPLES):
                yield tail
                block = samples[:, first : first + BLOCK_SAMPLES]
                if not np.isfinite(block).all():
                    raise ModelError(
                        f"model {info.codec.name!r} gives samples that are not finite at "
                        f"{(position + first) / info.codec.sample_rate:.2f} s; its weight file makes no sense"
                    )
                tail = resampler.push(block)
            position += samples.shape[1]
            progress(position / info.codec.sample_rate, info.duration)
        yield np.concatenate((tail, resampler.finish()), axis=1)

    def cut(self, blocks: Iterable[np.ndarray], span: Span) -> Iterator[np.ndarray]:
        """Step 5: source samples [first, stop) of the span in blocks `[C, T]`. Where its end was not known, the stream
        has told its length by the end."""
        info, stop = self.info, span.stop
        # of the next sample, at the source's rate
        position = span.first_frame * info.codec.hop_length * info.sample_rate // info.codec.sample_rate
        held = np.zeros((info.channels, 0), np.float32)
        for block in blocks:
            wanted = block[:, max(span.first - position, 0) :]
            position += block.shape[1]
            if stop is not None:
                yield wanted[:, : max(wanted.shape[1] - max(position - stop, 0), 0)]
                if position >= stop:
                    return
            else:
                yield held
                held = wanted
        if stop is None and self.info.num_samples is not None:
            held = held[:, : held.shape[1] - (position - self.info.num_samples)]
        yield held

    def write(
        self,
        blocks: Iterable[np.ndarray],
        span: Span,
        target: str | os.PathLike | BinaryIO,
        format: str,
        bits: int,
        tags: Tags = Tags(),
        force: bool = False,
        warn: Callable[[str], None] = lambda message: None,
    ) -> tuple[int, int]:
        """Step 6: a sound file of the span's samples. How many there were, and how many of them were clipped."""
        shape = self.info.sample_rate, self.info.channels, format, bits, span.num_samples
        speakers = self.info.speakers
        with (
            _output(target, force) as place,
            create_audio(place, *shape, tags=tags, speakers=speakers, warn=warn) as writer,
        ):
            for block in blocks:
                writer.write(block)
        return writer.num_samples, writer.clipped

    def _indexed(self, index: Index, first: int) -> Iterator[Record]:
        for number in range(first, index.num_chunks):
            try:
                yield self.reader.chunk(number)
            except CorruptStream as error:
                if self.strict:
                    raise
                frames = chunk_frames(self.info, index.num_samples, number)
                yield DamagedChunk(number, number + 1, frames, 0, 0, str(error))


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
