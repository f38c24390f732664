"""The integer model costs hardly more bits than the float network that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.entropy.lm import measure, prepare, quantise
from nac_cli.entropy.lm.config import LmConfig
from nac_cli.entropy.lm.quantise import fixed_point
from nac_cli.entropy.lm.reference import FloatNetwork
from nac_cli.errors import ModelError
from nac_cli.values import ABSENT
from tests.entropy.lm.models import float_parameters, random_chunk, small


def sampled_chunk(rng: np.random.Generator, network: FloatNetwork, num_frames: int, deepest: int):
    """Codes drawn from the network itself, so that it predicts them as a trained one would."""
    config = network.config
    codes, depths = np.full((config.planes, num_frames), ABSENT, np.int32), np.full(num_frames, deepest)
    for frame in range(num_frames):
        codes[:deepest, frame] = 0
        for plane in range(deepest):
            *_, (_, _, logits) = (
                each for each in network.logits(codes[:, : frame + 1], depths[: frame + 1]) if each[0] == plane
            )
            codes[plane, frame] = (logits[-1] + rng.gumbel(size=logits.shape[1])).argmax()
    return codes, depths


@pytest.mark.parametrize("shared, rank", [(False, 0), (True, 8)])
def test_integer_costs_are_those_of_the_float_network(shared, rank):
    config = small((12, 20, 30), width=32, heads=4, feed_width=64, window=20, shared_hidden=shared, embedding_rank=rank)
    rng = np.random.default_rng(7)
    parameters = float_parameters(rng, config, sharpness=2.0)
    network = FloatNetwork(config, parameters)
    sampled = [sampled_chunk(rng, network, 40, 3) for _ in range(3)]
    integer = prepare(quantise(parameters, config, sampled[:1]))
    reference = sum(network.cost_bits(*chunk).sum() for chunk in sampled[1:])
    bits = sum(measure(integer, *chunk).bits().sum() for chunk in sampled[1:])
    packed = sum(
        np.count_nonzero(codes[plane] >= 0) * np.log2(size)
        for codes, _ in sampled[1:]
        for plane, size in enumerate(config.codebook_sizes)
    )
    assert reference < 0.9 * packed
    assert abs(bits / reference - 1) < 0.02


def test_attention_that_is_flat_over_a_long_window_is_not_rounded_away():
    config = LmConfig((4,), (1,), layers=1, width=8, heads=1, feed_width=8, window=400, head_width=8)
    rng = np.random.default_rng(8)
    parameters = {**float_parameters(rng, config), "layers.0.attention.position": np.zeros((1, 400))}
    parameters["layers.0.attention.qkv.weight"][:8] = 0
    parameters["layers.0.attention.qkv.bias"][:8] = 0
    chunk = random_chunk(rng, config, 400, 1)
    bits = measure(prepare(quantise(parameters, config, [chunk])), *chunk).bits()
    assert np.abs(bits - FloatNetwork(config, parameters).cost_bits(*chunk)).mean() < 0.05


def test_planes_that_calibration_never_saw_still_work():
    config, rng = small(), np.random.default_rng(9)
    parameters = float_parameters(rng, config)
    network = prepare(quantise(parameters, config, [random_chunk(rng, config, 20, 1)]))
    assert np.isfinite(measure(network, *random_chunk(rng, config, 20, 3)).bits()).all()


@pytest.mark.parametrize("ratio", [0.0, 1e-30, 1e-9, 0.37, 1.0, 3e5, 1e12])
def test_fixed_point_is_as_fine_as_it_can_be(ratio):
    multipliers, shift = fixed_point(np.array([ratio]))
    assert 0 <= multipliers[0] < 2**31 and 1 <= shift <= 62
    if 1e-9 <= ratio <= 3e5:
        assert abs(multipliers[0] / 2.0**shift / ratio - 1) < 2**-28


def test_parameters_that_do_not_fit():
    config, rng = small(), np.random.default_rng(10)
    good, chunk = float_parameters(rng, config), random_chunk(rng, config, 5)
    without = {name: value for name, value in good.items() if name != "input.start"}
    infinite = {**good, "input.start": np.full(16, np.inf)}
    for parameters in [without, infinite, {**good, "x": good["input.start"]}, {**good, "input.start": np.zeros(3)}]:
        with pytest.raises(ModelError):
            quantise(parameters, config, [chunk])
    with pytest.raises(ModelError):
        quantise(good, config, [])
