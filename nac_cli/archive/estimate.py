"""An estimate of the size of an archive, from the headers of its sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from nac_cli.archive.places.place import Place
from nac_cli.archive.plan import Job
from nac_cli.archive.settings import Settings
from nac_cli.audio import open_audio
from nac_cli.errors import NacError
from nac_cli.failures import Failure, explain
from nac_cli.models import zoo
from nac_cli.pipelines.rate.target import DEFAULT_BITRATE
from nac_cli.speakers import groups_of
from nac_cli.values import CodecSpec

THREADS = 8
OVERHEAD_BYTES = 130
"""Bytes of a stream beside its codes, whatever its length."""


@dataclass(frozen=True)
class Estimate:
    """An estimate: `seconds` of sound and `bytes` of the outputs without tags and pictures, as far as headers give the
    lengths; `unreadable` are the files in which no sound was found, with the reason."""

    seconds: float
    bytes: int
    unreadable: tuple[tuple[str, Failure], ...]


def estimate(jobs: Sequence[Job], source: Place, settings: Settings, progress: Callable[[int], None]) -> Estimate:
    """Estimate the outputs of `jobs` by reading the headers of their sources. With `planes` instead of a bitrate, the
    size is that of packed codes. `progress` gets the number of files read."""
    spec = zoo.find(settings.model).spec
    seconds, total, unreadable = 0.0, 0.0, []

    def shape(job: Job) -> tuple[float, int, int] | Failure:
        try:
            with source.reading(job.path) as path, open_audio(path, lambda message: None) as sound:
                return sound.seconds or 0.0, sound.channels, len(groups_of(sound.speakers, sound.channels))
        except (NacError, OSError) as error:
            return explain(error)

    with ThreadPoolExecutor(THREADS) as threads:
        sounds = [job for job in jobs if job.sound]
        for number, (job, found) in enumerate(zip(sounds, threads.map(shape, sounds), strict=True)):
            if isinstance(found, Failure):
                unreadable.append((job.path, found))
            else:
                seconds += found[0]
                total += found[0] * _bitrate(*found[1:], settings, spec) / 8 + OVERHEAD_BYTES
            progress(number + 1)
    copies = sum(job.found.size for job in jobs if not job.sound)
    return Estimate(seconds, round(total) + copies, tuple(unreadable))


def _bitrate(channels: int, groups: int, settings: Settings, spec: CodecSpec) -> float:
    if settings.bitrate is not None:
        return settings.bitrate
    if settings.planes is None:
        return DEFAULT_BITRATE * groups
    bits = sum(
        (size - 1).bit_length() / stride
        for size, stride in list(zip(spec.codebook_sizes, spec.strides, strict=True))[: settings.planes]
    )
    return channels * spec.frame_rate * bits
