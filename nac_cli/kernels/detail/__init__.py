"""The kernels of detail: its binary range coder with mixed predictions, and the encoder's choice of levels and gains.

`kernels` gives those that Python calls (`room`). All arithmetic of the coder is on integers that
fit 63 bits and nothing overflows, so that plain Python gets the same bytes.
"""

from types import SimpleNamespace

from nac_cli.kernels.loading import load_or_plain


def kernels() -> SimpleNamespace:
    """The functions of `room`: compiled ones, or plain Python where there is no numba."""
    return load_or_plain("room", "kernels.detail")
