"""Kernels as machine code: what may be handed to them, and what a file of them must be."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.kernels import load
from nac_cli.kernels.code import Code, Form, Interface

pytest.importorskip("numba")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3)),
        np.zeros(6, np.float32),
        np.zeros((3, 2), np.float32).T,
        np.broadcast_to(np.float32(0), (2, 3)),
        [[0.0]],
    ],
    ids=["other numbers", "other dimensions", "gaps", "not to be written", "no array"],
)
def test_arrays_of_another_form_are_refused(array):
    with pytest.raises(TypeError, match="bias_gelu takes an array float32 of 2 dimensions"):
        load("layers").bias_gelu(array, np.zeros(3, np.float32))


def test_arguments_are_counted():
    with pytest.raises(ValueError):
        load("layers").bias_gelu(np.zeros((2, 3), np.float32))


def test_a_file_is_read_as_it_was_written_or_not_at_all():
    code = Code({"one": Interface("symbol", (Form("int8", 2), Form("int64", 0)), Form("", 0))}, ("sqrt",), b"\x7fELF\n")
    data = code.to_bytes()
    assert Code.from_bytes(data) == code
    for damaged in (b"", data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:]):
        assert Code.from_bytes(damaged) is None


def test_code_that_needs_what_is_not_there_is_not_linked():
    with pytest.raises(OSError, match="a_function_of_nobody"):
        Code({}, ("a_function_of_nobody",), b"").link()
