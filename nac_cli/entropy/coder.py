"""Range coding with integer frequencies: a thin wrapper over `constriction`'s queue coder.

The coder has 64 bits of state, emits 32-bit words and works on probabilities of 24 bits. `constriction` takes
floats, gives each of the N symbols one part of 2^24 and spreads the rest in proportion. Weights of 256 f - 1
sum to 2^24 - N when the f sum to 2^16: the rest is then spread with a factor of exactly 1, every float in the
calculation is an integer below 2^24, and each symbol has the probability 256 f / 2^24 on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import constriction
import numpy as np

from nac_cli.entropy.frequencies import TOTAL
from nac_cli.errors import CorruptStream

Categorical = constriction.stream.model.Categorical
RangeDecoder = constriction.stream.queue.RangeDecoder
RangeEncoder = constriction.stream.queue.RangeEncoder

FAMILY = Categorical(perfect=False)
"""Takes a table for every symbol, with the same arithmetic."""
PART = (1 << 24) // TOTAL
"""What one of the 65536 is in the coder's probabilities."""
WORD = np.dtype("<u4")


def categorical(frequencies: np.ndarray) -> Categorical:
    """The coder's model for a frequency table, integer `[N]`, every entry >= 1, sum 65536, N >= 2."""
    return Categorical(256.0 * frequencies - 1.0, perfect=False)


def encode(runs: Sequence[np.ndarray], models: Sequence[Categorical]) -> bytes:
    """One stream of all `runs` (int32 `[n]` each, of symbols that `models[i]` knows), in order.

    No symbol at all gives no byte; otherwise the stream is at most 64 bits longer than its information.
    """
    encoder = RangeEncoder()
    for symbols, model in zip(runs, models, strict=True):
        encoder.encode(symbols, model)
    return encoder.get_compressed().astype(WORD).tobytes()


def decode(data: bytes, lengths: Sequence[int], models: Sequence[Categorical]) -> list[np.ndarray]:
    """Inverse of `encode`: runs of the given `lengths`, int32.

    A range decoder makes symbols of any bytes, and of missing ones. So the runs are encoded again (20 times
    faster than decoding) and must give `data`. Raises `CorruptStream` if they do not.
    """
    if len(data) % WORD.itemsize:
        raise CorruptStream(f"range coder: {len(data)} bytes are no whole number of 32-bit words")
    decoder = RangeDecoder(np.frombuffer(data, WORD).astype(np.uint32))
    try:
        runs = [decoder.decode(model, length) for length, model in zip(lengths, models, strict=True)]
    except AssertionError as error:  # what constriction raises on a point outside of its range
        raise CorruptStream("range coder: the words encode no symbol") from error
    if encode(runs, models) != data:
        raise CorruptStream("range coder: the words are not the ones that encode these symbols")
    return runs


def encode_intervals(starts: np.ndarray, widths: np.ndarray) -> bytes:
    """One stream of symbols of which only the intervals are known, in order.

    A symbol with frequency `widths[i]` (1..65535) has `starts[i]` before it in its table: the words are those
    that the full tables would give, as a range coder looks at nothing else. Here every table has three symbols,
    the one that counts and what lies beside it. Where nothing lies below (or above) it, the other side is
    divided, since no symbol may be empty.
    """
    widths = PART * widths
    below = PART * starts
    above = (1 << 24) - below - widths
    first = np.stack([widths, above - 1, np.ones_like(above)], axis=-1)
    middle = np.stack([below, widths, above], axis=-1)
    last = np.stack([np.ones_like(below), below - 1, widths], axis=-1)
    symbols = np.where(below == 0, 0, np.where(above == 0, 2, 1)).astype(np.int32)
    parts = np.choose(symbols[:, None], [first, middle, last])
    encoder = RangeEncoder()
    encoder.encode(symbols, FAMILY, parts - 1.0)
    return encoder.get_compressed().astype(WORD).tobytes()


class TableDecoder:
    """Symbols out of one stream, each by a table of its own that may depend on those before.

    It makes symbols of any bytes: the caller encodes them again, as `decode` does, and compares. Where it cannot
    go on, `error` says why, and symbols are 0 from there.
    """

    def __init__(self, data: bytes) -> None:
        self.error: CorruptStream | None = None
        if len(data) % WORD.itemsize:
            self.error = CorruptStream(f"range coder: {len(data)} bytes are no whole number of 32-bit words")
            data = b""
        self._decoder = RangeDecoder(np.frombuffer(data, WORD).astype(np.uint32))

    def decode(self, weights: np.ndarray) -> int:
        """The next symbol; `weights` float64 `[1, N]` are 256 f - 1 of its table."""
        if self.error:
            return 0
        try:
            return int(self._decoder.decode(FAMILY, weights)[0])
        except AssertionError:  # what constriction raises on a point outside of its range
            self.error = CorruptStream("range coder: the words encode no symbol")
            return 0


def weights_of(tables: np.ndarray) -> np.ndarray:
    """Float64 `[n, N]` for `TableDecoder.decode`, of frequency tables `[n, N]`."""
    return PART * tables - 1.0
