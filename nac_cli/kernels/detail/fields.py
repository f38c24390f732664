"""What kernels of detail and their callers know of each other: tasks, the coder's state, numba's names of arrays."""

ENCODE, DECODE, MEASURE = 0, 1, 2

LOW, RANGE, CODE, PLACE, HELD, CARRIED = range(6)
"""Fields of a coder's state, int64 `[6]`: the interval [LOW, LOW + RANGE), how far in it the code is (decoding), the
number of bytes put out or taken in, the byte that a carry may still change, and how many bytes of 255 follow it."""

COUNT_BITS = 8
MOST_COUNT = (1 << COUNT_BITS) - 1
"""Entries of the coder hold a probability and, in their lowest bits, a count."""
MOST_GAIN = 4
"""Steps by which a band's fill may be louder or softer."""
MOST_LEVEL = 32782
"""15 and an excess of up to 15 bits."""
MARGIN = 24
"""Zeros behind the last line of a block, for neighbours that lie beyond it."""
BLOCKS = 3
"""Rows that a walk over levels needs for the block at hand and the two before, each of a superframe and a MARGIN."""
MOST_INPUTS = 7
"""Predictions that are mixed at most."""
ACTIVITIES, ZONES, SYMBOLS = 16, 11, 18
"""Shape of the encoder's table of costs: what surrounds a level, where it lies, how large it is (the last stands for
more)."""

STATE, DATA, LEVELS, NUMBERS, TABLE = "int64[::1]", "uint8[::1]", "int32[::1]", "int64[::1]", "int64[:, ::1]"
CODER = f"int64, {STATE}, {DATA}"
"""task, state, data."""
MODEL = "int32[::1], int64[:, ::1], int64[::1], int64[::1], int64[::1], float64[::1]"
"""entries, weights, stretch, squash, rates, bits."""
ROW_MODEL = "int32[::1], int64[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1], float64[::1]"
"""entries, places, inputs, a row of weights, stretch, squash, rates, bits."""
