"""Contents of a folder of recordings, a prepared corpus or a shard: files and seconds by domain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nac_cli.errors import AudioError
from nac_cli.train.corpus.prepare import MANIFEST, MIN_SECONDS, Item, Progress, domain_in, read_manifest, worker_pool
from nac_cli.train.corpus.recordings import Facts, find_recordings, inspect
from nac_cli.train.corpus.shards import read_shard_manifest


@dataclass
class Domain:
    """Sums over a domain's files. `sample_rates` (Hz) and `channels` count files; bytes are of the files scanned."""

    files: int = 0
    seconds: float = 0.0
    full_band_seconds: float = 0.0
    file_bytes: int = 0
    sample_rates: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)

    @property
    def full_band_share(self) -> float:
        """The share of the time that is full-band, 0..1."""
        return self.full_band_seconds / self.seconds if self.seconds else 0.0

    @property
    def bitrate(self) -> float | None:
        """Mean bit/s of the files, all channels together; None where no file was looked at."""
        return 8 * self.file_bytes / self.seconds if self.file_bytes and self.seconds else None


@dataclass(frozen=True)
class Scan:
    """`domains` by name; `licences` in seconds (a manifest's only); `unreadable` files with the reason; `kind`:
    folder, corpus or shard."""

    kind: str
    domains: dict[str, Domain]
    licences: dict[str, float]
    unreadable: list[str]

    @property
    def total(self) -> Domain:
        whole = Domain()
        for domain in self.domains.values():
            whole.files += domain.files
            whole.seconds += domain.seconds
            whole.full_band_seconds += domain.full_band_seconds
            whole.file_bytes += domain.file_bytes
            whole.sample_rates += domain.sample_rates
            whole.channels += domain.channels
        return whole


def scan(path: Path, workers: int = 2, progress: Progress = lambda done, whole: None) -> Scan:
    """Look at a corpus' or a shard's manifest, or else at every recording below a folder.

    Whether a recording is full-band is measured as `prepare` does. Raises AudioError when there is no sound.
    """
    if path.suffix == ".tar":
        return _of_items("shard", read_shard_manifest(path))
    if (path / MANIFEST).is_file():
        items = read_manifest(path)
        return _of_items("corpus", items, inspect(path / items[0].path).sample_rate)
    files = list(find_recordings(path))
    if not files:
        raise AudioError(f"{path}: no sound files in it, and no {MANIFEST}")
    domains: dict[str, Domain] = defaultdict(Domain)
    unreadable = []
    with worker_pool(workers) as pool:
        for done, (file, facts) in enumerate(zip(files, pool.map(_inspect, files), strict=True), 1):
            progress(done, len(files))
            if isinstance(facts, str):
                unreadable.append(facts)
            else:
                _add(domains[domain_in(path, file)], facts)
    return Scan("folder", dict(sorted(domains.items())), {}, unreadable)


def _inspect(path: Path) -> Facts | str:
    try:
        facts = inspect(path)
    except AudioError as error:
        return str(error)
    return facts if facts.seconds >= MIN_SECONDS else f"{path}: shorter than {MIN_SECONDS:g} s"


def _add(domain: Domain, facts: Facts) -> None:
    domain.files += 1
    domain.seconds += facts.seconds
    domain.full_band_seconds += facts.seconds * facts.full_band
    domain.file_bytes += facts.file_bytes
    domain.sample_rates[facts.sample_rate] += 1
    domain.channels[facts.channels] += 1


def _of_items(kind: str, items: Iterable[Item], sample_rate: int | None = None) -> Scan:
    """`sample_rate`: the one that all files have, if it is known."""
    domains: dict[str, Domain] = defaultdict(Domain)
    licences: dict[str, float] = defaultdict(float)
    for item in items:
        domain = domains[item.domain]
        domain.files += 1
        domain.seconds += item.seconds
        domain.full_band_seconds += item.seconds * item.full_band
        domain.channels[item.channels] += 1
        if sample_rate is not None:
            domain.sample_rates[sample_rate] += 1
        licences[item.licence] += item.seconds
    return Scan(kind, dict(sorted(domains.items())), dict(sorted(licences.items(), key=lambda entry: -entry[1])), [])
