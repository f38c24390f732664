"""A layer's bytes: one range-coded stream of its step and shape, its blocks, its predictions, its levels, its gains.

There is one form only: the last bytes are the fewest that name a number in the coder's last interval, and a decoder,
which knows that interval, rejects all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nac_cli.detail_layer import (
    HALVINGS,
    DetailLayer,
    band_edges,
    empty_lines,
    owners,
    padded_length,
    superframe_length,
)
from nac_cli.entropy.detail.tables import Tables, load_tables
from nac_cli.errors import CorruptStream
from nac_cli.kernels.detail import kernels
from nac_cli.kernels.detail.fields import (
    BLOCKS,
    CODE,
    DECODE,
    ENCODE,
    LOW,
    MARGIN,
    MEASURE,
    MOST_INPUTS,
    PLACE,
    RANGE,
)

HEADER_BITS = (8, 3)
"""Bits of the step and of the shape."""
NODES = 7
LEVEL_BYTES = 6
"""Most bytes that a level takes."""


@dataclass(frozen=True)
class LayerBits:
    """Where a layer's bits go."""

    side: float
    levels: float
    gains: float

    @property
    def total(self) -> float:
        return self.side + self.levels + self.gains


def pack(layer: DetailLayer, sample_rate: int, tables: Tables | None = None) -> bytes:
    """The payload of a layer. Its form depends on nothing but its integers."""
    superframe = superframe_length(sample_rate)
    state = np.zeros(6, np.int64)
    data = np.zeros(LEVEL_BYTES * len(layer.levels) + 4 * layer.gains.size + 1024, np.uint8)
    kernels().start_encoder(state)
    _code(ENCODE, state, data, layer, superframe, _fresh(tables))
    return _finished(state, data)


def unpack(payload: bytes, num_samples: int, sample_rate: int, tables: Tables | None = None) -> DetailLayer:
    """Inverse of `pack` for a layer of `num_samples` (of the chunk, before it is padded).

    Takes memory and time for `num_samples`, whatever the bytes are. Raises `CorruptStream` for bytes that `pack` cannot
    have made.
    """
    superframe = superframe_length(sample_rate)
    state = np.zeros(6, np.int64)
    data = np.frombuffer(payload, np.uint8).copy()  # kernels take arrays that can be written
    kernels().start_decoder(state, data)
    if state[CODE] >= state[RANGE]:  # it would stay outside, and grow beyond 63 bits
        raise CorruptStream("detail layer: the bytes start outside of the coder's interval")
    length = padded_length(num_samples, sample_rate)
    layer = _code(DECODE, state, data, _blank(length), superframe, _fresh(tables))
    _check_end(state, len(payload))
    return layer


def measure(layer: DetailLayer, sample_rate: int, tables: Tables | None = None) -> LayerBits:
    """How many bits each part of a layer takes, within a few hundredths of a percent."""
    return learn(layer, sample_rate, _fresh(tables))


def learn(layer: DetailLayer, sample_rate: int, tables: Tables) -> LayerBits:
    """As `measure`; the entries and weights of `tables` become those that the coder ends with."""
    bits: list[float] = []
    _code(
        MEASURE,
        np.zeros(6, np.int64),
        np.zeros(1, np.uint8),
        layer,
        superframe_length(sample_rate),
        tables,
        bits,
    )
    return LayerBits(sum(HEADER_BITS) + bits[0], bits[1] - bits[0], bits[2] - bits[1])


def _fresh(tables: Tables | None) -> Tables:
    """What a layer starts from, the package's tables if no others are given."""
    return (tables or load_tables()).copied()


def _blank(length: int) -> DetailLayer:
    none = np.zeros(0, np.int64)
    return DetailLayer(0, 0, none, none, np.zeros(length, np.int32), none)


def _code(
    task: int,
    state: np.ndarray,
    data: np.ndarray,
    layer: DetailLayer,
    superframe: int,
    tables: Tables,
    marks: list[float] | None = None,
) -> DetailLayer:
    """One walk over all integers, from which `tables` learn; decoding, those of `layer` but for the length of its
    levels mean nothing."""
    decoding, made = task == DECODE, kernels()
    count, bands = len(layer.levels) // superframe, len(band_edges(superframe)) - 1
    bits = _costs()
    common = *tables.maps, bits
    places = np.zeros(MOST_INPUTS, np.int64)
    step = made.code_bits(task, state, data, layer.step, HEADER_BITS[0], bits)
    shape = made.code_bits(task, state, data, layer.shape, HEADER_BITS[1], bits)
    bits[0] = 0
    side_state = tables.side_entries, tables.side_weights
    cuts = np.zeros((count, NODES), np.int64) if decoding else cuts_of(layer.sizes, superframe, count)
    made.code_cuts(task, state, data, cuts, *side_state, *common, places)
    predictions = np.zeros(bands, np.int64) if decoding else _whole(layer.predictions, np.int64)
    made.code_predictions(task, state, data, predictions, *side_state, *common, places)
    sizes = sizes_of(cuts, superframe) if decoding else _whole(layer.sizes, np.int64)
    _mark(marks, bits)
    values = _whole(layer.levels, np.int32)
    blocks = np.zeros((BLOCKS, superframe + MARGIN), np.int64)
    level_state = tables.level_entries, tables.level_weights
    made.code_levels(task, state, data, values, sizes, superframe, *level_state, *common, blocks, places)
    _mark(marks, bits)
    gains = np.zeros((count, bands), np.int64) if decoding else _whole(layer.gains, np.int64)
    shapes = np.minimum(np.bincount(owners(sizes, superframe), minlength=count) // 2, 3)
    empty = empty_lines(values, sizes, superframe)
    gain_state = tables.gain_entries, tables.gain_weights
    before, now = np.zeros((2, bands + 1), np.int64)
    made.code_gains(task, state, data, gains, empty, shapes, *gain_state, *common, before, now, places)
    _mark(marks, bits)
    return DetailLayer(int(step), int(shape), sizes, predictions, values, gains) if decoding else layer


def _whole(array: np.ndarray, dtype: type) -> np.ndarray:
    """`array` in the form that kernels take."""
    return np.require(array, dtype, ["C", "W"])


def cuts_of(sizes: np.ndarray, superframe: int, count: int) -> np.ndarray:
    """The trees `[count, 7]` of `side.code_cuts` for blocks of `sizes`."""
    cuts = np.zeros((count, NODES), np.int64)
    ends = np.cumsum(sizes)
    for start, size in zip((ends - sizes).tolist(), sizes.tolist()):
        row, place = divmod(start, superframe)
        for depth in range(HALVINGS):
            node = (1 << depth) - 1 + place // (superframe >> depth)
            if size < superframe >> depth:
                cuts[row, node] = 1
    return cuts


def sizes_of(cuts: np.ndarray, superframe: int) -> np.ndarray:
    """Inverse of `cuts_of`."""
    sizes: list[int] = []

    def grow(row: list[int], node: int, size: int) -> None:
        if node < NODES and row[node]:
            grow(row, 2 * node + 1, size // 2)
            grow(row, 2 * node + 2, size // 2)
        else:
            sizes.append(size)

    for row in cuts.tolist():
        grow(row, 0, superframe)
    return np.array(sizes, np.int64)


def _costs() -> np.ndarray:
    """For measuring: a sum, then bits of a probability of i / 4096."""
    bits = np.zeros(4099)
    bits[1:4098] = -np.log2(np.maximum(np.arange(4097), 0.5) / 4096)
    return bits


def _mark(marks: list[float] | None, bits: np.ndarray) -> None:
    if marks is not None:
        marks.append(float(bits[0]))


def _last(low: int, width: int) -> tuple[int, int]:
    """The number in [low, low + width) that ends in most zero bytes of five, the lowest of equals, and how many of its
    bytes count."""
    for count in range(6):
        mask = (1 << 8 * (5 - count)) - 1
        number = (low + mask) & ~mask
        if number < low + width:
            return number, count
    raise AssertionError("an interval holds its own start")


def _finished(state: np.ndarray, data: np.ndarray) -> bytes:
    number, count = _last(int(state[LOW]), int(state[RANGE]))
    state[LOW] = number
    for _ in range(count + 1):  # one more, to let go of the byte held
        kernels().put_byte(state, data)
    return data[: state[PLACE]].tobytes()


def _check_end(state: np.ndarray, size: int) -> None:
    low, width = int(state[LOW]), int(state[RANGE])
    number, count = _last(low, width)
    if number - low != state[CODE] or size != state[PLACE] - 5 + count:
        raise CorruptStream("detail layer: the bytes are not the ones that encode these integers")
