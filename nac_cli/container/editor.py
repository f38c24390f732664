"""Copies a stream with other tags and pictures, and every other block as it is."""

from __future__ import annotations

from typing import BinaryIO, cast

from nac_cli.container.blocks import BLOCK_OVERHEAD, pack_block
from nac_cli.container.limits import MAX_OTHER_BLOCKS, MAX_PAYLOAD
from nac_cli.container.reader import ContainerReader, Extent
from nac_cli.container.sizes import TAG_PADDING, tag_blocks
from nac_cli.container.source import ByteSource
from nac_cli.errors import CorruptStream, LimitExceeded
from nac_cli.values import Tags

KEPT_PADDING = 2**14
"""Bytes of padding that may be left by shorter tags; room beyond it (of a cover that was removed) is given back."""

_SAID = ("tags", "pict")
_OTHERS = {"signature", "HEAD", "CHNK", "detl", "INDX", "trailer"}


class ContainerEditor:
    """A stream without any damage: `tags`, and `size` in bytes. `prepare` other tags, then `write` a copy.

    Only blocks before the first chunk change: new ones take the place of the old and of their padding, or
    stand behind the header. Tags and pictures between or behind chunks move there too; padding of the same
    size takes their place, as the index counts the bytes.

    `file` can seek, or is a pipe, of which `copy`, a file for reading and writing, takes every byte.

    Raises `CorruptStream`, `UnsupportedStream` or `LimitExceeded`.
    """

    def __init__(self, file: BinaryIO, copy: BinaryIO | None = None) -> None:
        self._source = ByteSource(copy or file)
        # of a pipe the reader asks for nothing but `read`
        reader = ContainerReader(cast(BinaryIO, _Kept(file, copy)) if copy else file, strict=True)
        self._layout = reader.structure()
        self._blocks: list[bytes] | None = None
        self.tags = reader.tags
        kinds = [extent.kind for extent in self._layout]
        first_chunk = next(at for at, kind in enumerate(kinds) if kind in ("CHNK", "INDX"))
        replaced = [at for at in range(first_chunk) if kinds[at] in (*_SAID, "padd")]
        self._place = replaced[0] if replaced else kinds.index("HEAD") + 1
        self._replaced = set(replaced)

    @property
    def size(self) -> int:
        return sum(extent.size for extent in self._layout)

    def prepare(self, tags: Tags) -> int:
        """Take `tags` for the copy; its size in bytes, which is that of the stream if there is room enough.

        Raises `UsageError` for tags that cannot be written and `LimitExceeded` for too much of them.
        """
        said = [pack_block(kind, payload) for kind, payload in tag_blocks(tags, padding=0)]
        room = sum(self._layout[at].size for at in self._replaced)
        self._blocks = said + self._padding(room - sum(map(len, said)), bool(tags))
        others = sum(extent.kind not in _OTHERS for extent in self._layout)
        if others - len(self._replaced) + len(self._blocks) > MAX_OTHER_BLOCKS:
            raise LimitExceeded(f"a file holds at most {MAX_OTHER_BLOCKS} blocks that are no chunks")
        return self.size - room + sum(map(len, self._blocks))

    def write(self, target: BinaryIO) -> None:
        """The whole stream with the tags that were prepared, or as it is if none were."""
        for at, extent in enumerate(self._layout):
            if self._blocks is None:
                self._copy(extent, target)
                continue
            if at == self._place:
                target.writelines(self._blocks)
            if at in self._replaced:
                continue
            if extent.kind in _SAID:
                target.write(pack_block("padd", bytes(extent.size - BLOCK_OVERHEAD)))
            else:
                self._copy(extent, target)

    def _padding(self, left: int, wanted: bool) -> list[bytes]:
        """The block that fills `left` bytes; a new one, if any is `wanted`, where none does (section 6.3)."""
        if left == 0:
            return []
        old = sum(self._layout[at].size for at in self._replaced if self._layout[at].kind == "padd")
        size = left - BLOCK_OVERHEAD
        if 0 <= size <= min(max(old, KEPT_PADDING), MAX_PAYLOAD):
            return [pack_block("padd", bytes(size))]
        return [pack_block("padd", bytes(TAG_PADDING))] if wanted else []

    def _copy(self, extent: Extent, target: BinaryIO) -> None:
        data = self._source.read_at(extent.offset, extent.size)
        if len(data) < extent.size:
            raise CorruptStream(f"the file became shorter while it was read, byte {extent.offset} is gone")
        target.write(data)


class _Kept:
    """A pipe whose bytes are copied to `copy` as they are read, so no further than a stream goes."""

    def __init__(self, pipe: BinaryIO, copy: BinaryIO) -> None:
        self._read = getattr(pipe, "read1", pipe.read)
        self._copy = copy

    def read(self, size: int) -> bytes:
        piece = self._read(size)
        self._copy.write(piece or b"")
        return piece
