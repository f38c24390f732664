"""Random corruptions of chunks in mode `lm`, which the blocks' checksums do not see.

NAC_MODELS=FOLDER python -m tests.helpers.lm_corruptions FILE.nac [COUNT]
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import numpy as np

from nac_cli.container import ChunkRecord, ContainerReader
from nac_cli.entropy import Packed, token_checksum, unpack_each
from nac_cli.errors import CorruptStream
from nac_cli.models import zoo
from nac_cli.pipelines.models.opening import CodersToUnpack
from nac_cli.values import Mode

BATCH = 50


def corrupt(payload: bytes, rng: np.random.Generator) -> bytes:
    """Flipped bits, other bytes, words that are missing, doubled, exchanged or made up, a cut or a tail."""
    data = bytearray(payload)
    at = int(rng.integers(len(data)))
    match int(rng.integers(7)):
        case 0:
            data[at] ^= 1 << int(rng.integers(8))
        case 1:
            for place in rng.integers(0, len(data), int(rng.integers(1, 9))):
                data[place] = int(rng.integers(256))
        case 2:
            del data[at : at + 4]
        case 3:
            data[at:at] = data[at : at + 4]
        case 4:
            other = int(rng.integers(len(data)))
            data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
        case 5:
            del data[at:]
        case 6:
            data[at:] = rng.bytes(int(rng.integers(1, 64)))
    return bytes(data)


def corrupt_and_check(stream: bytes, count: int, seed: int) -> int:
    """Corrupts `count` chunks of `stream`; how many were detected, by the section or by the token checksum."""
    reader = ContainerReader(io.BytesIO(stream), strict=True)
    chunks = [record for record in reader.chunks() if record.mode == Mode.LM]
    weights = zoo.find_id(reader.info.codec.model_id, reader.info.codec.name)
    coders = CodersToUnpack(weights, reader.info, threads=1).for_mode(Mode.LM)
    rng, detected = np.random.default_rng(seed), 0
    for first in range(0, count, BATCH):
        batch: list[tuple[ChunkRecord, bytes]] = []
        while len(batch) < min(BATCH, count - first):
            record = chunks[rng.integers(len(chunks))]
            spoilt = corrupt(record.payload, rng)
            if spoilt != record.payload:
                batch.append((record, spoilt))
        packed = [Packed(spoilt, record.num_frames, Mode.LM) for record, spoilt in batch]
        for (record, _), result in zip(batch, unpack_each(packed, reader.info, coders), strict=True):
            detected += isinstance(result, CorruptStream) or token_checksum(result) != record.token_checksum
    return detected


def main() -> None:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    started = time.monotonic()
    detected = corrupt_and_check(Path(sys.argv[1]).read_bytes(), count, seed=0)
    print(f"{detected} of {count} corruptions detected in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
