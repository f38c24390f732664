"""Layers as bytes that stay what they are: `golden/make.py` has drawn them."""

from __future__ import annotations

import pytest

from nac_cli.entropy.detail.channels import layers_checksum, pack_layers, unpack_layers
from tests.platforms.check import read_layers
from tests.reference import detail_decoder as reference

GOLDEN = {case["name"]: case for case in read_layers()}


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN)
def test_golden_bytes_are_read_and_written_as_ever(case):
    payload = bytes.fromhex(case["payload"])
    layers = unpack_layers(payload, case["channels"], case["samples"], case["sample_rate"])
    assert layers_checksum(layers) == case["checksum"]
    assert pack_layers(layers, case["sample_rate"]) == payload


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN)
def test_the_decoder_written_from_the_specification_reads_the_same(case):
    payload = bytes.fromhex(case["payload"])
    layers = reference.decode_layers(payload, case["channels"], case["samples"], case["sample_rate"])
    assert reference.checksum(layers) == case["checksum"]
