"""The contexts of a chunk's band gains: steps by which the fill of a band is louder or softer than the base.

A gain is coded as: is it zero, does it soften, is it one step, two .. by mixed predictions. Its neighbours are the
gains of the same band and the ones beside it in the block before, and of the two bands below it in its own block. A
band whose lines all have levels has no fill, hence no gain.
"""

from __future__ import annotations

import numpy as np

from nac_cli.compiling import compiled
from nac_cli.entropy.detail.kernels import DECODE, bit_length, code_mixed

MOST = 4
"""Steps up or down."""
SPAN = 2 * MOST + 1
INPUTS = 4
PLACES_EACH = (SPAN**2 * 4, 32 * SPAN * 3, SPAN**2 * SPAN, 512)
QUESTIONS = 2 + MOST - 1
ENTRIES = QUESTIONS * (SPAN**2 * 4 + 32 * SPAN * 3 + SPAN**3 + 512)
"""Entries of all questions: is it zero, is it negative, is it above 1 .. MOST - 1."""


@compiled
def code_gains(task, state, data, gains, filled, shapes, entries, weights, maps, bits):
    """Code `gains` int32 `[blocks, bands]`; decoding fills them in. `filled` `[blocks, bands]`: 0 if a band has no line
    without level, 1 if it has levels as well, 2 if it has none. `shapes` `[blocks]`: how often the superframe was
    halved."""
    blocks, bands = gains.shape
    places = np.zeros(INPUTS, np.int64)
    before = np.zeros(bands + 1, np.int64)
    now = np.zeros(bands + 1, np.int64)
    for block in range(blocks):
        below = 0
        lower = 0
        shape = shapes[block]
        for band in range(bands):
            value = 0
            if filled[block, band] > 0:
                same = before[band]
                above = before[band + 1]
                under = before[band - 1] if band else 0
                around = abs(same) + abs(below) + abs(above) + abs(under) + abs(lower)
                first = ((same + MOST) * SPAN + below + MOST) * 4 + shape
                second = (band * SPAN + same + MOST) * 3 + filled[block, band]
                third = (
                    ((below + MOST) * SPAN + min(max(lower, -MOST), MOST) + MOST) * SPAN
                    + min(max((under + above + same) // 2, -MOST), MOST)
                    + MOST
                )
                fourth = (min(bit_length(around), 4) * 4 + shape) * 3 + filled[block, band]
                wanted = gains[block, band]
                question = 0
                while True:
                    base = question * (SPAN * SPAN * 4 + 32 * SPAN * 3 + SPAN * SPAN * SPAN + 512)
                    places[0] = base + first
                    places[1] = base + SPAN * SPAN * 4 + second
                    places[2] = base + SPAN * SPAN * 4 + 32 * SPAN * 3 + third
                    places[3] = base + SPAN * SPAN * 4 + 32 * SPAN * 3 + SPAN * SPAN * SPAN + fourth
                    if question == 0:
                        bit = 1 if wanted != 0 else 0
                    elif question == 1:
                        bit = 1 if wanted < 0 else 0
                    else:
                        bit = 1 if abs(wanted) > question - 1 else 0
                    bit = code_mixed(task, state, data, bit, entries, places, INPUTS, weights[question], maps, bits)
                    if question == 0:
                        if bit == 0:
                            break
                        value = 1
                    elif question == 1:
                        if bit:
                            value = -1
                    else:
                        if bit == 0:
                            break
                        value += 1 if value > 0 else -1
                    question += 1
                    if question == QUESTIONS:
                        break
                if task == DECODE:
                    gains[block, band] = value
            lower = below
            below = value
            now[band] = value
        before[:] = now
