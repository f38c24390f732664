"""The kernels that Python calls."""

from __future__ import annotations

from nac_cli.kernels.compiling import kernel
from nac_cli.kernels.detail import range_coder
from nac_cli.kernels.detail.choices import choose_gains, count_levels, round_levels
from nac_cli.kernels.detail.fields import CODER, DATA, STATE
from nac_cli.kernels.detail.gains import code_gains
from nac_cli.kernels.detail.levels import code_levels
from nac_cli.kernels.detail.side import code_cuts, code_predictions

__all__ = [
    "choose_gains", "code_bit", "code_bits", "code_cuts", "code_gains", "code_levels", "code_predictions",
    "count_levels", "put_byte", "round_levels", "start_decoder", "start_encoder",
]  # fmt: skip


@kernel(f"void({STATE})")
def start_encoder(state):
    range_coder.start_encoder(state)


@kernel(f"void({STATE}, {DATA})")
def start_decoder(state, data):
    range_coder.start_decoder(state, data)


@kernel(f"void({STATE}, {DATA})")
def put_byte(state, data):
    range_coder.put_byte(state, data)


@kernel(f"int64({CODER}, int64, int64)")
def code_bit(task, state, data, bit, probability):
    return range_coder.code_bit(task, state, data, bit, probability)


@kernel(f"int64({CODER}, int64, int64, float64[::1])")
def code_bits(task, state, data, value, count, bits):
    return range_coder.code_bits(task, state, data, value, count, bits)
