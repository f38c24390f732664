"""A corpus packed for carrying: tar shards of a bounded size, each a small balanced corpus by itself.

A shard is a plain tar file of encoded excerpts (`000042.opus`) and, last, `manifest.jsonl` with a line for each.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import IO

import numpy as np
import soundfile

from nac_cli.errors import AudioError, OutputExists, UsageError
from nac_cli.files import atomic_path
from nac_cli.train.corpus.encoding import Encoding
from nac_cli.train.corpus.prepare import (
    MANIFEST,
    MIN_SECONDS,
    Item,
    Progress,
    SourceFile,
    manifest_lines,
    parse_manifest,
    read_manifest,
    worker_pool,
)

EXCERPT_SECONDS = 20.0
SHARD = re.compile(r"shard-[0-9]{3,}\.tar")
MEMBER = re.compile(r"[0-9A-Za-z_-]+\.(opus|ogg|flac|wav)")
MAX_MANIFEST_BYTES = 64 << 20


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a corpus' file: `frames` samples from `start`."""

    item: Item
    start: int
    frames: int
    seconds: float


@dataclass(frozen=True)
class Packed:
    """The shards written; seconds by domain; the mean bit/s of one channel that the encoder used."""

    shards: list[Path]
    total_bytes: int
    excerpts: int
    seconds: dict[str, float]
    channel_bitrate: float


def pack(
    corpus: Path,
    target: Path,
    shard_bytes: int,
    encoding: Encoding,
    seconds: float | None = None,
    weights: dict[str, float] | None = None,
    seed: int = 0,
    workers: int = 2,
    force: bool = False,
    progress: Progress = lambda done, whole: None,
) -> Packed:
    """Write shards of at most `shard_bytes` into the folder `target`, `seconds` of sound in all (None: everything).

    Any number of shards, taken from the first, is a sample balanced by `weights` over domains (equal by default, as
    far as a domain lasts). `progress` takes excerpts done and excerpts there are. Raises UsageError for weights that
    name no domain of the corpus and for a size that no excerpt fits in, OutputExists without `force`.
    """
    excerpts = _limited(draw(corpus, read_manifest(corpus), weights or {}, seed), seconds)
    if not excerpts:
        raise UsageError("no domain has a weight above 0, so there is nothing to pack")
    target.mkdir(parents=True, exist_ok=True)
    _make_room(target, force)
    taken: dict[str, float] = defaultdict(float)
    done, bits, channel_seconds = 0, 0, 0.0
    writer = _ShardWriter(target, shard_bytes)
    with worker_pool(workers) as pool:
        for excerpt, data in zip(excerpts, pool.map(_encode, repeat(corpus), excerpts, repeat(encoding)), strict=True):
            done += 1
            progress(done, len(excerpts))
            if data is not None:
                name = f"{done - 1:06d}{encoding.suffix}"
                writer.add(replace(excerpt.item, path=name, seconds=excerpt.seconds), data)
                taken[excerpt.item.domain] += excerpt.seconds
                bits += 8 * len(data)
                channel_seconds += excerpt.item.channels * excerpt.seconds
    shards = writer.finish()
    total_bytes = sum(path.stat().st_size for path in shards)
    return Packed(shards, total_bytes, writer.excerpts, dict(taken), bits / max(channel_seconds, 1e-9))


def draw(corpus: Path, items: list[Item], weights: dict[str, float], seed: int) -> Iterator[Excerpt]:
    """All excerpts of the weighted domains in a balanced random order.

    The next one is of the domain that has had least, by its weight, of those that have any left. Within a domain
    every file's excerpts arrive at random times at a rate that grows with the square root of its length, so that long
    files count more, but not in proportion.
    """
    domains = sorted({item.domain for item in items})
    if strange := set(weights) - set(domains):
        raise UsageError(f"{corpus}: there is no domain {', '.join(sorted(strange))}, only {', '.join(domains)}")
    rate = soundfile.info(str(corpus / items[0].path)).samplerate
    rng = np.random.default_rng(seed)
    waiting = {}
    for domain in domains:
        if weights.get(domain, 0.0 if weights else 1.0) > 0:
            waiting[domain] = _in_order([item for item in items if item.domain == domain], rate, rng)
    had = dict.fromkeys(waiting, 0.0)
    while waiting:
        domain = min(waiting, key=had.__getitem__)
        excerpt = next(waiting[domain], None)
        if excerpt is None:
            del waiting[domain]
            continue
        had[domain] += excerpt.seconds / weights.get(domain, 1.0)
        yield excerpt


def _in_order(items: list[Item], rate: int, rng: np.random.Generator) -> Iterator[Excerpt]:
    """Excerpts of one domain: each file is a Poisson process of its pieces."""
    arrivals: list[tuple[float, int, int, int]] = []
    for number, item in enumerate(items):
        pieces = max(1, int(np.ceil(item.seconds / EXCERPT_SECONDS)))
        times = rng.exponential(1 / np.sqrt(max(item.seconds, MIN_SECONDS)), pieces).cumsum()
        arrivals += zip(times, [number] * pieces, rng.permutation(pieces), [pieces] * pieces, strict=True)
    for _, number, piece, pieces in sorted(arrivals):
        frames = round(items[number].seconds * rate)
        start, stop = (frames * int(edge) // pieces for edge in (piece, piece + 1))
        yield Excerpt(items[number], start, stop - start, (stop - start) / rate)


def _limited(excerpts: Iterable[Excerpt], seconds: float | None) -> list[Excerpt]:
    taken, total = [], 0.0
    for excerpt in excerpts:
        if seconds is not None and total >= seconds:
            break
        taken.append(excerpt)
        total += excerpt.seconds
    return taken


def _encode(corpus: Path, excerpt: Excerpt, encoding: Encoding) -> bytes | None:
    return encoding.encode(corpus / excerpt.item.path, excerpt.start, excerpt.frames)


def _make_room(target: Path, force: bool) -> None:
    old = [path for path in target.iterdir() if SHARD.fullmatch(path.name)]
    if old and not force:
        raise OutputExists(f"{target}: holds shards already; use --force to replace them")
    for path in old:
        path.unlink()


class _ShardWriter:
    """Fills one shard after the other; a shard is held in memory until it is full."""

    def __init__(self, target: Path, shard_bytes: int):
        self._target, self._limit = target, shard_bytes
        self._members: list[tuple[Item, bytes]] = []
        self._payload = self._manifest = 0
        self._shards: list[Path] = []
        self.excerpts = 0

    def add(self, item: Item, data: bytes) -> None:
        line = len(manifest_lines([item]).encode())
        if self._members and self._size(_padded(len(data)), line) > self._limit:
            self._write()
        if self._size(_padded(len(data)), line) > self._limit:
            raise UsageError(f"{self._limit} bytes are too little for an excerpt of {len(data)}; use larger shards")
        self._members.append((item, data))
        self._payload += _padded(len(data))
        self._manifest += line
        self.excerpts += 1

    def finish(self) -> list[Path]:
        if self._members:
            self._write()
        return self._shards

    def _size(self, payload: int, line: int) -> int:
        """Bytes of the tar file with one member more; tar ends with two empty blocks and fills its last record."""
        blocks = self._payload + payload + _padded(self._manifest + line) + 2 * tarfile.BLOCKSIZE
        return -(-blocks // tarfile.RECORDSIZE) * tarfile.RECORDSIZE

    def _write(self) -> None:
        path = self._target / f"shard-{len(self._shards):03d}.tar"
        manifest = manifest_lines(item for item, _ in self._members).encode()
        with atomic_path(path, False) as beside, tarfile.open(beside, "w", format=tarfile.USTAR_FORMAT) as archive:
            for item, data in self._members:
                _add_member(archive, item.path, data)
            _add_member(archive, MANIFEST, manifest)
        self._shards.append(path)
        self._members, self._payload, self._manifest = [], 0, 0


def _padded(length: int) -> int:
    """A member's bytes in a tar file: its header and whole blocks."""
    return tarfile.BLOCKSIZE * (1 + -(-length // tarfile.BLOCKSIZE))


def _add_member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def read_shard_manifest(shard: Path) -> list[Item]:
    """The items of a shard; `path` names its members. Raises AudioError for what is no shard, or damaged."""
    with _opened(shard) as archive:
        return _items(shard, _members(archive), archive)


def unpack(shard: Path, folder: Path) -> list[SourceFile]:
    """The inverse of `pack` for one shard: its excerpts as files in `folder`, ready for `prepare`.

    Nothing but plain files with plain names is taken from it. Raises AudioError for what is no shard, or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with _opened(shard) as archive:
        members = _members(archive)
        for item in _items(shard, members, archive):
            path = folder / item.path
            with open(path, "wb") as file:
                shutil.copyfileobj(_contents(archive, members[item.path]), file)
            files.append(SourceFile(str(path), item.domain, item.source, item.licence, item.full_band))
    return files


class _opened:
    """A shard as a tar file; inside, whatever tarfile stumbles over is an AudioError."""

    def __init__(self, shard: Path):
        self._shard = shard

    def __enter__(self) -> tarfile.TarFile:
        try:
            self._archive = tarfile.open(self._shard, "r:")
        except (tarfile.TarError, EOFError) as error:
            raise self._damaged(error) from error
        return self._archive

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self._archive.close()
        if isinstance(error, (tarfile.TarError, EOFError)):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> AudioError:
        return AudioError(f"{self._shard}: no shard, or a damaged one ({error}); copy it again")


def _members(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    return {member.name: member for member in archive if member.isreg() and not member.issparse()}


def _contents(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    assert file is not None  # members are regular files
    return file


def _items(shard: Path, members: dict[str, tarfile.TarInfo], archive: tarfile.TarFile) -> list[Item]:
    """The manifest's items, every one a plain member with a plain name."""
    manifest = members.get(MANIFEST)
    if manifest is None or manifest.size > MAX_MANIFEST_BYTES:
        raise AudioError(f"{shard}: has no {MANIFEST}, so it is no shard of `nac train pack`, or not all of one")
    text = _contents(archive, manifest).read().decode("utf-8", "replace")
    items = parse_manifest(text, f"{shard}: {MANIFEST}")
    for item in items:
        if not isinstance(item.path, str) or not MEMBER.fullmatch(item.path) or item.path not in members:
            raise AudioError(f"{shard}: {item.path!r} of its {MANIFEST} is no plain file in it")
    return items
