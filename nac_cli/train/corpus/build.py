"""Rebuilding the corpus: Debian packages, extra recordings, rendered MIDI, all decoded into one folder."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nac_cli.errors import AudioError, UsageError
from nac_cli.parallel import attempts
from nac_cli.train.corpus import debian, packages, prepare, renders
from nac_cli.train.corpus.extras import find_extras
from nac_cli.train.corpus.packages import MIDI, MIDI_SUFFIXES, Package
from nac_cli.train.corpus.prepare import Item, Report, SourceFile
from nac_cli.train.corpus.recordings import SUFFIXES

Stage = Callable[[int, int, str], None]
"""Takes stages done, stages there are, and what is being done now."""
WHOLE = 24 * 3600.0
"""Seconds kept of an extra recording: all of it, for somebody chose it."""


@dataclass(frozen=True)
class Recipe:
    """The sources of a corpus, and how much is taken of each.

    Where `table`, `min_kbps` or `max_minutes` is None, or `soundfonts` empty, the defaults of `packages` and `renders`
    hold. If `only` names packages, no others are used. With `keep`, unpacked recordings stay in the cache.
    """

    table: Path | None = None
    only: tuple[str, ...] = ()
    min_kbps: float | None = None
    max_minutes: float | None = None
    render_minutes: float = 60.0
    soundfonts: tuple[Path, ...] = ()
    extras: Path | None = None
    sample_rate: int = 44_100
    workers: int = 2
    keep: bool = False


@dataclass(frozen=True)
class Built:
    """A corpus' items, packages that could not be had, and how many files were left out for which reason."""

    items: list[Item]
    missing: list[str]
    left_out: Counter[str]


def build(target: Path, cache: Path, recipe: Recipe, report: Report, stage: Stage) -> Built:
    """Build a corpus in `target` from packages kept in `cache`; one that is there is replaced.

    A package that cannot be had, a file that cannot be read, renders that cannot be made: each is reported and left
    out. Raises UsageError when the recipe cannot be met, AudioError when nothing at all came of it.
    """
    extras = find_extras(recipe.extras, report) if recipe.extras else []
    soundfonts = _soundfonts(recipe, report)
    wanted = _packages(recipe, bool(soundfonts))
    if wanted:
        debian.check_tools()
    cache.mkdir(parents=True, exist_ok=True)
    prepare.clear(target)
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=cache) as scratch:
        work = cache / "unpacked" if recipe.keep else Path(scratch)
        builder = _Builder(target, cache, work, recipe, report)
        stages = len(wanted) + bool(extras) + bool(soundfonts)
        # a package is unpacked, which takes one processor, while the one before is decoded
        with closing(attempts(builder.unpack, wanted, 1, "packages")) as unpacked:
            for number, package in enumerate(wanted):
                stage(number, stages, f"fetching and unpacking {package.name}")
                builder.add_package(package, next(unpacked), partial(stage, number, stages))
        if extras:
            stage(len(wanted), stages, "decoding extra recordings")
            builder.decode(extras, WHOLE)
        if soundfonts:
            stage(stages - 1, stages, "rendering MIDI")
            builder.add_renders(soundfonts)
    stage(stages, stages, "done")
    if not builder.built.items:
        raise AudioError(f"{target}: nothing came together, so there is no corpus; the warnings say why")
    prepare.write_manifest(target, builder.built.items)
    return builder.built


def _soundfonts(recipe: Recipe, report: Report) -> list[Path]:
    """None, with a report, where nothing can be rendered."""
    if recipe.render_minutes <= 0:
        return []
    try:
        return renders.find_soundfonts(recipe.soundfonts)
    except UsageError as error:
        report(f"no MIDI is rendered: {error}")
        return []


def _packages(recipe: Recipe, with_tunes: bool) -> list[Package]:
    found = packages.read_packages(recipe.table, recipe.min_kbps)
    if strange := set(recipe.only) - {package.name for package in found}:
        raise UsageError(
            f"{', '.join(sorted(strange))}: not in the table of packages, or held out, below the bitrate asked for, "
            "or without a clear licence"
        )
    return [
        package
        for package in found
        if (not recipe.only or package.name in recipe.only) and (with_tunes or package.wanted != {MIDI})
    ]


class _Builder:
    """The corpus as it grows, package by package."""

    def __init__(self, target: Path, cache: Path, work: Path, recipe: Recipe, report: Report):
        self.target, self.cache, self.work, self.recipe, self.report = target, cache, work, recipe, report
        self.held_out = packages.read_held_out()
        self.built = Built([], [], Counter())
        self.tunes: list[SourceFile] = []

    def unpack(self, package: Package) -> list[str]:
        """Fetch a package; the files of sound that it has, unpacked. Raises AudioError."""
        return debian.unpack(debian.fetch(package.name, self.cache), self.work / package.name, SUFFIXES | MIDI_SUFFIXES)

    def add_package(self, package: Package, unpacked: Callable[[], list[str]], say: Callable[[str], None]) -> None:
        """Choose and decode. Tunes stay where they are until they are rendered; they are small."""
        folder = self.work / package.name
        try:
            names = unpacked()
        except AudioError as error:
            self.report(str(error))
            self.built.missing.append(package.name)
            return
        say(f"decoding {package.name}")
        choice = packages.choose(package, folder, names, self.held_out, self.recipe.max_minutes)
        self.built.left_out.update(choice.left_out)
        self.tunes += choice.tunes
        self.decode(choice.files, packages.FILE_SECONDS)
        if not self.recipe.keep:
            for name in names:
                if Path(name).suffix.lower() not in MIDI_SUFFIXES:
                    (folder / name).unlink()

    def add_renders(self, soundfonts: list[Path]) -> None:
        folder, recipe = self.work / "renders", self.recipe
        files = renders.render_all(
            self.tunes, folder, soundfonts, recipe.render_minutes, recipe.sample_rate, self.report, recipe.workers
        )
        self.decode(files, renders.MAX_SECONDS)
        if not recipe.keep:
            shutil.rmtree(folder, ignore_errors=True)

    def decode(self, files: Sequence[SourceFile], max_seconds: float) -> None:
        items = self.built.items
        first = int(Path(items[-1].path).stem) + 1 if items else 0
        rate, workers = self.recipe.sample_rate, self.recipe.workers
        items += prepare.decode(files, self.target, rate, first, max_seconds, workers, self.report)
