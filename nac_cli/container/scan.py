"""Block after block from a source, over damaged places to the next intact block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nac_cli.container import limits
from nac_cli.container.blocks import (
    BLOCK_OVERHEAD,
    HEADER_SIZE,
    Block,
    check_length,
    unpack_body,
    unpack_header,
)
from nac_cli.container.source import ByteSource
from nac_cli.errors import CorruptStream

# HEAD is missing on purpose: it stands once, at the start, where nothing can have been lost before it.
_ANCHORS = re.compile(b"CHNK|detl|INDX|chan|tags|pict|padd|pmd5")


@dataclass(frozen=True)
class Damage:
    """Bytes `start` to `stop` (exclusive) that say nothing usable; no bytes at all where some are missing."""

    start: int
    stop: int
    reason: str


def scan(source: ByteSource) -> Iterator[Block | Damage]:
    """Every intact block from here to the end, and the damaged stretches between them.

    Checks no meaning. Raises `LimitExceeded` for a block too long for its type, and `CorruptStream` when so
    many places only look like blocks that the search for a real one would not end soon.
    """
    scanner = _Scanner(source)
    while source.peek(1):
        found = scanner.read_block()
        if isinstance(found, Block):
            source.skip(found.size)
            yield found
            continue
        start = source.offset
        scanner.search()
        yield Damage(start, source.offset, found)


def read_block_at(source: ByteSource, offset: int) -> Block:
    """The block at `offset` of a file that can seek. Raises `CorruptStream` or `LimitExceeded`."""
    known = unpack_header(source.read_at(offset, HEADER_SIZE))
    if known is None:
        raise CorruptStream(f"no block starts at byte {offset}")
    kind, length = known
    check_length(kind, length, f"byte {offset}:")
    data = source.read_at(offset, length + BLOCK_OVERHEAD)
    block = unpack_body(kind, offset, data) if len(data) == length + BLOCK_OVERHEAD else None
    if block is None:
        raise CorruptStream(f"the {kind} block at byte {offset} is damaged")
    return block


class _Scanner:
    """Reads blocks from `source`, with a bound on the bytes that it checks in vain, wherever it does: so the work is at
    most a constant times the bytes read."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._wasted = 0

    def read_block(self) -> Block | str:
        """The block at the window's start, not skipped, or what is wrong with it."""
        header = self._source.peek(HEADER_SIZE)
        if len(header) < HEADER_SIZE:
            return "the file ends inside a block's header"
        known = unpack_header(header)
        if known is None:
            return "no block starts here"
        kind, length = known
        check_length(kind, length, f"byte {self._source.offset}:")
        return self._checked(kind, length)

    def search(self) -> None:
        """Moves to the next intact block of a known type after the window's first byte, or to the end."""
        while self._source.skip_to(_ANCHORS, 1):
            known = unpack_header(self._source.peek(HEADER_SIZE))
            if known is None or known[1] > limits.MAX_BLOCK[known[0]]:
                continue
            if isinstance(self._checked(*known), Block):
                return

    def _checked(self, kind: str, length: int) -> Block | str:
        """The block whose header is at the window's start, or what is wrong with it."""
        size, at = length + BLOCK_OVERHEAD, self._source.offset
        data = self._source.peek(size)
        if len(data) == size and (block := unpack_body(kind, at, data)):
            return block
        self._wasted += len(data)
        if self._wasted > limits.RESYNC_ALLOWANCE + limits.RESYNC_FACTOR * (at + len(data)):
            raise CorruptStream(f"byte {at}: damage full of places that only look like blocks; giving up here")
        if len(data) < size:
            return f"the file ends inside a {kind} block, {size - len(data)} bytes short"
        return f"the checksum of a {kind} block is wrong"
