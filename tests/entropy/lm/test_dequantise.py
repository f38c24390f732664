"""An integer model turned back into floats costs the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.entropy.lm import dequantise, measure, prepare, quantise
from nac_cli.entropy.lm.dequantise import activation_steps
from nac_cli.entropy.lm.reference import FloatNetwork, layout, silu
from tests.entropy.lm.models import extreme, float_parameters, random_chunk, small


@pytest.mark.parametrize("shared, rank", [(False, 0), (True, 8)])
def test_floats_of_an_integer_model_cost_as_many_bits(shared, rank):
    config = small((12, 20, 30), width=32, heads=4, feed_width=64, window=20, shared_hidden=shared, embedding_rank=rank)
    rng = np.random.default_rng(11)
    chunk = random_chunk(rng, config, 200)
    model = quantise(float_parameters(rng, config), config, [chunk])
    floats = dequantise(model)
    assert {name: value.shape for name, value in floats.items()} == layout(config)
    integer, back = measure(prepare(model), *chunk).bits(), FloatNetwork(config, floats).cost_bits(*chunk)
    assert abs(back.sum() / integer.sum() - 1) < 0.01
    assert np.corrcoef(back[chunk[0] >= 0], integer[chunk[0] >= 0])[0, 1] > 0.98
    again = measure(prepare(quantise(floats, config, [chunk])), *chunk).bits()
    assert abs(again.sum() / integer.sum() - 1) < 0.01


@pytest.mark.parametrize("peak", [0.3, 3.0, 12.0, 30.0])
def test_the_steps_of_an_activation_are_found_in_its_table(peak):
    step_in, step_out = peak / 511, max(silu(np.array([peak]))[0] / 100, 1e-3)
    table = np.clip(np.rint(silu(np.arange(-512, 512) * step_in) / step_out), -127, 127).astype(np.int8)
    inputs, outputs = activation_steps(table)
    assert inputs == pytest.approx(step_in, rel=0.02) and outputs == pytest.approx(step_out, rel=0.02)


def test_a_model_at_the_ends_of_its_ranges_gives_numbers():
    floats = dequantise(extreme(small()))
    assert all(np.isfinite(value).all() for value in floats.values())


def test_an_activation_that_gives_nothing_has_steps_too():
    assert all(np.isfinite(step) and step > 0 for step in activation_steps(np.zeros(1024, np.int8)))
