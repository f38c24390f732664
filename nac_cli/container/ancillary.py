"""The parts of a stream beside its sound: tags, pictures, the digest of the source."""

from __future__ import annotations

from nac_cli.container import limits
from nac_cli.container.blocks import Block, is_critical
from nac_cli.container.header import unpack_speakers
from nac_cli.container.tags import PcmDigest, unpack_digest, unpack_picture, unpack_tags
from nac_cli.errors import CorruptStream, LimitExceeded, UnsupportedStream
from nac_cli.values import Picture, Tags


class Ancillary:
    """Takes blocks one by one; `tags`, `md5`, `speakers` (a mask) and `padding` (bytes) are what came so far."""

    def __init__(self, channels: int) -> None:
        self.speakers: int | None = None
        self.md5: PcmDigest | None = None
        self.padding = 0
        self._channels = channels
        self._items: tuple[tuple[str, str], ...] = ()
        self._pictures: tuple[Picture, ...] = ()
        self._bytes = {"tags": 0, "pict": 0}

    @property
    def tags(self) -> Tags:
        return Tags(self._items, self._pictures)

    def take(self, block: Block) -> None:
        """Any block but CHNK and INDX. Unknown ancillary ones and padding say nothing.

        Raises `CorruptStream` for a block that is not what its type says or has no place here,
        `UnsupportedStream` for an unknown critical one, `LimitExceeded` for too many tags or pictures.
        """
        if block.kind in self._bytes:
            self._bytes[block.kind] += len(block.payload)
        if block.kind == "tags":
            self._items += unpack_tags(block.payload, block.where)
        elif block.kind == "pict":
            self._pictures += (unpack_picture(block.payload, block.where),)
        elif block.kind == "padd":
            self.padding += len(block.payload)
        elif block.kind == "pmd5":
            self._take_digest(block)
        elif block.kind == "chan":
            self._take_speakers(block)
        elif block.kind == "detl":
            raise CorruptStream(f"{block.where}: no chunk stands before it whose detail it could be")
        elif block.kind == "HEAD":
            raise CorruptStream(f"{block.where}: a stream has only one header")
        elif is_critical(block.kind):
            raise UnsupportedStream(f"{block.where}: blocks of this type need a newer nac")
        self._check_limits()

    def _take_digest(self, block: Block) -> None:
        if self.md5 is not None:
            raise CorruptStream(f"{block.where}: a stream has only one PCM digest")
        self.md5 = unpack_digest(block.payload, block.where)

    def _take_speakers(self, block: Block) -> None:
        if self.speakers is not None:
            raise CorruptStream(f"{block.where}: a stream says its speakers only once")
        self.speakers = unpack_speakers(block.payload, block.where, self._channels)

    def _check_limits(self) -> None:
        if len(self._items) > limits.MAX_TAGS or self._bytes["tags"] > limits.MAX_TAG_BYTES:
            raise LimitExceeded(f"more than {limits.MAX_TAGS} tags or {limits.MAX_TAG_BYTES} bytes of them")
        if len(self._pictures) > limits.MAX_PICTURES or self._bytes["pict"] > limits.MAX_PICTURE_BYTES:
            most = f"{limits.MAX_PICTURES} pictures or {limits.MAX_PICTURE_BYTES} bytes of them"
            raise LimitExceeded(f"more than {most}")
