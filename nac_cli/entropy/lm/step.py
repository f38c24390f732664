"""The network frame by frame, for a decoder that learns the codes as it goes, over many chunks at once.

For each frame: `advance`, then for each plane `tables` of the chunks that have a code there, and `put` of the codes
that were decoded with them. Keys and values of the last `window` frames are kept in a ring; as sums of
integers do not care for order, nobody needs to know where in the ring time begins.
"""

from __future__ import annotations

from threading import Event

import numpy as np

from nac_cli.entropy.coder import TableDecoders
from nac_cli.entropy.lm.batch import Batch
from nac_cli.entropy.lm.compiled import CompiledNetwork
from nac_cli.entropy.lm.layers import Attention, add
from nac_cli.entropy.lm.network import Network
from nac_cli.errors import CorruptStream, Interrupted
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


def decode_batch(network: Network | CompiledNetwork, batch: Batch, stop: Event) -> list[CorruptStream | None]:
    """Fill in the codes of `batch`, and their intervals; of each stream, what is wrong with it. Raises `Interrupted`
    soon after somebody sets `stop`.

    A stream that has failed gets no more codes; at the end of the batch it takes no more time either.
    """
    if isinstance(network, CompiledNetwork):
        return network.decode(batch, stop)
    decoders, ends = TableDecoders(batch.streams), batch.ends
    step = StepPass(network, len(batch.streams), int(ends[0]))
    for frame in range(ends[0]):
        if stop.is_set():
            raise Interrupted("decoding was stopped")
        ends[decoders.failed] = 0
        batch.occurs[decoders.failed, :, frame:] = False
        active = int(np.flatnonzero(ends > frame).max(initial=-1)) + 1
        if not active:
            break
        depths = batch.depths[:active, frame]
        step.advance(depths)
        for plane in range(depths.max()):
            rows = np.flatnonzero(batch.occurs[:active, plane, frame])
            if rows.size:
                decoded, at = decoders.decode(rows, step.tables(plane, rows)), (rows, plane, frame)
                batch.codes[at], batch.starts[at], batch.widths[at] = decoded.symbols, decoded.starts, decoded.widths
                step.put(plane, rows, decoded.symbols)
            else:
                step.put(plane, rows, rows)
    return [decoders.error(row) for row in range(len(batch.streams))]
