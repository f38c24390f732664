"""Layers that fill a budget."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.detail.analysis import Analysis
from nac_cli.entropy.detail import measure, pack
from nac_cli.pipelines.rate.layers import fit_layers, step_bits, table_costs
from tests.detail.scenes import RATE, pair


@pytest.fixture(scope="module")
def analyses() -> list[Analysis]:
    return [Analysis(*pair(44100, seed=seed), RATE, 120, 0, table_costs()) for seed in range(2)]


@pytest.mark.parametrize("budget", [500, 1500, 4000])
def test_a_budget_is_filled(analyses, budget):
    layers = fit_layers(analyses, budget)
    size = sum(len(pack(layer, RATE)) for layer in layers)
    assert 0.95 * budget <= size <= budget
    assert abs(layers[0].step - layers[1].step) == 0


def test_too_small_a_budget_has_no_layers(analyses):
    assert fit_layers(analyses, 3) is None


def test_offsets_divide_the_budget(analyses):
    plain, coarser = fit_layers(analyses, 2000), fit_layers(analyses, 2000, [0, 16])
    assert len(pack(coarser[1], RATE)) < len(pack(plain[1], RATE))


def test_prices_come_close(analyses):
    steps = [110, 118, 126]
    bits = step_bits(analyses[0], steps)
    assert np.all(np.diff(bits) < 0)
    measured = [measure(analyses[0].layer(step), RATE).total for step in steps]
    np.testing.assert_allclose(bits, measured, rtol=0.1)
