"""The network frame by frame, for a decoder that learns the codes as it goes, over many chunks at once.

For each frame: `advance`, then for each plane `tables` of the chunks that have a code there, and `put` of the codes
that were decoded with them. Keys and values of the last `window` frames are kept in a ring; as sums of
integers do not care for order, nobody needs to know where in the ring time begins.
"""

from __future__ import annotations

import numpy as np

from nac_cli.entropy.lm.layers import Attention, add
from nac_cli.entropy.lm.network import Network
from nac_cli.values import ABSENT


class StepPass:
    """State of `batch` chunks that advance together, longest first: chunks that have ended are at the end."""

    def __init__(self, network: Network, batch: int, num_frames: int) -> None:
        config = network.config
        self._network = network
        self._frame = -1
        self._slots = min(config.window, num_frames)
        ring = (config.layers, 2, batch, config.heads, self._slots, config.key_width)
        self._ring = np.zeros(ring, network.backend.dtype)
        self._biases = [layer.attention.ring_bias(self._slots) for layer in network.layers]
        self._codes = np.full((config.planes, batch), ABSENT, np.int64)
        self._states = np.empty((batch, config.width), network.backend.wide)

    def advance(self, depths: np.ndarray) -> None:
        """Begin the next frame, of the first n chunks only, which have the given `depths` `[n]` there."""
        network, active = self._network, len(depths)
        self._frame += 1
        codes = self._codes[:, :active]
        states = network.next_state(codes, depths) if self._frame else network.first_state(depths)
        for layer, ring, biases in zip(network.layers, self._ring, self._biases):
            projected = layer.attention.project(layer.attention_norm(states))
            states = add(states, layer.attention.output(self._attend(layer.attention, projected, ring, biases)))
            states = add(states, layer.down(layer.hidden(layer.feed_norm(states))))
        self._states = states
        self._codes = np.full((network.config.planes, active), ABSENT, np.int64)

    def tables(self, plane: int, rows: np.ndarray) -> np.ndarray:
        """Frequency tables int64 `[n, N_k]` of `plane` for the chunks `rows` `[n]`."""
        return self._network.plane_tables(plane, self._states[rows])

    def put(self, plane: int, rows: np.ndarray, codes: np.ndarray) -> None:
        """The codes `[n]` of `plane` in the chunks `rows`; it has none in the others."""
        self._codes[plane, rows] = codes
        if plane + 1 < self._network.config.planes:
            self._states += self._network.within[plane][self._codes[plane]]

    def _attend(self, attention: Attention, projected: np.ndarray, ring: np.ndarray, biases: np.ndarray) -> np.ndarray:
        """Context sums `[n, D]` of `projected` `[n, 3, H, D / H]`, whose keys and values join the `ring`."""
        active, slot = len(projected), self._frame % self._slots
        ring[0, :active, :, slot] = projected[:, 1]
        ring[1, :active, :, slot] = projected[:, 2]
        filled = min(self._frame + 1, self._slots)
        keys, values = ring[:, :active, :, :filled]
        newest = self._slots - slot
        context = attention.attend(projected[:, 0, :, None], keys, values, biases[..., newest : newest + filled])
        return context.reshape(active, -1)
