"""Tags and pictures of a `.nac` file, read and changed without touching its sound (and without torch)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from nac_cli.container import ContainerEditor, ContainerReader
from nac_cli.errors import CorruptStream, UsageError
from nac_cli.files import open_replacement
from nac_cli.pipelines.endpoints import name_of, open_stream
from nac_cli.pipelines.tag_changes import TagChanges
from nac_cli.values import Tags


@dataclass(frozen=True)
class TagReport:
    """`tags` of a file as they are now; `changed` says whether they were others before. Sizes in bytes; `damage` lists
    what is wrong with a file that was only read, in words."""

    name: str
    tags: Tags
    changed: bool
    source_bytes: int
    file_bytes: int
    damage: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        """Plain values for JSON; pictures without their data."""
        return {
            "file": self.name,
            "changed": self.changed,
            "source_bytes": self.source_bytes,
            "file_bytes": self.file_bytes,
            "tags": [list(item) for item in self.tags.items],
            "pictures": [
                {
                    "type": p.type,
                    "mime": p.mime,
                    "description": p.description,
                    "width": p.width,
                    "height": p.height,
                    "depth": p.depth,
                    "colours": p.colours,
                    "bytes": len(p.data),
                }
                for p in self.tags.pictures
            ],
            "damage": list(self.damage),
        }


def tag(
    source: str | os.PathLike | BinaryIO,
    changes: TagChanges | None = None,
    target: BinaryIO | None = None,
) -> TagReport:
    """Change the tags of a `.nac` file in place, or those of an open file or pipe on its way to `target`.

    Every other block stays as it is, also one of an unknown type. As long as the new tags and pictures fit where the
    old ones and their padding stood, the size stays and so does every byte behind them; otherwise the padding is
    renewed. Room that would leave more than 16 KiB of padding, and more than there was, is given back. The file is
    written beside and renamed. Changes that change nothing leave a file alone; a `target` gets its bytes all the same.

    Without changes the tags are only read, from damaged files too. To change them, the file must be free of damage
    (structure and checksums; no model is needed).

    Raises CorruptStream, UnsupportedStream, LimitExceeded (nothing is written then), UsageError, AudioError.

    >>> import io, numpy as np, nac_cli
    >>> silence = nac_cli.Waveform(np.zeros((1, 16000), np.float32), 16000)
    >>> _ = nac_cli.compress(silence, file := io.BytesIO(), planes=1)
    >>> changes = nac_cli.TagChanges(set=(("TITLE", "Silence"),))
    >>> nac_cli.tag(io.BytesIO(file.getvalue()), changes, tagged := io.BytesIO()).tags.values("title")
    ('Silence',)
    >>> nac_cli.info(io.BytesIO(tagged.getvalue())).tags.items
    (('TITLE', 'Silence'),)
    """
    if not changes and target is None:
        return _read(source)
    if target is None and not isinstance(source, (str, os.PathLike)):
        raise UsageError("only a file with a path is changed in place: give a target for an open one")
    changes = changes or TagChanges()
    with _edited(source) as (file, editor):
        tags = changes.applied(editor.tags)
        changed = tags != editor.tags
        size = editor.prepare(tags) if changed else editor.size
        if target is not None:
            editor.write(target)
            target.flush()
        elif changed and isinstance(source, (str, os.PathLike)):
            with open_replacement(Path(source)) as beside:
                editor.write(beside)
                file.close()  # some systems replace no file that is open
    return TagReport(name_of(source), tags, changed, editor.size, size)


def _read(source: str | os.PathLike | BinaryIO) -> TagReport:
    with open_stream(source) as file:
        reader = ContainerReader(file)
        size = sum(extent.size for extent in reader.structure())
    damage = tuple(f"byte {d.start}: {d.reason}" for d in reader.damage)
    return TagReport(name_of(source), reader.tags, False, size, size, damage)


@contextmanager
def _edited(source: str | os.PathLike | BinaryIO) -> Iterator[tuple[BinaryIO, ContainerEditor]]:
    """The open source, and its editor."""
    with open_stream(source) as file:
        seekable = bool(getattr(file, "seekable", lambda: False)())
        with nullcontext() if seekable else TemporaryFile() as copy:
            try:
                editor = ContainerEditor(file, copy)
            except CorruptStream as error:
                reason = "is damaged, so its tags are not changed; `nac decompress` saves what is intact"
                raise CorruptStream(f"{name_of(source)}: {reason} ({error})") from error
            yield file, editor
