"""Which Debian packages hold free audio, which of their files are taken, and for which domain.

The table `sources/debian.tsv` has a line for each package and domain: minutes, mean kbit/s of the files, share of
full-band files and licence, as measured on Debian's packages. Its domain `midi` stands for tunes to render.
"""

from __future__ import annotations

import csv
import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import soundfile

from nac_cli.errors import UsageError
from nac_cli.train.corpus.prepare import MIN_SECONDS, SourceFile
from nac_cli.train.corpus.recordings import SUFFIXES

SOURCES = files("nac_cli.train.corpus") / "sources"
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
COLUMNS = ("package", "domain", "minutes", "mean_kbps", "fullband_share", "licence")
MIDI = "midi"
MIDI_SUFFIXES = frozenset({".mid", ".midi"})
MIN_RATE = 16_000
MIN_KBPS = {"speech": 50.0}
OTHER_MIN_KBPS = 75.0
"""Lossy sources below this teach a codec their artefacts; speech is scarce and gets along with less."""
CAPS = {"music": 14.0, "speech": 50.0, "env": 25.0, "game-sfx": 12.0, "instrument": 15.0}
"""Minutes of a domain from one package, so that no single game colours the corpus."""
OTHER_CAP = 15.0
FILE_SECONDS = 240.0
"""Seconds kept of one file."""
LONG_SECONDS = 45.0
"""Seconds: a longer file is music where a package has music."""
CALLED = {"game-sfx": "env"}
"""The corpus' name of a domain of the table, where it is another."""
SPEECH_PATH = re.compile(r"voice|speech|talk|dialog|/vo/|taunt|announc", re.IGNORECASE)
MUSIC_PATH = re.compile(r"music|soundtrack|/song", re.IGNORECASE)
ENV_PATH = re.compile(r"ambien|environment|nature|wind|rain|water|forest|bird|sea|river|fire|crowd", re.IGNORECASE)


@dataclass(frozen=True)
class Offer:
    """A line of the table: what a package has of a domain."""

    package: str
    domain: str
    mean_kbps: float
    licence: str

    @property
    def licensed(self) -> bool:
        """Whether the licence is clear; "?" marks one that nobody could tell."""
        return self.licence.strip("? ") != ""

    def good_enough(self, min_kbps: float | None) -> bool:
        return self.mean_kbps >= (MIN_KBPS.get(self.domain, OTHER_MIN_KBPS) if min_kbps is None else min_kbps)


@dataclass(frozen=True)
class Package:
    """A package and all its offers; `wanted` are the domains that pass the filters."""

    name: str
    offers: dict[str, Offer]
    wanted: frozenset[str]


@dataclass(frozen=True)
class HeldOut:
    """Recordings that are never trained on: pairs of a package and a pattern of its files."""

    rules: tuple[tuple[str, str], ...]

    def forbids(self, package: str, path: str | None = None) -> bool:
        """Whether a whole package (no `path`) or a file of it is held out."""
        return any(
            name == package and (pattern == "*" if path is None else fnmatchcase(path, pattern))
            for name, pattern in self.rules
        )


@dataclass(frozen=True)
class Choice:
    """Files taken from an unpacked package, tunes to render, and how many were left out for which reason."""

    files: tuple[SourceFile, ...]
    tunes: tuple[SourceFile, ...]
    left_out: Counter[str]


def read_held_out() -> HeldOut:
    lines = [line.partition("#")[0].split() for line in (SOURCES / "held_out.txt").read_text("utf-8").splitlines()]
    return HeldOut(tuple((line[0], line[1] if len(line) > 1 else "*") for line in lines if line))


def read_packages(table: Path | None = None, min_kbps: float | None = None) -> list[Package]:
    """The packages worth fetching, in order of their names, from `table` or the one that ships with nac.

    Held-out packages, those without a clear licence and those below the mean kbit/s are not among them.
    Raises UsageError when the table is none.
    """
    offers: dict[str, dict[str, Offer]] = {}
    for offer in _read_table(table):
        offers.setdefault(offer.package, {})[offer.domain] = offer
    held_out, packages = read_held_out(), []
    for name, rows in sorted(offers.items()):
        wanted = frozenset(domain for domain, row in rows.items() if row.licensed and row.good_enough(min_kbps))
        if wanted and not held_out.forbids(name):
            packages.append(Package(name, rows, wanted))
    return packages


def _read_table(table: Path | None) -> list[Offer]:
    text = (table or SOURCES / "debian.tsv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    if missing := set(COLUMNS) - set(rows.fieldnames or ()):
        raise UsageError(f"{table}: no table of packages, it lacks the columns {', '.join(sorted(missing))}")
    offers = []
    for row in rows:
        try:
            offers.append(Offer(row["package"], row["domain"], float(row["mean_kbps"]), row["licence"] or ""))
        except (ValueError, TypeError) as error:
            raise UsageError(f"{table}: line {rows.line_num} is damaged ({error})") from error
        if not PACKAGE.fullmatch(row["package"]):
            raise UsageError(f"{table}: line {rows.line_num}: {row['package']!r} is no package name")
    return offers


def domain_of(path: str, seconds: float, domains: Collection[str]) -> str:
    """The domain of a file, among those its package has: by its path, its length, and what effects mostly are."""
    if len(domains) == 1:
        return next(iter(domains))
    if "speech" in domains and SPEECH_PATH.search(path):
        return "speech"
    if "music" in domains and (MUSIC_PATH.search(path) or seconds > LONG_SECONDS):
        return "music"
    if "env" in domains and ENV_PATH.search(path):
        return "env"
    usual = ("game-sfx", "instrument", "env", "speech", "music")
    return next((domain for domain in usual if domain in domains), min(domains))


def choose(
    package: Package, folder: Path, names: Sequence[str], held_out: HeldOut, max_minutes: float | None = None
) -> Choice:
    """Pick from the unpacked files `names` below `folder` by domain and cap, in an order that the name seeds.

    `max_minutes` replaces the caps of every domain.
    """
    domains = [domain for domain in package.offers if domain != MIDI]
    chosen, tunes = [], []
    left_out: Counter[str] = Counter()
    used: dict[str, float] = defaultdict(float)
    for name in random.Random(package.name).sample(sorted(names), len(names)):
        path, suffix = str(folder / name), Path(name).suffix.lower()
        if held_out.forbids(package.name, name):
            left_out["held out"] += 1
        elif suffix in MIDI_SUFFIXES:
            offer = package.offers.get(MIDI) or next(iter(package.offers.values()))
            tunes.append(SourceFile(path, "music", f"render:{package.name}", offer.licence))
        elif suffix in SUFFIXES and domains:
            seconds, reason = _length(path)
            offer = package.offers[domain_of(name, seconds, domains)]
            cap = 60 * (CAPS.get(offer.domain, OTHER_CAP) if max_minutes is None else max_minutes)
            kept = min(seconds, FILE_SECONDS)
            if not reason and offer.domain not in package.wanted:
                reason = "of too low a bitrate or unclear licence"
            if not reason and used[offer.domain] + kept > cap:
                reason = "over the cap of its domain"
            if reason:
                left_out[reason] += 1
                continue
            used[offer.domain] += kept
            domain = CALLED.get(offer.domain, offer.domain)
            chosen.append(SourceFile(path, domain, f"debian:{package.name}", offer.licence))
    return Choice(tuple(chosen), tuple(tunes), left_out)


def _length(path: str) -> tuple[float, str]:
    """Seconds, and why the file is of no use ("" if it is)."""
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError):
        return 0.0, "unreadable"
    if info.samplerate < MIN_RATE:
        return info.duration, f"below {MIN_RATE // 1000} kHz"
    return info.duration, f"shorter than {MIN_SECONDS:g} s" if info.duration < MIN_SECONDS else ""
