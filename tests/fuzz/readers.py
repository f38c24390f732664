"""Everything of nac that reads streams, each with bytes in memory, and what it may make of them.

A reader gives a result or raises an error of the library; another exception is a finding, and so are a result that
contradicts another reader's, more time and more memory than such small streams can justify.
"""

from __future__ import annotations

import faulthandler
import io
import resource
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nac_cli
from nac_cli.container import ChunkRecord, ContainerReader
from nac_cli.errors import EXIT_CODES, LimitExceeded, NacError
from nac_cli.values import Mode
from tests.container.streams import Pipe
from tests.fuzz.corpus import Models
from tests.reference.file_decoder import decode_detail, decode_file

SECONDS = 20.0
"""Most that one reader may take for one stream: a hundred times what is usual, as machines are busy."""
GROWTH = 192 << 20
"""Bytes by which the memory of the process may grow for one stream."""
ADDRESSES = 8 << 30
"""Bytes of address space that a stream may ask for beyond what the process has: more raises MemoryError."""
LONGEST = 4.0
"""Seconds of sound that are decoded: some streams claim hours."""
REFERENCE_CODES = 4000
"""Codes of a stream that the reference, which is slow, decodes too."""


class Finding(AssertionError):
    """Something that no stream should be able to bring about."""


@dataclass(frozen=True)
class Told:
    """What a reader made of a stream: a result, or an error of the library."""

    result: object = None
    error: NacError | None = None


def read(reader: Callable[[bytes], object], data: bytes) -> Told:
    """What `reader` makes of a stream, within the limits. Raises Finding."""
    name = reader.__name__
    started = time.monotonic()
    try:
        with _bounded(name):
            try:
                told = Told(reader(data))
            except NacError as error:
                told = Told(error=error)
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"{name}: {type(error).__name__}: {error}") from error
    if time.monotonic() - started > SECONDS:
        raise Finding(f"{name}: took {time.monotonic() - started:.1f} s")
    if told.error is not None and (told.error.exit_code not in EXIT_CODES or told.error.exit_code == 1):
        raise Finding(f"{name}: exit code {told.error.exit_code} for {told.error}")
    if told.error is not None and not 0 < len(str(told.error)) < 4000:
        raise Finding(f"{name}: a message of {len(str(told.error))} characters")
    return told


def info(data: bytes) -> nac_cli.FileInfo:
    found = nac_cli.info(io.BytesIO(data))
    found.as_dict()
    return found


def info_of_pipe(data: bytes) -> nac_cli.FileInfo:
    return nac_cli.info(Pipe(data, 4096))


def structure(data: bytes) -> nac_cli.VerifyReport:
    return nac_cli.verify(io.BytesIO(data), "structure")


def tokens(data: bytes) -> nac_cli.VerifyReport:
    return nac_cli.verify(io.BytesIO(data), "tokens", max_seconds=LONGEST, threads=1)


def full(data: bytes) -> nac_cli.VerifyReport:
    return nac_cli.verify(io.BytesIO(data), "full", max_seconds=LONGEST, device="cpu", threads=1)


def sound(data: bytes) -> nac_cli.Waveform:
    """The whole, where nothing is wrong with it."""
    return nac_cli.decompress(io.BytesIO(data), max_seconds=LONGEST, device="cpu", threads=1)


def sound_file(data: bytes) -> nac_cli.pipelines.decompress.DecompressReport:
    """What can be had, with a report."""
    return _sound_file(io.BytesIO(data))


def sound_of_pipe(data: bytes) -> nac_cli.pipelines.decompress.DecompressReport:
    return _sound_file(Pipe(data, 4096))


def middle(data: bytes) -> nac_cli.pipelines.decompress.DecompressReport:
    """A span in the middle, by the index."""
    return _sound_file(io.BytesIO(data), start=0.07, end=0.15)


def recoded(data: bytes) -> bytes:
    out = io.BytesIO()
    nac_cli.recode(io.BytesIO(data), out, entropy="packed", threads=1, device="cpu")
    return out.getvalue()


def recoded_smaller(data: bytes) -> bytes:
    out = io.BytesIO()
    nac_cli.recode(io.BytesIO(data), out, entropy="auto", bitrate=2_000, threads=1, device="cpu")
    return out.getvalue()


def recoded_to_static(data: bytes) -> bytes:
    out = io.BytesIO()
    nac_cli.recode(io.BytesIO(data), out, entropy="static", planes=1, detail=False, threads=1, device="cpu")
    return out.getvalue()


def tags(data: bytes) -> nac_cli.TagReport:
    report = nac_cli.tag(io.BytesIO(data))
    report.as_dict()
    return report


def tagged(data: bytes) -> bytes:
    changes = nac_cli.TagChanges(set=(("TITLE", "another"),), remove=("ARTIST",))
    nac_cli.tag(io.BytesIO(data), changes, out := io.BytesIO())
    return out.getvalue()


def tagged_pipe(data: bytes) -> bytes:
    nac_cli.tag(Pipe(data, 4096), nac_cli.TagChanges(clear=True), out := io.BytesIO())
    return out.getvalue()


DEAR = (
    sound, sound_file, sound_of_pipe, middle, recoded, recoded_smaller, recoded_to_static, tagged, tagged_pipe,
    info_of_pipe,
)  # fmt: skip
"""Readers of which each stream meets one or two."""


def check(data: bytes, models: Models, dear: Callable[[bytes], object]) -> str:
    """All cheap readers and one of DEAR; what became of the stream, in a word. Raises Finding."""
    told = {reader.__name__: read(reader, data) for reader in (info, tags, structure)}
    errors = {name: type(each.error) for name, each in told.items()}
    if len(set(errors.values())) > 1:
        raise Finding(f"readers of the structure differ: {errors}")
    report = read(full, data)
    other = read(dear, data)
    if report.error is not None:
        if other.error is None and dear not in (info_of_pipe, tagged, tagged_pipe, middle):
            lenient = isinstance(report.error, LimitExceeded) or not _is_whole(other.result)
            if not lenient and not isinstance(other.result, bytes):
                raise Finding(f"{dear.__name__} has no objection where verify raises {report.error!r}")
        return type(report.error).__name__
    verified = report.result
    assert isinstance(verified, nac_cli.VerifyReport)
    if not verified.sound:
        if dear in (sound, sound_file, recoded) and other.error is None and _is_whole(other.result):
            raise Finding(f"{dear.__name__} has no objection where verify has: {verified.losses} {verified.damage}")
        return "partial"
    _check_sound(data, models, dear, other, verified)
    return "sound"


def _is_whole(result: object) -> bool:
    """Whether a reader's result says nothing of damage."""
    return not (getattr(result, "losses", ()) or getattr(result, "damage", ()))


def _check_sound(
    data: bytes, models: Models, dear: Callable[[bytes], object], other: Told, verified: nac_cli.VerifyReport
) -> None:
    """A stream with which nothing is wrong: every reader must take it, and so must the reference decoder."""
    if other.error is not None and not (
        isinstance(other.error, LimitExceeded) or other.error.exit_code == 2  # a bitrate or span that cannot be had
    ):
        raise Finding(f"{dear.__name__} refuses what verify takes: {other.error!r}")
    length = verified.stream.num_samples
    if isinstance(other.result, nac_cli.Waveform):
        if other.result.samples.shape != (verified.stream.channels, length):
            raise Finding(f"{other.result.samples.shape} samples, not {length}")
        if not np.isfinite(other.result.samples).all():
            raise Finding("samples that are not finite")
    if dear in (sound_file, sound_of_pipe) and other.error is None and other.result.num_samples != length:
        raise Finding(f"{other.result.num_samples} samples in the file, not {length}")
    if isinstance(other.result, bytes):
        _check_copy(data, other.result, same_codes=dear in (recoded, tagged, tagged_pipe))
    records = _records(data)
    info = verified.stream
    codes = sum(record.num_frames for record in records) * info.channels * info.codec.num_codebooks
    lm = any(record.mode == Mode.LM for record in records)
    if codes <= (REFERENCE_CODES // 10 if lm else REFERENCE_CODES):
        try:
            head, _ = decode_file(data, models.tables, models.reference_lm if lm else None)
            if sum(record.detail is not None for record in records) == 1 and codes <= REFERENCE_CODES // 100:
                decode_detail(data)
        except Exception as error:
            raise Finding(f"the reference refuses what verify takes: {type(error).__name__}: {error}") from error
        if head["num_samples"] != length:
            raise Finding(f"the reference has {head['num_samples']} samples, not {length}")


def _check_copy(data: bytes, copy: bytes, same_codes: bool) -> None:
    """A copy is sound, and has the codes of the original where it should."""
    report = nac_cli.verify(io.BytesIO(copy), "tokens", max_seconds=LONGEST, threads=1)
    if not report.sound:
        raise Finding(f"a copy of a sound stream is damaged: {report.losses} {report.damage}")
    if same_codes:
        before, after = ([(r.index, r.num_frames, r.token_checksum) for r in _records(d)] for d in (data, copy))
        if before != after:
            raise Finding("a copy has other codes")


def _records(data: bytes) -> list[ChunkRecord]:
    return [record for record in ContainerReader(io.BytesIO(data)).chunks() if isinstance(record, ChunkRecord)]


def _sound_file(source: io.BytesIO | Pipe, **span: float) -> nac_cli.pipelines.decompress.DecompressReport:
    return nac_cli.decompress(source, io.BytesIO(), format="wav", max_seconds=LONGEST, device="cpu", threads=1, **span)


@contextmanager
def _bounded(name: str):
    """Ends the process, with a traceback, for what hangs; MemoryError for what asks for much; Finding for what takes
    it."""
    before = _memory()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if before:
        resource.setrlimit(resource.RLIMIT_AS, (before["VmSize"] + ADDRESSES, hard))
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    faulthandler.dump_traceback_later(10 * SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    if before and (growth := _memory()["VmHWM"] - before["VmRSS"]) > GROWTH:
        raise Finding(f"{name}: {growth >> 20} MiB of memory")


def _memory() -> dict[str, int]:
    """Sizes of this process in bytes by their names in Linux; empty elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) << 10 for name, value in pairs}
