"""An archive as a bag: a folder that lists its files with their hashes, as libraries and archives exchange them.

BagIt 1.0 (RFC 8493). Written here, not by the `bagit` package, which takes a folder over in place and changes the
process's working directory, declares the older version 0.97, and reads all files once more for their hashes.

Names need care. The RFC (section 2.1.3) writes a percent sign in a manifest as %25, yet `sha256sum -c` and `bagit`
(https://github.com/LibraryOfCongress/bagit-python/issues/157) take it literally, and bytes that are no UTF-8 cannot be
written at all. Nor can all tools and systems tell names that differ in case or Unicode form alone. So a bag has no such
names: a file that has one gets another in the bag, and the bag's journal tells it, so that what is restored from the
bag has the names of the library.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from nac_cli import __version__, failures
from nac_cli.archive import journal
from nac_cli.archive.inventory import Inventory, Kept, take_inventory
from nac_cli.archive.journal import JOURNAL, Failed, Ledger
from nac_cli.archive.naming import fold_case
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.places.place import Place
from nac_cli.errors import AudioError, CorruptStream, OutputExists, UsageError
from nac_cli.files import new_folder, sha256_of

BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST = "manifest-sha256.txt"
_AWKWARD = re.compile("[%\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|\\s\\Z")
"""Characters in names that tools read in different ways: percent signs, line breaks, bytes that are no UTF-8, a space
at the end."""
_LABEL = re.compile(r"[^\s:](?:[^:\r\n]*[^\s:])?")

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


@dataclass(frozen=True)
class Bag:
    """A finished bag: its payload is `files` of `bytes` in all, `linked` of them hard links, which take no room of
    their own; `renamed` are pairs (path in the archive, path in the bag)."""

    files: int
    bytes: int
    linked: int
    renamed: tuple[tuple[str, str], ...]


def export_bag(
    archive: Place,
    target: Path,
    *,
    copy: bool = False,
    info: Mapping[str, str] | None = None,
    progress: Progress = lambda done, whole: None,
) -> Bag:
    """Make a bag of an archive at the folder `target`, which must not be there. Files are hard links to the archive's
    where that can be, unless `copy`; nac never writes into a file of an archive. `info`: more lines of bag-info.txt.

    Every hash is taken from the bag's own file, and is the journal's. Raises CorruptStream if one is not, or a file is
    gone; OutputExists, UsageError, AudioError. Nothing is left in any of these cases.
    """
    _check_info(info or {})
    inventory, records = take_inventory(archive), archive.records(JOURNAL)
    with _beside(target) as folder:
        names = _names(inventory)
        data = folder / "data"
        hashes: dict[str, str] = {}
        linked, done, whole = 0, 0, sum(found.size for found in inventory.found.values())
        expected = {entry.target: entry for entry in inventory.ledger.files.values()}
        _require_all(inventory)
        for path, name in sorted(names.items()):
            with archive.reading(path) as source:
                linked += _place(source, data / name, copy)
            hashes[name] = _checked_hash(data / name, path, expected.get(path))
            done += inventory.found[path].size
            progress(done, whole)
        hashes[JOURNAL] = _write_journal(data, records, inventory.ledger, names)
        size = sum((data / name).stat().st_size for name in hashes)
        _write_tags(folder, hashes, size, info or {})
        if archive.records(JOURNAL) != records:
            raise AudioError(f"{archive.name}: has changed meanwhile; run again when nothing works on it")
    renamed = tuple((path, name) for path, name in sorted(names.items()) if path != name)
    return Bag(len(hashes), size, linked, renamed)


def _names(inventory: Inventory) -> dict[str, str]:
    """The name of each file of the archive in the bag. No two names differ in case or Unicode form alone."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in sorted(inventory.found, key=lambda path: (bool(_AWKWARD.search(path)), path)):
        name, number = _AWKWARD.sub("_", path), 1
        stem, suffix = os.path.splitext(name)
        while fold_case(name) in taken:
            number += 1
            name = f"{stem} ({number}){suffix}"
        names[path] = name
        taken.add(fold_case(name))
    return names


def _require_all(inventory: Inventory) -> None:
    if inventory.missing:
        more = f" and {len(inventory.missing) - 1} more" if len(inventory.missing) > 1 else ""
        raise CorruptStream(
            f"{inventory.missing[0].target}{more}: gone, or of another size than the journal says; nac archive verify "
            "lists all that is wrong"
        )


def _place(source: Path, place: Path, copy: bool) -> bool:
    """Put a file into the bag. Returns whether it is a hard link."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        try:
            os.link(source.resolve(), place)
            return True
        except OSError:  # another file system, or one without links
            pass
    shutil.copyfile(source, place)
    shutil.copystat(source, place)
    return False


def _checked_hash(file: Path, path: str, entry: Kept | None) -> str:
    sha256 = sha256_of(file).hex()
    if entry is not None and entry.sha256 != sha256:
        raise CorruptStream(
            f"{path}: has changed since it was archived (another SHA-256 than in the journal); nac archive verify "
            "lists all that is wrong"
        )
    return sha256


def _write_journal(data: Path, records: bytes, ledger: Ledger, names: Mapping[str, str]) -> str:
    """Write the archive's journal with the names of the bag. Returns its SHA-256 in hexadecimal."""
    file = data / JOURNAL
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(records)
    renamed: list[journal.Entry] = []
    for entry in ledger.files.values():
        name = names[entry.target]
        if name != entry.target:
            last = ledger.last[entry.path]
            renamed.append(replace(entry, target=name))
            if isinstance(last, Failed):
                renamed.append(replace(last, target=name))
    journal.append(Folder(data), renamed)
    return sha256_of(file).hex()


def _write_tags(folder: Path, hashes: Mapping[str, str], size: int, info: Mapping[str, str]) -> None:
    own = {
        "Bag-Software-Agent": f"nac-cli {__version__}",
        "Bagging-Date": date.today().isoformat(),
        "Payload-Oxum": f"{size}.{len(hashes)}",
    }
    tags = {
        "bagit.txt": BAGIT,
        "bag-info.txt": "".join(f"{label}: {value}\n" for label, value in {**info, **own}.items()),
        MANIFEST: "".join(f"{sha256}  data/{name}\n" for name, sha256 in sorted(hashes.items())),
    }
    for name, text in tags.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    lines = [f"{sha256_of(folder / name).hex()}  {name}\n" for name in tags]
    (folder / f"tag{MANIFEST}").write_bytes("".join(lines).encode("ascii"))


def _check_info(info: Mapping[str, str]) -> None:
    for label, value in info.items():
        if not _LABEL.fullmatch(label) or "\n" in value or "\r" in value:
            raise UsageError(f"{label!r}: {value!r} is no line of bag-info.txt; write it like Contact-Name=Ada")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new folder that becomes `target` when the block ends well, and is removed when not."""
    if os.path.lexists(target):
        raise OutputExists(f"{target}: already exists; a bag is made in a new folder")
    if not target.absolute().parent.is_dir():
        raise AudioError(f"{target}: its folder does not exist; make it first")
    try:
        with new_folder(target) as beside:
            yield beside
    except OSError as error:
        raise AudioError(failures.explain(error).message) from error
