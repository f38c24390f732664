"""format_spec.md sections 8.6 and 10.5 by an independent decoder: the same integers, the same sound."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from nac_cli.detail.shapes import SHAPES
from nac_cli.detail.synthesis import add_detail
from nac_cli.detail_layer import EDGES, DetailLayer
from nac_cli.entropy.detail.channels import layers_checksum, pack_layers, unpack_layers
from nac_cli.entropy.detail.payload import pack, unpack
from nac_cli.entropy.detail.tables import PATH
from nac_cli.errors import CorruptStream
from tests.entropy.detail.layers import random_layer
from tests.helpers.specification import SPEC, example, example_bytes, table
from tests.reference import detail_decoder as reference
from tests.reference.detail_sound import ALPHA, BETA, lay_over

CASES = [(2500, 44100, 1, 0.05), (700, 24000, 2, 0.4), (700, 8000, 3, 0.0)]


def alike(theirs: reference.Layer, ours: DetailLayer) -> bool:
    return (theirs.step, theirs.form, theirs.sizes, theirs.predictions, theirs.levels, theirs.gains) == (
        ours.step, ours.shape, *(getattr(ours, name).tolist() for name in ("sizes", "predictions", "levels", "gains")),
    )  # fmt: skip


@pytest.mark.parametrize("samples, rate, seed, density", CASES)
def test_the_reference_decodes_the_same_integers(samples, rate, seed, density):
    layer = random_layer(samples, rate, seed, density)
    assert alike(reference.decode_layer(pack(layer, rate), samples, rate), layer)


@pytest.mark.parametrize("samples, rate, seed, density", CASES)
def test_the_reference_makes_the_same_sound(samples, rate, seed, density):
    layer = random_layer(samples, rate, seed, density)
    layer = replace(layer, step=100, levels=np.clip(layer.levels, -3, 3))
    theirs = reference.Layer(
        100, layer.shape, *(getattr(layer, name).tolist() for name in ("sizes", "predictions", "levels", "gains"))
    )
    base = np.random.default_rng(seed).normal(scale=0.3, size=samples)
    ours = add_detail(base, layer, rate)
    assert np.abs(ours - base).max() > 0.01
    np.testing.assert_allclose(lay_over(base, theirs, rate), ours, atol=1e-4)


def test_both_reject_the_same_bytes():
    """The last byte changed may be another layer, the rest are none."""
    payload = pack(random_layer(300, 8000, 4, 0.02), 8000)
    for data in (payload + b"\0", payload + b"\1", b"\xff" * 5 + payload[5:], bytes(40)):
        with pytest.raises(ValueError):
            reference.decode_layer(data, 300, 8000)
        with pytest.raises(CorruptStream):
            unpack(data, 300, 8000)


def test_the_tables_are_those_of_the_text():
    digest = hashlib.sha256(PATH.read_bytes()).hexdigest()
    assert digest in SPEC[SPEC.index("### 8.6") : SPEC.index("## 9 INDX")]
    assert f"`{digest}`" in (PATH.parent / "README.md").read_text(encoding="utf-8")


def test_edges_and_forms():
    text = SPEC[SPEC.index("### 8.6") :]
    (line,) = [line for line in text.splitlines() if line.startswith("> 0 1 2 3")]
    assert tuple(map(int, line[2:].split())) == EDGES
    alpha, beta = table("| form | 0 | 1 |")
    assert [float(cell) for cell in alpha[1:]] == ALPHA == [shape.alpha for shape in SHAPES]
    assert [float(cell) for cell in beta[1:]] == BETA == [shape.tilt for shape in SHAPES]


def test_the_example():
    data, wanted = example_bytes("detail"), json.loads(example("json", "detail"))
    names = ("channels", "num_samples", "codec_rate")
    layers = reference.decode_layers(data, *(wanted[name] for name in names))
    assert f"{reference.checksum(layers):08X}" == wanted["detail_checksum"]
    assert layers[0] is None
    levels = {str(place): level for place, level in enumerate(layers[1].levels) if level}
    gains = [[t, band, gain] for t, row in enumerate(layers[1].gains) for band, gain in enumerate(row) if gain]
    found = {name: getattr(layers[1], name) for name in ("step", "form", "sizes", "predictions")}
    assert found | {"levels": levels, "gains": gains} == wanted["layer"]
    ours = unpack_layers(data, *(wanted[name] for name in names))
    assert alike(layers[1], ours[1])
    assert pack_layers(ours, wanted["codec_rate"]) == data
    assert f"{layers_checksum(ours):08X}" == wanted["detail_checksum"]
