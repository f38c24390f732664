"""Products of integer matrices: int8 rows by int16 rows, sums in int32.

Processors multiply pairs of 16-bit integers and add them up in one instruction (VPMADDWD, VPDPWSSD, SMLAL). Compilers
find it in a loop over one sum, where loading takes longer than multiplying; with a tile of several sums they don't. So
the tile is spelt out in LLVM's own terms, in vectors of any length, which every processor has in one way or another.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from nac_cli.kernels.compiling import helper
from nac_cli.kernels.parts import TILE_ROWS

LANES = 32 if llvm.get_host_cpu_features().get("avx512bw") else 16
"""Entries of a row that are multiplied at once."""
TILE_INPUTS = 2
"""Rows of the inputs that a tile multiplies, by TILE_ROWS of the weights: each value that is loaded serves several
times."""

I32 = ir.IntType(32)
NARROW, WIDE, SUMS = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(I32, LANES), ir.VectorType(I32, LANES // 2)


@intrinsic
def outlined(typing):
    """Called in a function: there is one copy of it, however many call it. Compiling takes a quarter of the time."""

    def generate(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


def _tile(inputs: int):
    """A function that writes the sums of TILE_ROWS rows of the weights with `inputs` rows of the inputs, all of them
    `columns` long; of each array it is told where to begin, and how far rows are apart."""

    @intrinsic
    def tile(
        typing, weights, weights_at, weights_stride, rows, rows_at, rows_stride, columns, sums, sums_at, sums_stride
    ):
        place = types.intp
        signature = types.void(weights, place, place, rows, place, place, place, sums, place, place)

        def generate(context, builder, signature, arguments):
            arrays = [make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
                      for kind, value in zip(signature.args, arguments)]  # fmt: skip
            _emit(builder, inputs, *arrays)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _emit(
    builder, inputs, weights, weights_at, weights_stride, rows, rows_at, rows_stride, columns, sums, sums_at,
    sums_stride,
) -> None:  # fmt: skip
    index = columns.type

    def number(value: int):
        return ir.Constant(index, value)

    def starts(data, at, stride, count: int) -> list:
        return [builder.gep(data, [builder.add(at, builder.mul(stride, number(each)))]) for each in range(count)]

    def vector(start, position, width: int):
        place = builder.bitcast(builder.gep(start, [position]), ir.VectorType(ir.IntType(width), LANES).as_pointer())
        narrow = builder.load(place, align=width // 8)
        return builder.sext(builder.sext(narrow, NARROW) if width == 8 else narrow, WIDE)

    even, odd = (ir.Constant(SUMS, list(range(first, LANES, 2))) for first in (0, 1))
    weight_starts = starts(weights, weights_at, weights_stride, TILE_ROWS)
    input_starts = starts(rows, rows_at, rows_stride, inputs)
    before = builder.block
    loop, after = builder.append_basic_block("tile"), builder.append_basic_block("tiled")
    builder.branch(loop)
    builder.position_at_end(loop)
    position = builder.phi(index)
    totals = [[builder.phi(SUMS) for _ in range(inputs)] for _ in range(TILE_ROWS)]
    left = [vector(start, position, 8) for start in weight_starts]
    right = [vector(start, position, 16) for start in input_starts]
    following = builder.add(position, number(LANES))
    position.add_incoming(number(0), before)
    position.add_incoming(following, loop)
    results = []
    for weight, row in zip(left, totals):
        for value, total in zip(right, row):
            product = builder.mul(weight, value)
            pairs = [builder.shuffle_vector(product, product, order) for order in (even, odd)]
            result = builder.add(total, builder.add(*pairs))
            total.add_incoming(ir.Constant(SUMS, [0] * (LANES // 2)), before)
            total.add_incoming(result, loop)
            results.append(result)
    builder.cbranch(builder.icmp_signed("<", following, columns), loop, after)
    builder.position_at_end(after)
    form, name = ir.FunctionType(I32, [SUMS]), f"llvm.vector.reduce.add.v{LANES // 2}i32"
    reduce = cgutils.get_or_insert_function(builder.module, form, name)
    for number_of, result in enumerate(results):
        row, each = divmod(number_of, inputs)
        place = builder.add(builder.add(sums_at, number(row)), builder.mul(sums_stride, number(each)))
        builder.store(builder.call(reduce, [result]), builder.gep(sums, [place]))


_one, _several = _tile(1), _tile(TILE_INPUTS)


@helper("void(int8[::1], int64, int64, int64, int64, int16[:, ::1], int64, int32[:, ::1])")
def products(weights, start, apart, rows, columns, inputs, count, sums):
    """sums[i, r] = sum of weights[start + r apart + c] * inputs[i, c] over c < `columns`, for i < `count`, r < `rows`.

    `weights` int8 `[...]`, `inputs` int16 `[n, >= columns]`, `sums` int32 `[n, >= rows]`, all without gaps;
    `rows` a multiple of TILE_ROWS, `columns` of PADDED. Whatever is summed up must fit int32.
    """
    outlined()
    stride, width = inputs.shape[1], sums.shape[1]
    for row in range(0, rows, TILE_ROWS):
        at, each = start + row * apart, 0
        while each + TILE_INPUTS <= count:
            _several(weights, at, apart, inputs, each * stride, stride, columns, sums, each * width + row, width)
            each += TILE_INPUTS
        while each < count:
            _one(weights, at, apart, inputs, each * stride, stride, columns, sums, each * width + row, width)
            each += 1
