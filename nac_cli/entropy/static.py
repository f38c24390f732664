"""Token section of mode `static`: one range-coded stream, by frequency tables that come with the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np

from nac_cli.entropy import coder
from nac_cli.entropy.frequencies import FrequencyTables
from nac_cli.errors import ModelError


def pack_runs(runs: Sequence[np.ndarray], sizes: Sequence[int], tables: FrequencyTables | None) -> bytes:
    """Pack `runs` (`[C * K]` arrays, see `runs`); `sizes` is N of each plane.

    Raises `ModelError` if the tables are not the codec's.
    """
    return coder.encode(runs, _models(len(runs), sizes, tables))


def unpack_runs(
    data: bytes, lengths: Sequence[int], sizes: Sequence[int], tables: FrequencyTables | None
) -> list[np.ndarray]:
    """Inverse of `pack_runs`. Raises `CorruptStream`, or `ModelError` if the tables are not the codec's."""
    return coder.decode(data, lengths, _models(len(lengths), sizes, tables))


def require_fit(tables: FrequencyTables | None, sizes: Sequence[int]) -> FrequencyTables:
    """`tables`, if they are those of codebooks of `sizes`. Raises `ModelError`."""
    if tables is None:
        raise ModelError("the static mode needs the model's frequency tables, and this model has none")
    if tables.sizes != tuple(sizes):
        raise ModelError(f"the frequency tables have {tables.sizes} entries, the codebooks {tuple(sizes)}")
    return tables


def _models(count: int, sizes: Sequence[int], tables: FrequencyTables | None) -> list[coder.Categorical]:
    tables = require_fit(tables, sizes)
    return list(islice(cycle([coder.categorical(table) for table in tables.tables]), count))
