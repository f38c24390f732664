"""Kernels and plain Python make the same bytes; the range coder is as good as its information."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from nac_cli.entropy.detail import pack
from nac_cli.entropy.detail.payload import _check_end, _finished
from nac_cli.errors import CorruptStream
from nac_cli.kernels.detail import kernels
from nac_cli.kernels.detail.fields import DECODE, ENCODE
from tests.entropy.detail.layers import random_layer

PLAIN = textwrap.dedent("""
    from nac_cli.entropy.detail import pack, unpack
    from tests.entropy.detail.layers import random_layer, same
    layer = random_layer(2048, 44100, 3, 0.05)
    payload = pack(layer, 44100)
    assert same(unpack(payload, 2048, 44100), layer)
    print(payload.hex())
""")


@pytest.mark.parametrize(
    "without", ['import sys; sys.modules["numba"] = None', 'import os; os.environ["NAC_KERNELS"] = "numpy"']
)
def test_without_kernels_the_bytes_are_the_same(without):
    result = subprocess.run([sys.executable, "-c", f"{without}\n{PLAIN}"], capture_output=True, text=True, check=True)
    assert bytes.fromhex(result.stdout.strip()) == pack(random_layer(2048, 44100, 3, 0.05), 44100)


def test_numba_is_not_imported_once_there_is_machine_code():
    layer = random_layer(2048, 44100, 3, 0.05)
    pack(layer, 44100)
    code = PLAIN + "import sys\nprint('numba' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split()[1] == "False"


def encode(bits, probabilities) -> bytes:
    state, data = np.zeros(6, np.int64), np.zeros(4 * len(bits) + 64, np.uint8)
    kernels().start_encoder(state)
    for bit, probability in zip(bits, probabilities):
        kernels().code_bit(ENCODE, state, data, bit, probability)
    return _finished(state, data)


def decode(payload: bytes, probabilities) -> list[int]:
    state, data = np.zeros(6, np.int64), np.frombuffer(payload, np.uint8).copy()
    kernels().start_decoder(state, data)
    bits = [kernels().code_bit(DECODE, state, data, 0, probability) for probability in probabilities]
    _check_end(state, len(payload))
    return bits


@pytest.mark.parametrize("probability", [24, 1000, 32768, 65000, 65512])
def test_the_range_coder_reaches_the_information(probability):
    random = np.random.default_rng(probability)
    bits = (random.random(20000) < probability / 65536).astype(int).tolist()
    payload = encode(bits, [probability] * len(bits))
    share = np.array([1 - probability / 65536, probability / 65536])
    information = -np.log2(share)[bits].sum() / 8
    assert information - 1 <= len(payload) <= information * 1.0001 + 2
    assert decode(payload, [probability] * len(bits)) == bits


def test_carries_run_through_bytes_held_back():
    """Long rows of likely bits, then an unlikely one, at the upper end of the interval: the worst for carries."""
    random = np.random.default_rng(0)
    for _ in range(20):
        count = int(random.integers(1, 400))
        bits = [0] * count + random.integers(0, 2, 30).tolist()
        probabilities = [1] * count + random.integers(1, 65536, 30).tolist()
        assert decode(encode(bits, probabilities), probabilities) == bits


def test_no_bits_are_no_bytes():
    assert encode([], []) == b""


def test_only_the_shortest_ending_is_accepted():
    payload = encode([1, 0, 1] * 7, [30000] * 21)
    for other in (payload + b"\0", payload[:-1] + bytes([payload[-1] ^ 1])):
        with pytest.raises(CorruptStream):
            decode(other, [30000] * 21)
