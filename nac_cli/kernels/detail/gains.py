"""The contexts of a chunk's band gains: steps by which the fill of a band is louder or softer than the base.

A gain is coded as: is it zero, does it soften, is it one step, two .. by mixed predictions. Its neighbours are the
gains of the same band and the ones beside it in the superframe before, and of the two bands below it in its own
superframe. A band whose lines all have levels has no fill, hence no gain.
"""

from __future__ import annotations

from nac_cli.kernels.compiling import kernel
from nac_cli.kernels.detail.fields import CODER, DECODE, MODEL, MOST_GAIN, NUMBERS, TABLE
from nac_cli.kernels.detail.range_coder import bit_length, code_mixed

SPAN = 2 * MOST_GAIN + 1
INPUTS = 4
QUESTIONS = 2 + MOST_GAIN - 1
SECOND = SPAN**2 * 4
THIRD = SECOND + 32 * SPAN * 3
FOURTH = THIRD + SPAN**3
EACH = FOURTH + 64
"""Where the entries of the second to fourth input begin, and how many a question has."""
ENTRIES = QUESTIONS * EACH
"""The questions: is it zero, is it negative, is it above 1 .. MOST_GAIN - 1."""


@kernel(f"void({CODER}, {TABLE}, {TABLE}, {NUMBERS}, {MODEL}, {NUMBERS}, {NUMBERS}, {NUMBERS})")
def code_gains(
    task, state, data, gains, filled, shapes, entries, weights, stretch, squash, rates, bits, before, now, places
):
    """Code `gains` `[superframes, bands]`; decoding fills them in. `filled` `[superframes, bands]`: 0 if a band
    has no line without level, 1 if it has levels as well, 2 if it has none. `shapes` `[superframes]`: the class of
    how many blocks it has (1, to 3, to 5, more). `before` and `now` are zeros for a band more than
    there are."""
    superframes, bands = gains.shape
    for t in range(superframes):
        below = 0
        lower = 0
        shape = shapes[t]
        for band in range(bands):
            value = 0
            if filled[t, band] > 0:
                same = before[band]
                above = before[band + 1]
                under = before[band - 1] if band else 0
                around = abs(same) + abs(below) + abs(above) + abs(under) + abs(lower)
                first = ((same + MOST_GAIN) * SPAN + below + MOST_GAIN) * 4 + shape
                second = (band * SPAN + same + MOST_GAIN) * 3 + filled[t, band]
                third = (
                    ((below + MOST_GAIN) * SPAN + min(max(lower, -MOST_GAIN), MOST_GAIN) + MOST_GAIN) * SPAN
                    + min(max((under + above + same) // 2, -MOST_GAIN), MOST_GAIN)
                    + MOST_GAIN
                )
                fourth = (min(bit_length(around), 4) * 4 + shape) * 3 + filled[t, band]
                wanted = gains[t, band]
                question = 0
                while True:
                    base = question * EACH
                    places[0] = base + first
                    places[1] = base + SECOND + second
                    places[2] = base + THIRD + third
                    places[3] = base + FOURTH + fourth
                    if question == 0:
                        bit = 1 if wanted != 0 else 0
                    elif question == 1:
                        bit = 1 if wanted < 0 else 0
                    else:
                        bit = 1 if abs(wanted) > question - 1 else 0
                    bit = code_mixed(
                        task, state, data, bit, entries, places, INPUTS, weights[question], stretch, squash, rates, bits
                    )
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
                    gains[t, band] = value
            lower = below
            below = value
            now[band] = value
        for band in range(bands):
            before[band] = now[band]
