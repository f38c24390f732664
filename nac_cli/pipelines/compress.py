"""Sound in, `.nac` file out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nac_cli.audio import SampleDigest, Sanitizer, open_audio, open_source, read_tags
from nac_cli.container import TAG_PADDING, ChunkRecord, ContainerWriter, fitting_tags
from nac_cli.entropy import Coders, Mode
from nac_cli.errors import UsageError
from nac_cli.files import check_output, open_output
from nac_cli.models import zoo
from nac_cli.models.codec import Codec
from nac_cli.pipelines.chain.analysis import analyse
from nac_cli.pipelines.chain.framing import stream_for
from nac_cli.pipelines.chain.packing import Packer, mean_depth, mode_counts, with_lm_id
from nac_cli.pipelines.endpoints import name_of
from nac_cli.pipelines.models.opening import coders_to_pack, open_model
from nac_cli.pipelines.progress import Progress
from nac_cli.pipelines.rate.fitting import DEFAULT_BITRATE, fit_bitrate, fit_default, fit_planes
from nac_cli.pipelines.verify import verify
from nac_cli.values import Tags, Waveform

BLOCK_SAMPLES = 1 << 16
LEAST_SHARE = 0.95
"""Of a bitrate that is asked for, what a file takes at least unless it has all planes."""

SHORT_SECONDS = 20.0
"""Up to this length the container may be too large for a bitrate."""


@dataclass(frozen=True)
class CompressReport:
    """What became of an input. Sizes in bytes; `bitrate` in bit/s counts everything but tags, pictures and their padding,
    `file_bitrate` everything; `depth` is the mean number of planes of a coded channel; `modes` counts the chunks by
    entropy mode; `pcm_md5` is that of the source's samples (see `audio.SampleDigest`), where it was asked for."""

    source: str
    target: str
    model: str
    sample_rate: int
    channels: int
    num_samples: int
    seconds: float
    source_bytes: int | None
    file_bytes: int
    tag_bytes: int
    overhead_bytes: int
    bitrate: float
    file_bitrate: float
    depth: float
    modes: dict[str, int]
    elapsed: float
    messages: tuple[str, ...] = field(default=())
    pcm_md5: str | None = None

    def as_dict(self) -> dict:
        return asdict(self)


def compress(
    source: str | os.PathLike | BinaryIO | Waveform,
    target: str | os.PathLike | BinaryIO,
    *,
    bitrate: int | None = None,
    planes: int | None = None,
    model: str | os.PathLike = zoo.DEFAULT,
    entropy: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    tags: bool = True,
    force: bool = False,
    check: bool = False,
    progress: Progress = lambda done, whole: None,
) -> CompressReport:
    """Compress a sound file, an open file or a `Waveform` into a `.nac` stream.

    Give a `bitrate` in bit/s, which the whole file (tags aside) keeps to, or a constant depth of `planes`; with
    neither, 6000 bit/s a channel pair or single channel, and what the container takes on top where a sound is too
    short for that, or all planes of models that are published at one rate (DAC, SNAC). `entropy` is how codes are
    packed: "packed", "static" (the model's tables), "lm" (its language model), or "auto", the smallest of those that
    the model has, chunk by chunk. `check` decodes the result before it takes its place.

    Raises AudioError (input unreadable, output not writable), UsageError (a bitrate out of range, a mode that the
    model lacks), OutputExists, ModelError, TokenMismatch (a language model that is not exact on this machine).

    >>> import io, numpy as np, nac_cli
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(88200) / 44100, dtype=np.float32)[None] / 4
    >>> report = nac_cli.compress(nac_cli.Waveform(tone, 44100), file := io.BytesIO(), bitrate=6000)
    >>> 5500 < report.bitrate <= 6000
    True
    """
    compressor = Compressor.open(
        model, bitrate=bitrate, planes=planes, entropy=entropy, tags=tags, device=device, threads=threads
    )
    return compressor(source, target, force=force, check=check, progress=progress)


@dataclass(frozen=True)
class Compressor:
    """A codec with its coders, and what is asked of them: ready for one input after the other, or several at a time in
    threads of their own if `codec` can be shared (see `pipelines.models.sharing`)."""

    codec: Codec
    coders: Coders
    modes: tuple[Mode, ...]
    bitrate: int | None
    planes: int | None
    exact: bool
    tags: bool
    digest: bool
    device: str
    threads: int | None

    @classmethod
    def open(
        cls,
        model: str | os.PathLike = zoo.DEFAULT,
        *,
        bitrate: int | None = None,
        planes: int | None = None,
        exact: bool = True,
        entropy: str = "auto",
        tags: bool = True,
        digest: bool = False,
        device: str = "auto",
        threads: int | None = None,
    ) -> Compressor:
        """Arguments are those of `compress`. Unless `exact`, a sound that is too short for the bitrate takes what the
        container needs on top, and one that all planes do not fill it is nothing to tell of: for files of all kinds, whose
        bitrate is meant on the whole. `digest` has the MD5 of each source's samples found. Raises UsageError, ModelError,
        TokenMismatch."""
        if bitrate is not None and planes is not None:
            raise UsageError("give a bitrate or a number of planes, not both")
        file = zoo.find(model)
        codec = open_model(file, device, threads)
        coders = coders_to_pack(file, entropy, threads)
        return cls(codec, *coders, bitrate, planes, exact, tags, digest, device, threads)

    def __call__(
        self,
        source: str | os.PathLike | BinaryIO | Waveform,
        target: str | os.PathLike | BinaryIO,
        *,
        force: bool = False,
        check: bool = False,
        progress: Progress = lambda done, whole: None,
    ) -> CompressReport:
        """As `compress`. Raises AudioError, UsageError, OutputExists."""
        started = time.monotonic()
        if isinstance(target, (str, os.PathLike)):
            check_output(Path(target), force)
        messages: list[str] = []
        with _opened(source, messages.append, self.tags) as sound:
            info = stream_for(self.codec, sound.sample_rate, sound.channels, source_bits=sound.source_bits)
            meter = _Meter(sound, progress, self.digest)
            chunks = list(analyse(meter.blocks(), info, self.codec))
        messages += meter.sanitizer.messages()
        info = replace(info, num_samples=meter.num_samples)
        progress(info.duration, None)  # packing goes on for a while, nobody knows for how long
        records = self._fit(Packer(chunks, info, self.coders, self.modes))
        info = with_lm_id(info, records, self.coders)
        padding = TAG_PADDING if sound.tags.items or sound.tags.pictures else 0
        with open_output(target, force) as (file, written):
            writer = ContainerWriter(file, info, sound.tags, padding)
            for record in records:
                writer.write_chunk(record)
            counts = writer.finish(info.num_samples)
            if check:
                verify(written(), device=self.device, threads=self.threads).require_sound()
        seconds = info.num_samples / info.sample_rate
        per_second = 8 / seconds if seconds else 0.0
        taken = round((counts.total - counts.tags) * per_second)
        if self.bitrate is not None and self.exact and taken < LEAST_SHARE * self.bitrate:
            messages.append(
                f"no use for {self.bitrate} bit/s: with all planes of {info.codec.name} this sound takes {taken}"
            )
        return CompressReport(
            source=name_of(source),
            target=name_of(target),
            model=info.codec.name,
            sample_rate=info.sample_rate,
            channels=info.channels,
            num_samples=info.num_samples,
            seconds=seconds,
            source_bytes=_size(source),
            file_bytes=counts.total,
            tag_bytes=counts.tags,
            overhead_bytes=counts.overhead - counts.tags,
            bitrate=(counts.total - counts.tags) * per_second,
            file_bitrate=counts.total * per_second,
            depth=mean_depth(records, info),
            modes=mode_counts(records),
            elapsed=time.monotonic() - started,
            messages=tuple(messages),
            pcm_md5=meter.digest and meter.digest.hex(),
        )

    def _fit(self, packer: Packer) -> list[ChunkRecord]:
        if self.planes is not None:
            return fit_planes(packer, self.planes)
        if self.bitrate is not None:
            exact = self.exact or packer.info.duration > SHORT_SECONDS
            return (fit_bitrate if exact else fit_default)(packer, self.bitrate)
        if self.codec.all_planes:
            return fit_planes(packer, self.codec.spec.num_codebooks)
        return fit_default(packer, DEFAULT_BITRATE * len(packer.info.groups))


@dataclass(frozen=True)
class _Sound:
    """An input, whatever it came as."""

    sample_rate: int
    channels: int
    source_bits: int
    seconds: float | None
    blocks: Iterator[np.ndarray]
    tags: Tags


@contextmanager
def _opened(
    source: str | os.PathLike | BinaryIO | Waveform, warn: Callable[[str], None], tags: bool
) -> Iterator[_Sound]:
    if isinstance(source, Waveform):
        yield _Sound(source.sample_rate, source.channels, 0, source.duration, _cut(source.samples), Tags())
        return
    origin = open_source(source)
    try:
        kept = fitting_tags(read_tags(origin, warn), warn) if tags else Tags()
        with open_audio(origin, warn) as reader:
            blocks = reader.blocks(BLOCK_SAMPLES)
            yield _Sound(reader.sample_rate, reader.channels, reader.source_bits, reader.seconds, blocks, kept)
    finally:
        origin.close()


def _cut(samples: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, samples.shape[1], BLOCK_SAMPLES):
        yield samples[:, start : start + BLOCK_SAMPLES].astype(np.float32)


class _Meter:
    """Hands the blocks on, cleaned, and counts their samples."""

    def __init__(self, sound: _Sound, progress: Progress, digest: bool):
        self.sanitizer, self.num_samples = Sanitizer(), 0
        self.digest = SampleDigest(sound.source_bits) if digest else None
        self._sound, self._progress = sound, progress

    def blocks(self) -> Iterator[np.ndarray]:
        for block in self._sound.blocks:
            self.num_samples += block.shape[1]
            if self.digest is not None:
                self.digest.push(block)
            yield self.sanitizer.push(block)
            self._progress(self.num_samples / self._sound.sample_rate, self._sound.seconds)


def _size(source: object) -> int | None:
    return Path(source).stat().st_size if isinstance(source, (str, os.PathLike)) else None
