"""How kernels find the parameters of a language model: parts in flat arrays, and numbers that say where.

`weights` int8: all matrices and tables of small integers, one after the other. `wide` int32: all other parameters.
Each part of a model (format_spec.md, B.3) is a row of `parts`, int64 `[parts, 7]`, whose columns are named here;
`shape` holds the config's numbers in the order named here. Layer i has the LAYER_PARTS rows from i LAYER_PARTS on,
plane k the PLANE_PARTS rows from shape[PLANES_FROM] + k PLANE_PARTS on.
"""

WEIGHT, ROWS, COLUMNS, BIAS, MULTIPLIER, SHIFT, OUTPUTS = range(7)
"""Start in `weights`, its rows and columns (with padding); starts in `wide`; the shift; rows without padding."""
(ATTENTION_NORM, QKV, SCORE, POSITION, CONTEXT, OUT, FEED_NORM, UP, ACTIVATION, DOWN) = range(10)
LAYER_PARTS = 10
(INPUT, INPUT_MATRIX, WITHIN, WITHIN_MATRIX, HEAD_NORM, HIDDEN, HEAD_ACTIVATION, LOGITS) = range(8)
PLANE_PARTS = 8
(PLANES, LAYERS, WIDTH, HEADS, WINDOW, TOTAL, RANK, PLANES_FROM, EXPONENTIAL, START, DEPTH, PLANE_ROWS, ABSENT,
 WIDEST_ACTIVATION, WIDEST_SUM, LARGEST_TABLE) = range(16)  # fmt: skip
"""EXPONENTIAL to ABSENT: starts in `wide` (ABSENT: of embed(n) of absent codes, by `input.k` and then by `within.k`).
The last three: what a kernel's buffers must hold."""

PADDED, TILE_ROWS = 32, 4
"""Columns and rows of matrices are filled up with zeros to multiples of these."""
BLOCK = 64
"""Frames of a chunk that are rows of a batch together: they and the weights stay in the cache."""

WEIGHTS, WIDE, PARTS, SHAPE, PART = "int8[::1]", "int32[::1]", "int64[:, ::1]", "int64[::1]", "int64[::1]"
STATES, INPUTS, SUMS, CODES = "int64[:, ::1]", "int16[:, ::1]", "int32[:, ::1]", "int32[:, ::1]"
MODEL = f"{WEIGHTS}, {WIDE}, {PARTS}, {SHAPE}"
"""numba's names for all these, and for what is computed: residual states, activations, sums of products, codes."""
