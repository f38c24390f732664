"""The level of sound over time as integers, so that it can be taken off before coding and put back exactly.

A node is an integer 0..255 in steps of 1 dB: node g stands for an envelope of g - 150 dBFS. Nodes stand at
equal distances; between two nodes the decibels run in a straight line, so the gain has no step anywhere.
"""

from __future__ import annotations

import numpy as np

DECIBEL_OFFSET = 150
"""The node of 0 dBFS."""
MAX_NODE = 255
FLOOR_NODE = 80
"""-70 dBFS: no encoder goes lower, so that the noise of a pause is not blown up to the level of speech."""


def gain_curve(nodes: np.ndarray, spacing: int, start: int, stop: int) -> np.ndarray:
    """Envelope float32 `[n]`, a linear factor, at the samples [start, stop) counted from the first node.

    `nodes` integers `[J]`, `spacing` samples apart. Beyond the last node the envelope stays as it is there.
    Divide by it to take the level off, multiply to put it back.
    """
    samples = np.arange(start, stop, dtype=np.float64)
    places = np.arange(len(nodes)) * float(spacing)
    decibels = np.interp(samples, places, np.asarray(nodes, dtype=np.float64) - DECIBEL_OFFSET)
    return np.power(10.0, decibels / 20).astype(np.float32)


def level_nodes(samples: np.ndarray, spacing: int) -> np.ndarray:
    """Nodes int64 `[C, ceil(T / spacing) + 1]` of a whole sound `[C, T]`: see `LevelMeter`."""
    meter = LevelMeter(samples.shape[0], spacing)
    return np.concatenate([meter.push(samples), meter.finish()], axis=1)


class LevelMeter:
    """An encoder's choice of nodes for sound that arrives in blocks; any split gives the same nodes.

    Node j is the RMS level around sample j * spacing, in a Hann window that reaches to the neighbouring
    nodes, rounded to 1 dB and not below the floor. T samples have ceil(T / spacing) + 1 nodes: both ends are
    nodes.
    """

    def __init__(self, channels: int, spacing: int):
        self._channels, self._spacing = channels, spacing
        self._fall = 0.5 + 0.5 * np.cos(np.pi * np.arange(spacing) / spacing)
        self._waiting: list[np.ndarray] = []
        self._count = 0
        self._energy = np.zeros(channels)
        self._weight = 0.0

    def push(self, block: np.ndarray) -> np.ndarray:
        """Take `[C, T]`, return the nodes int64 `[C, n]` that are certain now, n >= 0."""
        self._waiting.append(block.copy())
        self._count += block.shape[1]
        if self._count < self._spacing:
            return self._stacked([])
        whole = np.concatenate(self._waiting, axis=1)
        full = self._count - self._count % self._spacing
        nodes = [self._segment(whole[:, at : at + self._spacing]) for at in range(0, full, self._spacing)]
        self._waiting, self._count = [whole[:, full:].copy()], self._count - full
        return self._stacked(nodes)

    def finish(self) -> np.ndarray:
        """The remaining nodes int64 `[C, n]`, n >= 1."""
        nodes = []
        if self._count:
            nodes.append(self._segment(np.concatenate(self._waiting, axis=1)))
        return self._stacked([*nodes, self._node()])

    def _segment(self, samples: np.ndarray) -> np.ndarray:
        """Take the samples between two nodes in one go, return the first of the two nodes `[C]`."""
        power = np.square(samples, dtype=np.float64)
        fall = self._fall[: samples.shape[1]]
        rise = 1 - fall
        self._energy += (power * fall).sum(axis=1)
        self._weight += fall.sum()
        node = self._node()
        self._energy, self._weight = (power * rise).sum(axis=1), rise.sum()
        return node

    def _node(self) -> np.ndarray:
        floor = 10.0 ** ((FLOOR_NODE - DECIBEL_OFFSET) / 10)
        mean_square = self._energy / self._weight if self._weight > 0 else self._energy
        decibels = 10 * np.log10(np.maximum(mean_square, floor))
        return np.clip(np.floor(decibels + 0.5).astype(np.int64) + DECIBEL_OFFSET, FLOOR_NODE, MAX_NODE)

    def _stacked(self, nodes: list[np.ndarray]) -> np.ndarray:
        return np.stack(nodes, axis=1) if nodes else np.zeros((self._channels, 0), dtype=np.int64)
