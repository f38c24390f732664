"""A corpus from folders of recordings and from shards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nac_cli.errors import AudioError
from nac_cli.train.corpus.prepare import MANIFEST, Item, SourceFile, find_audio, prepare
from nac_cli.train.corpus.shards import unpack
from nac_cli.train.listener import SILENT, Listener


@dataclass(frozen=True)
class Prepared:
    """A new corpus: its folder, its items, and a sentence on each recording that was left out."""

    corpus: Path
    items: list[Item]
    left_out: list[str]


def is_corpus(folder: Path) -> bool:
    """Whether `folder` is a prepared corpus, which its manifest says."""
    return (folder / MANIFEST).is_file()


def prepare_folders(
    sources: Sequence[Path], target: Path, sample_rate: int, workers: int = 2, listener: Listener = SILENT
) -> Prepared:
    """Decode all sound in `sources`, folders and tar shards, to `sample_rate` Hz into the corpus `target`, by `workers`
    processes. Raises AudioError if a shard cannot be read, or if nothing usable is found."""
    target.mkdir(parents=True, exist_ok=True)
    left_out: list[str] = []
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=target) as scratch:
        files = list(_files(sources, Path(scratch)))
        if not files:
            raise AudioError(f"no sound files in {', '.join(map(str, sources))}")
        with listener.preparing(len(files)) as progress:
            items = prepare(files, target, sample_rate, workers=workers, report=left_out.append, progress=progress)
    for message in left_out:
        listener.left_out(message)
    if not items:
        counted = "1 file" if len(files) == 1 else f"{len(files)} files"
        raise AudioError(f"none of {counted} is of use, so there is no corpus in {target}")
    listener.prepared(target, items)
    return Prepared(target, items, left_out)


def _files(sources: Sequence[Path], scratch: Path) -> Iterator[SourceFile]:
    """The recordings of folders, and those of shards, which are unpacked below `scratch`."""
    for number, source in enumerate(sources):
        yield from find_audio(source) if source.is_dir() else unpack(source, scratch / str(number))
