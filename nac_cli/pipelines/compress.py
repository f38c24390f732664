"""Sound in, `.nac` file out."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import BinaryIO

from nac_cli.audio import SampleDigest
from nac_cli.container import TAG_PADDING, ByteCounts, ChunkRecord
from nac_cli.entropy import Coders
from nac_cli.files import check_target
from nac_cli.models import zoo
from nac_cli.parallel import side_by_side
from nac_cli.pipelines.chain.analysis import analyse
from nac_cli.pipelines.chain.framing import stream_for
from nac_cli.pipelines.chain.held import HeldSamples
from nac_cli.pipelines.chain.inference import Network
from nac_cli.pipelines.chain.layered import Layered
from nac_cli.pipelines.chain.packing import Packer, with_lm_id
from nac_cli.pipelines.chain.source import Meter, Sound, open_sound
from nac_cli.pipelines.chain.synthesis import base_sounds
from nac_cli.pipelines.endpoints import name_of
from nac_cli.pipelines.models.opening import coders_to_pack, open_network, processors
from nac_cli.pipelines.progress import Progress
from nac_cli.pipelines.rate.detail import Beneath, DetailFitter, codes_beneath, shares
from nac_cli.pipelines.rate.fitting import fit
from nac_cli.pipelines.rate.target import Target
from nac_cli.pipelines.reports import StreamReport
from nac_cli.pipelines.writing import Stream, write_stream
from nac_cli.values import ChunkCodes, Mode, StreamInfo, Tags, Waveform

LEAST_SHARE = 0.95
"""Share of the bitrate asked for that a file takes at least, unless it has all planes."""


@dataclass(frozen=True, kw_only=True)
class CompressReport(StreamReport):
    """The file that an input became. `overhead_bytes` are header, blocks and index; `pcm_md5` is that of the source's
    samples (see `audio.SampleDigest`), where it was asked for."""

    sample_rate: int
    num_samples: int
    overhead_bytes: int
    pcm_md5: str | None = None


def compress(
    source: str | os.PathLike | BinaryIO | Waveform,
    target: str | os.PathLike | BinaryIO,
    *,
    bitrate: int | None = None,
    planes: int | None = None,
    detail: bool = True,
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
    the model has, chunk by chunk. From 2200 bit/s on (stereo: 5250) a part of the bitrate goes to `detail`: the
    difference between the sound and what its codes give, quantised. `check` decodes the result before it takes its
    place.

    Raises AudioError (input unreadable, output not writable), UsageError (a bitrate out of range, a mode that the
    model lacks), OutputExists, ModelError, TokenMismatch (a language model that is not exact on this machine).

    >>> import io, numpy as np, nac_cli
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(88200) / 44100, dtype=np.float32)[None] / 4
    >>> report = nac_cli.compress(nac_cli.Waveform(tone, 44100), file := io.BytesIO(), bitrate=6000)
    >>> 5500 < report.bitrate <= 6000
    True
    """
    compressor = Compressor.open(
        model, Target(bitrate, planes, detail=detail), entropy=entropy, tags=tags, device=device, threads=threads
    )
    return compressor.run(source, target, force=force, check=check, progress=progress)


@dataclass(frozen=True)
class Analysed:
    """A sound as chunks of all planes. `held` are the samples that they are the codes of, if detail may follow; `info`
    has its length; `digest` is that of its samples, where asked for."""

    info: StreamInfo
    chunks: Sequence[Layered]
    held: HeldSamples | None
    messages: tuple[str, ...] = ()
    digest: SampleDigest | None = None

    @property
    def num_samples(self) -> int:
        """Samples of each channel at the source's rate."""
        return self.info.num_samples or 0

    @property
    def seconds(self) -> float:
        return self.num_samples / self.info.sample_rate


@dataclass(frozen=True)
class Fitted:
    """Packed chunks that keep to the target; with what is `beneath`, they leave a part of it to detail."""

    packer: Packer
    records: Sequence[ChunkRecord]
    beneath: Beneath | None = None

    @property
    def info(self) -> StreamInfo:
        """The header that fits them."""
        return with_lm_id(self.packer.info, self.records, self.packer.coders)

    def has_all_planes(self) -> bool:
        """Whether no step could have more planes: a silent one has none to give."""
        chunks = self.packer.chunks
        return all(
            (codes.depths == chunk.available).all() for codes, chunk in zip(self.packer.codes(self.records), chunks)
        )


@dataclass(frozen=True)
class Compressor:
    """A codec with its coders and a target: ready for one input after the other, or several at a time in threads of
    their own if `codec` can be shared (see `pipelines.models.sharing`).

    `run` does the steps in order:

    1. `read`: an input becomes blocks of samples, with its tags.
    2. `analyse`: blocks become chunks of codes, all planes.
    3. `fit`: each step of each chunk gets its planes, and chunks are packed.
    4. `refine`: chunks get detail for the bytes that are left.
    5. `write`: the packed chunks become a file.
    """

    codec: Network
    coders: Coders
    modes: tuple[Mode, ...]
    target: Target
    tags: bool
    digest: bool
    device: str
    threads: int | None

    @classmethod
    def open(
        cls,
        model: str | os.PathLike = zoo.DEFAULT,
        target: Target = Target(),
        *,
        entropy: str = "auto",
        tags: bool = True,
        digest: bool = False,
        device: str = "auto",
        threads: int | None = None,
    ) -> Compressor:
        """Arguments are those of `compress`; `digest` has the MD5 of each source's samples found.

        Raises UsageError, ModelError, TokenMismatch.
        """
        file = zoo.find(model)
        codec, (coders, modes) = side_by_side(
            lambda: open_network(file, device, threads), lambda: coders_to_pack(file, entropy, threads)
        )
        return cls(codec, coders, modes, target, tags, digest, device, threads)

    def run(
        self,
        source: str | os.PathLike | BinaryIO | Waveform,
        target: str | os.PathLike | BinaryIO,
        *,
        force: bool = False,
        check: bool = False,
        progress: Progress = lambda done, whole: None,
    ) -> CompressReport:
        """Compress one input. Raises AudioError, UsageError, OutputExists."""
        started = time.monotonic()
        check_target(target, force)
        messages: list[str] = []
        before = _status(source)
        with self.read(source, messages.append) as sound:
            analysed = self.analyse(sound, progress)
        if before is not None and stat.S_ISREG(before.st_mode) and not _is_same(_status(source), before):
            messages.append(f"{name_of(source)} changed while it was read: compress it again when nothing writes to it")
        progress(analysed.seconds, None)  # packing goes on for a while, nobody knows for how long
        fitted = self.refine(self.fit(analysed), analysed.held)
        stream = self.stream(fitted, sound.tags)
        counts = self.write(stream, target, force, check)
        figures = stream.figures(counts)
        shortfall = self._shortfall(fitted, figures["bitrate"])
        return CompressReport(
            source=name_of(source),
            target=name_of(target),
            sample_rate=fitted.info.sample_rate,
            num_samples=analysed.num_samples,
            source_bytes=before and before.st_size,
            overhead_bytes=counts.overhead - counts.tags,
            elapsed=time.monotonic() - started,
            messages=(*messages, *analysed.messages, *shortfall),
            pcm_md5=analysed.digest.hex() if analysed.digest else None,
            **figures,
        )

    def read(
        self, source: str | os.PathLike | BinaryIO | Waveform, warn: Callable[[str], None]
    ) -> AbstractContextManager[Sound]:
        """Step 1: the open input, whose samples are read as they are asked for. Raises AudioError."""
        return open_sound(source, warn, self.tags)

    def analyse(self, sound: Sound, progress: Progress = lambda done, whole: None) -> Analysed:
        """Step 2: codes of all planes for every chunk. Raises AudioError where reading on fails, UsageError for a
        model whose chunks the format does not allow."""
        info = stream_for(
            self.codec, sound.sample_rate, sound.channels, source_bits=sound.source_bits, speakers=sound.speakers
        )
        meter = Meter(sound, progress, self.digest)
        held = HeldSamples() if shares(self.target, info, self.codec.all_planes) else None
        chunks = list(analyse(meter.blocks(), info, self.codec, held))
        info = replace(info, num_samples=meter.num_samples)
        return Analysed(info, chunks, held, tuple(meter.sanitizer.messages()), meter.digest)

    def fit(self, analysed: Analysed) -> Fitted:
        """Step 3: the planes that meet the target, or their share of it, packed. Raises UsageError for a target that
        cannot be met."""
        packer = Packer(analysed.chunks, analysed.info, self.coders, self.modes)
        if analysed.held is not None:
            beneath = codes_beneath(packer, self.target, self.codec.all_planes)
            if beneath is not None:
                return Fitted(packer, beneath.records, beneath)
        return Fitted(packer, fit(packer, self.target, self.codec.all_planes))

    def refine(self, fitted: Fitted, held: HeldSamples | None) -> Fitted:
        """Step 4: detail of the samples `held`, where there is room for it; where that is too little for any, the codes
        get the whole of the target."""
        packer, beneath = fitted.packer, fitted.beneath
        if beneath is None or held is None:
            return fitted
        sounds = base_sounds(packer.codes(beneath.records), packer.info, self.codec)
        bases = ((chunk, base) for chunk, base in sounds if isinstance(chunk, ChunkCodes))  # none of them is missing
        fitter = DetailFitter(packer, held, self.threads or processors())
        records = fitter.fit(beneath.records, bases, beneath.total_bytes)
        if any(record.detail for record in records):
            return Fitted(packer, records)
        return Fitted(packer, fit(packer, self.target, self.codec.all_planes))

    def stream(self, fitted: Fitted, tags: Tags = Tags()) -> Stream:
        """The file's contents, with room for its tags to grow."""
        return Stream(fitted.info, fitted.records, tags, TAG_PADDING if tags else 0)

    def write(
        self, stream: Stream, target: str | os.PathLike | BinaryIO, force: bool = False, check: bool = False
    ) -> ByteCounts:
        """Step 5: the file, decoded once if `check` says so. Raises as `write_stream`."""
        return write_stream(stream, target, force=force, check=check, device=self.device, threads=self.threads)

    def _shortfall(self, fitted: Fitted, taken: float) -> list[str]:
        """A message where the file has clearly less than the bitrate asked for."""
        wanted = self.target.bitrate
        if wanted is None or not self.target.exact or round(taken) >= LEAST_SHARE * wanted:
            return []
        if fitted.has_all_planes():
            name = fitted.info.codec.name
            return [f"no use for {wanted} bit/s: with all planes of {name} this sound takes {round(taken)}"]
        return [f"{round(taken)} bit/s is as near to {wanted} as this sound comes"]


def _status(source: object) -> os.stat_result | None:
    """What the system says of a file that is named by its path, None if there is none."""
    try:
        return os.stat(source) if isinstance(source, (str, os.PathLike)) else None
    except OSError:
        return None


def _is_same(status: os.stat_result | None, before: os.stat_result) -> bool:
    return status is not None and all(
        getattr(status, name) == getattr(before, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns")
    )
