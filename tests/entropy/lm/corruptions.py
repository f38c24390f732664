"""Ten thousand damaged streams, by hand: `python -m tests.entropy.lm.corruptions`. Counts those that go unnoticed.

A stream notices what does not encode again to its own words; what is left (other codes that have just these words)
the token checksum of the chunk notices. Damage is one to eight flipped bits, changed, lost, doubled or swapped
bytes, cuts, random bytes at the end, and streams of nothing but random bytes.
"""

from __future__ import annotations

import time
import zlib

import numpy as np

from nac_cli.entropy.lm import decode, encode, prepare
from nac_cli.errors import CorruptStream
from tests.entropy.lm.models import quantised, random_chunk, small

COUNT, BATCH = 10_000, 250


def damaged(rng: np.random.Generator, stream: bytes) -> bytes:
    data = bytearray(stream)
    place, kind = int(rng.integers(len(data))), rng.integers(8)
    if kind == 0:
        for bit in rng.choice(8 * len(data), rng.integers(1, 9), replace=False):
            data[bit // 8] ^= 1 << bit % 8
    elif kind == 1:
        data[place] ^= int(rng.integers(1, 256))
    elif kind == 2:
        del data[place]
    elif kind == 3:
        data.insert(place, data[place])
    elif kind == 4:
        data = data[: place // 4 * 4]
    elif kind == 5:
        data += rng.bytes(4 * int(rng.integers(1, 9)))
    elif kind == 6:
        other = int(rng.integers(len(data) // 4)) * 4
        place = place // 4 * 4
        data[place : place + 4], data[other : other + 4] = data[other : other + 4], data[place : place + 4]
    else:
        data = bytearray(rng.bytes(len(data)))
    return bytes(data)


def main(count: int = COUNT) -> tuple[int, int]:
    """Streams that were damaged in fact, and those that decode to the chunk's own checksum."""
    network, rng = prepare(quantised(small())), np.random.default_rng(0)
    tried = noticed_by_words = unnoticed = 0
    start, slowest = time.perf_counter(), 0.0
    while tried < count:
        codes, depths = random_chunk(rng, network.config, 40, 3)
        (stream,) = encode(network, [(codes, depths)])
        streams = [bad for bad in (damaged(rng, stream) for _ in range(BATCH)) if bad != stream]
        streams = streams[: count - tried]
        begin = time.perf_counter()
        for result in decode(network, streams, [depths] * len(streams)):
            tried += 1
            if isinstance(result, CorruptStream):
                noticed_by_words += 1
            elif zlib.crc32(result.astype("<u2")) == zlib.crc32(codes.astype("<u2")):
                unnoticed += 1
        slowest = max(slowest, time.perf_counter() - begin)
    print(
        f"{tried} damaged streams: {noticed_by_words} noticed by their words, "
        f"{tried - noticed_by_words - unnoticed} decode to other codes, {unnoticed} to the same checksum; "
        f"slowest batch {slowest:.1f} s, all {time.perf_counter() - start:.0f} s"
    )
    return tried, unnoticed


if __name__ == "__main__":
    main()
