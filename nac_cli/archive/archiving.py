"""The work of archiving: sound files become `.nac` files, other files are copied."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nac_cli.archive.journal import Copied, Done
from nac_cli.archive.places.place import Found, Place
from nac_cli.archive.plan import Job
from nac_cli.archive.settings import Settings
from nac_cli.archive.workers.pool import OnProgress
from nac_cli.errors import AudioError, NacError
from nac_cli.failures import Failure, explain
from nac_cli.files import sha256_of
from nac_cli.pipelines.verify import verify

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec
    from nac_cli.pipelines.compress import Compressor

FILES_AT_ONCE = {"cpu": 2, "cuda": 16}
"""Files that a worker reads at a time: while one is read another is encoded, and a GPU wants many chunks at once."""


@dataclass(frozen=True)
class Archiving:
    """`Work` whose tasks are `Job`s. `hashed`: take the SHA-256 of the sources too; `check`: decode each result before
    it takes its place; `threads`: CPU threads of each worker."""

    source: Place
    target: Place
    settings: Settings
    hashed: bool = False
    check: bool = False
    device: str = "auto"
    threads: int | None = None

    def open(self) -> Archiver:
        """Load the model. Raises ModelError, UsageError, TokenMismatch."""
        from nac_cli.pipelines.compress import Compressor
        from nac_cli.pipelines.models.opening import choose_device
        from nac_cli.pipelines.models.sharing import SharedEncoder
        from nac_cli.pipelines.rate.target import Target

        self.settings.require_here()
        device = choose_device(self.device, self.threads)
        compressor = Compressor.open(
            self.settings.model,
            Target(self.settings.bitrate, self.settings.planes, exact=False),
            entropy=self.settings.entropy,
            tags=self.settings.tags,
            digest=True,
            device=device,
            threads=self.threads,
        )
        shared = SharedEncoder(compressor.codec, together=device == "cuda")
        # it has all that a codec has, by passing on what is asked of it
        return Archiver(self, replace(compressor, codec=cast("Codec", shared)), FILES_AT_ONCE[device])


class Archiver:
    """A `Worker` that compresses or copies files: the result of a job is `Done`, `Copied` or a `Failure`."""

    def __init__(self, work: Archiving, compressor: Compressor, files_at_once: int):
        self._work, self._compressor, self._files_at_once = work, compressor, files_at_once

    def run(self, jobs: Sequence[Job], progress: OnProgress) -> Iterator[tuple[int, Done | Copied | Failure]]:
        with ThreadPoolExecutor(min(self._files_at_once, len(jobs))) as threads:
            futures = {threads.submit(self._one, job, index, progress): index for index, job in enumerate(jobs)}
            for future in as_completed(futures):
                yield futures[future], future.result()

    def _one(self, job: Job, index: int, progress: OnProgress) -> Done | Copied | Failure:
        try:
            found = self._unchanged(job.path, None)
            if (kept := self._kept(job)) is not None:
                return kept
            with self._work.source.reading(job.path) as source:
                try:
                    if job.sound:
                        return self._compressed(job, found, source, index, progress)
                    return self._copied(job, found, source)
                except NacError as error:  # which knows the file by the name that it has here
                    failure = explain(error)
                    return replace(failure, message=failure.message.replace(str(source), job.path))
        except Exception as error:  # whatever one file did, the others still have their turn
            return explain(error)

    def _compressed(self, job: Job, found: Found, source: Path, index: int, progress: OnProgress) -> Done:
        started, work = time.monotonic(), self._work
        with work.target.writing(job.target, found.mtime_ns) as place:
            report = self._compressor.run(
                source, place, check=work.check, progress=lambda done, whole: progress(index, done, whole)
            )
            size, sha256 = place.stat().st_size, sha256_of(place).hex()
            source_sha256 = sha256_of(source).hex() if work.hashed else None
            self._unchanged(job.path, found)
        settings = work.settings
        assert report.pcm_md5 is not None  # as `open` asks for it
        return Done(
            job.path,
            job.target,
            found.size,
            found.mtime_ns,
            source_sha256,
            report.pcm_md5,
            report.num_samples,
            report.sample_rate,
            report.channels,
            size,
            sha256,
            report.model,
            settings.model_id,
            settings.lm_id if report.modes.get("lm") else None,
            settings.id,
            round(time.monotonic() - started, 3),
            tuple(message.replace(str(source), job.path) for message in report.messages),
            now(),
        )

    def _copied(self, job: Job, found: Found, source: Path) -> Copied:
        with self._work.target.writing(job.target, found.mtime_ns) as place:
            shutil.copyfile(source, place)
            size, sha256 = place.stat().st_size, sha256_of(place).hex()
            self._unchanged(job.path, found)
        return Copied(
            job.path, job.target, found.size, found.mtime_ns, sha256 if self._work.hashed else None, size, sha256, now()
        )

    def _kept(self, job: Job) -> Done | Copied | None:
        """The journal's new entry for an output that was altered but holds the same sound (other tags, say), with its
        time of change put back; None if the output has to be made anew."""
        before, target = job.before, self._work.target
        if before is None:
            return None
        with target.reading(job.target) as path:
            size, sha256, time_now = path.stat().st_size, sha256_of(path).hex(), now()
            if not _holds_the_same(path, sha256, before):
                return None
            with target.writing(job.target, before.source_mtime_ns) as place:
                shutil.copyfile(path, place)
        if isinstance(before, Copied):
            return replace(before, bytes=size, sha256=sha256, time=time_now)
        kept = "it was changed in the archive (its tags, say) and is sound: it stays as it is"
        messages = (*before.messages, kept)
        return replace(before, bytes=size, sha256=sha256, messages=messages, time=time_now)

    def _unchanged(self, path: str, before: Found | None) -> Found:
        """The source file as it is now. Raises AudioError where it is gone, or differs from `before` if that is
        given."""
        found = self._work.source.stat(path)
        if found is None:
            raise AudioError(f"{path}: no longer there")
        if before not in (None, found):
            raise AudioError(f"{path}: changed while it was read; run the command again")
        return found


def _holds_the_same(path: Path, sha256: str, before: Done | Copied) -> bool:
    """Whether a file of the archive still holds the bytes, or without damage the sound, that the entry `before`
    records."""
    if sha256 == before.sha256:
        return True
    if isinstance(before, Copied):
        return False
    try:
        report = verify(path, "structure")
    except NacError:
        return False
    stream = report.stream
    shape = stream.num_samples, stream.sample_rate, stream.channels
    return report.sound and shape == (before.samples, before.sample_rate, before.channels)


def now() -> str:
    """The present time in UTC, as ISO 8601 to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
