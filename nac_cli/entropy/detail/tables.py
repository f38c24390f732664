"""The start state of the coder: predictions and weights learnt beforehand, and the maps of its arithmetic.

All of it are integers in a file of the package (`tables.safetensors`), never recomputed: an exponential
function differs between machines. The encoder's tables of costs (see `nac_cli.detail.rounding`) travel in it, in 1 /
256 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from nac_cli.kernels.detail.fields import MOST_COUNT

PATH = Path(__file__).with_name("tables.safetensors")
CENTIBITS = 256
LEARNT = ("level_entries", "level_weights", "gain_entries", "gain_weights", "side_entries", "side_weights")
"""What the coder changes as it goes on."""


@dataclass(frozen=True)
class Tables:
    """Integer arrays: entries int32 (probability * 256 + count) and weights int64 `[rows, 7]` of each part of the
    coder, which adapt copies; `maps`: stretch `[4096]`, squash `[4095]`, rates `[256]`, all int64; `cost_bits`
    float64 `[4099]` for measuring; `level_costs` `[16, 11, 18]` and `gain_costs` `[9, 9, 9]`, float64 bits."""

    level_entries: np.ndarray
    level_weights: np.ndarray
    gain_entries: np.ndarray
    gain_weights: np.ndarray
    side_entries: np.ndarray
    side_weights: np.ndarray
    maps: tuple[np.ndarray, np.ndarray, np.ndarray]
    level_costs: np.ndarray
    gain_costs: np.ndarray

    def copied(self) -> Tables:
        """The same; what a coder learns into the copy, these do not know."""
        return replace(self, **{name: getattr(self, name).copy() for name in LEARNT})


@lru_cache(maxsize=1)
def load_tables() -> Tables:
    """The tables of the package, detail coding 0."""
    return read_tables(PATH)


def read_tables(path: Path) -> Tables:
    """The tables of a file."""
    from safetensors.numpy import load_file

    arrays = load_file(path)

    def learnt(part: str) -> tuple[np.ndarray, np.ndarray]:
        probabilities, counts = (arrays[f"{part}.{name}"].astype(np.int32) for name in ("probabilities", "counts"))
        return (probabilities << 14) | (1 << 13) | counts, arrays[f"{part}.weights"].astype(np.int64)

    stretch, squash, rates = (arrays[name].astype(np.int64) for name in ("stretch", "squash", "rates"))
    return Tables(
        *learnt("levels"), *learnt("gains"), *learnt("side"), maps=(stretch, squash, rates),
        level_costs=arrays["levels.costs"] / CENTIBITS, gain_costs=arrays["gains.costs"] / CENTIBITS,
    )  # fmt: skip


def save_tables(path: Path, tables: Tables) -> None:
    """Inverse of `read_tables`; probabilities keep 16 of their 22 bits."""
    from safetensors.numpy import save_file

    arrays = dict(
        zip(
            ("stretch", "squash", "rates"),
            (tables.maps[0].astype(np.int16), tables.maps[1].astype(np.uint16), tables.maps[2].astype(np.uint16)),
        )
    )
    for part in ("level", "gain", "side"):
        entries = getattr(tables, f"{part}_entries")
        name = part if part == "side" else part + "s"
        arrays[f"{name}.probabilities"] = (entries >> 14).astype(np.uint16)
        arrays[f"{name}.counts"] = (entries & MOST_COUNT).astype(np.uint8)
        arrays[f"{name}.weights"] = getattr(tables, f"{part}_weights").astype(np.int32)
    for name in ("level", "gain"):
        arrays[f"{name}s.costs"] = np.minimum(np.round(getattr(tables, f"{name}_costs") * CENTIBITS), 65535).astype(
            np.uint16
        )
    save_file(arrays, path)


def untrained() -> Tables:
    """Tables to start training from: nothing known, all inputs alike. (Floats here make the integers of the file.)"""
    from nac_cli.kernels.detail import gains, levels, side

    logits = np.arange(-2047, 2048) / 256
    squash = np.clip(np.round(65536 / (1 + np.exp(-logits))), 24, 65536 - 24).astype(np.int64)
    middles = (np.arange(4096) + 0.5) / 4096
    stretch = np.clip(np.round(256 * np.log(middles / (1 - middles))), -2047, 2047).astype(np.int64)
    rates = (65536 / (np.arange(256) + 1.6)).astype(np.int64)
    eighth = (1 << 19 << 8) | 0
    return Tables(
        np.full(levels.PLACES[-1], eighth, np.int32), np.full((levels.ROWS[-1] + 16, 7), 20000, np.int64),
        np.full(gains.ENTRIES, 2 * eighth, np.int32), np.full((gains.QUESTIONS, gains.INPUTS), 20000, np.int64),
        np.full(side.ENTRIES, 4 * eighth, np.int32), np.full((1, 1), 65536, np.int64),
        (stretch, squash, rates), np.zeros((16, 11, 18)), np.zeros((9, 9, 9)),
    )  # fmt: skip
