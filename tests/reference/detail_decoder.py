"""The payload of `detl` to integers, as format_spec.md section 8.6 says, in plain Python: slow, without nac_cli."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np

from tests.reference.cursor import Cursor

TABLES = Path(__file__).parents[2] / "nac_cli" / "entropy" / "detail" / "tables.safetensors"
EDGES = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 31, 37, 44, 52, 62, 74, 88, 105, 125, 149, 178, 213, 256]


@dataclass
class Layer:
    """`sizes`: lengths of the blocks; `levels` of all blocks in order; `gains[superframe][band]`."""

    step: int
    form: int
    sizes: list[int]
    predictions: list[int]
    levels: list[int]
    gains: list[list[int]]


def superframe(rate: int) -> int:
    return 1 << (rate // 20).bit_length() - 1


def band_edges(rate: int) -> list[int]:
    shortest = superframe(rate) // 8
    edges = [edge for edge in EDGES if edge < shortest] + [shortest]
    while edges[-1] - edges[-2] < edges[-2] - edges[-3]:
        del edges[-2]
    return edges


def read_tensors(path: Path) -> dict[str, list]:
    """A.1 and B.1: rows of integers, flat if there is one dimension."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    types = {"I16": "<i2", "U16": "<u2", "U8": "u1", "I32": "<i4"}
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = (start + offset for offset in entry["data_offsets"])
            flat = np.frombuffer(data[begin:end], types[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"]).tolist()
    return tensors


class Part:
    """Entries `[p, n]` and rows of weights of one part, which learn."""

    def __init__(self, tensors: dict[str, list], name: str) -> None:
        self.entries = [[64 * p + 32, n] for p, n in zip(tensors[f"{name}.probabilities"], tensors[f"{name}.counts"])]
        self.rows = [list(row) for row in tensors[f"{name}.weights"]]


class Decisions:
    """The range coder, and decisions with and without predictions."""

    def __init__(self, data: bytes, tensors: dict[str, list]) -> None:
        self.data, self.at = data, 0
        self.low, self.range, self.code, self.shifts = 0, 2**40 - 1, 0, 0
        self.stretch, self.squash, self.rates = (tensors[name] for name in ("stretch", "squash", "rates"))
        for _ in range(5):
            self.code = self.code * 256 + self._next()
        if self.code == 2**40 - 1:
            raise ValueError("corrupt: no layer starts like this")

    def _next(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def bit(self, probability: int) -> int:
        bound = (self.range >> 16) * probability
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.range, self.low, self.code = self.range - bound, self.low + bound, self.code - bound
        while self.range < 2**32:
            self.range *= 256
            self.low = self.low * 256 % 2**40
            self.code = self.code * 256 + self._next()
            self.shifts += 1
        return bit

    def raw(self, width: int) -> int:
        value = 0
        for _ in range(width):
            value = 2 * value + self.bit(32768)
        return value

    def mixed(self, part: Part, row: int, places: list[int]) -> int:
        weights, entries = part.rows[row], [part.entries[place] for place in places]
        stretched = [self.stretch[p >> 10] for p, _ in entries]
        dot = sum(w * t for w, t in zip(weights, stretched)) >> 16
        probability = self.squash[min(max(dot, -2047), 2047) + 2047]
        bit = self.bit(probability)
        error = 65536 * bit - probability
        for i, entry in enumerate(entries):
            weights[i] += (stretched[i] * error + 2**13) >> 14
            p, n = entry
            entry[0] = p + ((2**22 - 1 - p) * self.rates[n] >> 16) if bit else p - (p * self.rates[n] >> 16)
            entry[1] = min(n + 1, 255)
        return bit

    def finish(self) -> None:
        for count in range(6):
            unit = 2 ** (40 - 8 * count)
            value = -(-self.low // unit) * unit
            if value < self.low + self.range:
                break
        if len(self.data) != self.shifts + count or self.code != value - self.low:
            raise ValueError("corrupt: the end of a layer")


def decode_layer(data: bytes, samples: int, rate: int) -> Layer:
    """A layer of a chunk of `samples` (f * hop). Raises ValueError."""
    tensors = read_tensors(TABLES)
    whole, edges = superframe(rate), band_edges(rate)
    coder, side = Decisions(data, tensors), Part(tensors, "side")
    step, form = coder.raw(8), coder.raw(3)
    blocks = decode_cuts(coder, side, -(-samples // whole), whole)
    predictions = decode_predictions(coder, side, len(edges) - 1)
    sizes = [size for row in blocks for size in row]
    levels = LevelDecoder(coder, Part(tensors, "levels"), whole).decode(sizes)
    gains = decode_gains(coder, Part(tensors, "gains"), blocks, levels, edges)
    coder.finish()
    return Layer(step, form, sizes, predictions, [level for block in levels for level in block], gains)


def decode_cuts(coder: Decisions, side: Part, count: int, whole: int) -> list[list[int]]:
    """Lengths of the blocks of each superframe."""
    before, blocks = None, []
    for _ in range(count):
        cuts = [0] * 7
        for n in range(7):
            if n and not cuts[(n - 1) // 2]:
                continue
            depth, x = (n + 1).bit_length() - 1, 0
            if before is not None:
                halves, quarters = sum(before[:3]), int(any(before[3:]))
                x = halves + 4 * quarters if depth == 0 else 2 * min(halves, 1) + quarters
                if depth and n % 2 == 0 and cuts[n - 1]:
                    x += 4
            cuts[n] = coder.mixed(side, 0, [16 * depth + x])
        blocks.append(blocks_of(cuts, 0, whole))
        before = cuts
    return blocks


def blocks_of(cuts: list[int], n: int, size: int) -> list[int]:
    if n > 6 or not cuts[n]:
        return [size]
    return blocks_of(cuts, 2 * n + 1, size // 2) + blocks_of(cuts, 2 * n + 2, size // 2)


def decode_predictions(coder: Decisions, side: Part, bands: int) -> list[int]:
    predictions, below = [], 7
    for _ in range(bands):
        node = 1
        for _ in range(3):
            node = 2 * node + coder.mixed(side, 0, [64 + 8 * below + node])
        below = node - 8
        predictions.append(below)
    return predictions


def bits(value: int) -> int:
    return value.bit_length()


def at(values: list[int], k: int) -> int:
    return values[k] if 0 <= k < len(values) else 0


def brought_to(values: list[int], size: int) -> list[int]:
    """Neighbours of a block of another length."""
    if len(values) <= size:
        return [values[k * len(values) // size] for k in range(size)]
    ratio = len(values) // size
    return [-(-sum(values[k * ratio : (k + 1) * ratio]) // ratio) for k in range(size)]


class LevelDecoder:
    """The levels of all blocks."""

    def __init__(self, coder: Decisions, part: Part, whole: int) -> None:
        self.coder, self.part, self.whole = coder, part, whole
        self.before, self.earlier = [0] * whole, [0] * whole

    def decode(self, sizes: list[int]) -> list[list[int]]:
        blocks = []
        for size in sizes:
            self.before, self.earlier = (brought_to(values, size) for values in (self.before, self.earlier))
            block = self.block(size)
            self.before, self.earlier = [2 * min(abs(level), 15) for level in block], self.before
            blocks.append(block)
        return blocks

    def block(self, size: int) -> list[int]:
        levels: list[int] = []
        shape = round(log2(self.whole // size))
        hushed, known = 0, False
        while len(levels) < size:
            k = len(levels)
            own = sum(abs(level) for level in levels[max(k - 8, 0) :])
            if k % 16 == 0:
                known = False
                if not own and not any(at(self.before, j) for j in range(k - 2, k + 18)):
                    line = min(k * self.whole // size, 2047)
                    places = [4 * (line // 32) + shape, 256 + 2 * (4 * bits(line // 2) + shape) + hushed]
                    hushed = self.coder.mixed(self.part, 0, places)
                    if not hushed:
                        levels += [0] * 16
                        continue
                    known = True
            last = known and k % 16 == 15 and not any(levels[k - 15 :])
            level = self.magnitude(levels, k, size, shape, last)
            if level and self.coder.raw(1):
                level = -level
            levels.append(level)
        return levels

    def magnitude(self, levels: list[int], k: int, size: int, s: int, known: bool) -> int:
        own = [min(abs(at(levels, k - j)), 15) for j in range(1, 9)]
        c1, c2, near = own[0], own[1], sum(own[2:])
        b = {j: at(self.before, k + j) for j in range(-6, 7)}
        line = min(k * self.whole // size, 2047)
        zone = bits(line // 2)
        far_up = 8 + (line - 128) // 64 if line < 640 else min(16 + (line - 640) // 128, 23)
        fine = line // 16 if line < 128 else far_up
        far = sum(b[j] + b[-j] for j in (3, 4, 5, 6))
        side = min((b[-1] + b[1] + 1) // 2, 3)
        o0, o1 = at(self.earlier, k), at(self.earlier, k + 1) + at(self.earlier, k - 1)
        total = 2 * c1 + c2 + (2 * b[0] + b[-1] + b[1] + o0 + 1) // 2
        activity = total if total < 10 else 9 + min(bits(total - 8), 6)
        wide = min(bits(near + (far + 1) // 2 + total), 7)
        h = b[0] if b[0] < 4 else min(3 + (b[0] - 2) // 2, 5)
        half = (b[0] + 1) // 2
        five = (b[-2] + b[-1] + b[0] + b[1] + b[2] + 1) // 2
        common = [
            4 * (11 * activity + zone) + s,
            704 + 24 * (4 * min(c1, 3) + min(c2, 3)) + 4 * h + side,
            1088 + 3 * (4 * (3 * h + min((o0 + 1) // 2, 2)) + side) + min((o1 + 1) // 2, 2),
            1304 + 4 * (6 * fine + h) + min(c1 + c2, 3),
            1880 + 4 * (11 * wide + zone) + s,
        ]
        zero = [
            *common,
            2232 + 4 * (4 * (5 * min(bits(near), 4) + min(bits(far), 4)) + min(c1 + half, 3)) + s,
            2632 + 4 * (11 * (5 * min(c1 + c2, 4) + min(five, 4)) + zone) + s,
        ]
        one = [*common, 2232 + 4 * (8 * min(c1, 7) + min(half, 7)) + side]
        if not known and not self.coder.mixed(self.part, 1 + activity, [352 + place for place in zero]):
            return 0
        if not self.coder.mixed(self.part, 17 + activity, [4096 + place for place in one]):
            return 1
        for g in range(2, 16):
            places = [
                8192 + 16 * activity + g - 2,
                8448 + 16 * (6 * min(bits(c1 + c2), 5) + min(bits(b[0]), 5)) + g - 2,
                9024 + 16 * (4 * wide + s) + g - 2,
            ]
            if not self.coder.mixed(self.part, 33 + activity, places):
                return g
        exponent = 0
        while exponent < 14 and self.coder.raw(1):
            exponent += 1
        return 15 + 2**exponent + self.coder.raw(exponent)


def filled_of(blocks: list[list[int]], band: int, edges: list[int]) -> int:
    lines = [
        level
        for block in blocks
        for level in block[edges[band] * len(block) // edges[-1] : edges[band + 1] * len(block) // edges[-1]]
    ]
    return 0 if all(lines) else 1 if any(lines) else 2


def decode_gains(
    coder: Decisions, part: Part, sizes: list[list[int]], levels: list[list[int]], edges: list[int]
) -> list[list[int]]:
    bands, first = len(edges) - 1, 0
    gains: list[list[int]] = []
    before = [0] * bands
    for row in sizes:
        blocks = levels[first : first + len(row)]
        first += len(row)
        shape = min(len(row) // 2, 3)
        now: list[int] = []
        for band in range(bands):
            filled = filled_of(blocks, band, edges)
            same, above, under = (at(before, band + j) for j in (0, 1, -1))
            below, lower = at(now, band - 1), at(now, band - 2)
            around = sum(map(abs, (same, below, above, under, lower)))
            middle = min(max((under + above + same) // 2, -4), 4)
            places = [
                4 * (9 * (same + 4) + below + 4) + shape,
                324 + 3 * (9 * band + same + 4) + filled,
                1188 + 9 * (9 * (below + 4) + lower + 4) + middle + 4,
                1917 + 3 * (4 * min(bits(around), 4) + shape) + filled,
            ]
            now.append(decode_gain(coder, part, places) if filled else 0)
        gains.append(now)
        before = now
    return gains


def decode_gain(coder: Decisions, part: Part, places: list[int]) -> int:
    def asked(question: int) -> int:
        return coder.mixed(part, question, [1981 * question + place for place in places])

    if not asked(0):
        return 0
    sign = -1 if asked(1) else 1
    magnitude = 1
    while magnitude < 4 and asked(1 + magnitude):
        magnitude += 1
    return sign * magnitude


def decode_layers(payload: bytes, channels: int, samples: int, rate: int) -> list[Layer | None]:
    """The payload of `detl` behind its checksum."""
    cursor = Cursor(payload)
    sizes = []
    for _ in range(channels - 1):
        left = len(cursor.data)
        sizes.append(cursor.varint())
        if left - len(cursor.data) > 4:
            raise ValueError("corrupt: the size of a layer")
    pieces = [cursor.raw(size) for size in sizes] + [cursor.data]
    return [decode_layer(piece, samples, rate) if piece else None for piece in pieces]


def checksum(layers: list[Layer | None]) -> int:
    data = b""
    for channel, layer in enumerate(layers):
        if layer is not None:
            data += bytes([channel, layer.step, layer.form])
            data += b"".join(size.to_bytes(2, "little") for size in layer.sizes) + bytes(layer.predictions)
            data += b"".join(level.to_bytes(4, "little", signed=True) for level in layer.levels)
            data += b"".join(gain.to_bytes(1, "little", signed=True) for row in layer.gains for gain in row)
    return zlib.crc32(data)
