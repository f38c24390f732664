"""The kernels of detail: its binary range coder with mixed predictions, and the encoder's choice of levels and gains.

`load("room", "kernels.detail")` has those that Python calls (`room`). All arithmetic of the coder is on integers that
fit 63 bits and nothing overflows, so that plain Python gets the same bytes.
"""
