"""Layers that work stretch by stretch: every split of the input gives the outputs of the whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nac_cli.models.layers.lstm import ResidualLstm
from nac_cli.models.layers.overlap import overlap_add
from nac_cli.models.layers.padded import PaddedConv, TrimmedTransposedConv, reflect
from nac_cli.models.layers.residual import ResidualUnit
from nac_cli.models.layers.streaming import Chain
from nac_cli.models.layers.weight_norm import add_weight_norm, fold_state, remove_weight_norm

UNIT = {"causal": True, "norm": False}
LAYERS = {
    "convolution": lambda: PaddedConv(3, 4, 7),
    "dilated": lambda: PaddedConv(3, 4, 3, dilation=4),
    "pointwise": lambda: PaddedConv(3, 4, 1),
    "strided": lambda: PaddedConv(3, 4, 6, 3),
    "transposed": lambda: TrimmedTransposedConv(3, 4, 6, 3),
    "lstm": lambda: ResidualLstm(3, 2),
    "unit": lambda: ResidualUnit(3, 2, 3, 2, conv_shortcut=True, **UNIT),
    "identity unit": lambda: ResidualUnit(3, 2, 3, 2, conv_shortcut=False, **UNIT),
    "chain": lambda: Chain(
        PaddedConv(3, 4, 7), nn.ELU(), PaddedConv(4, 5, 4, 2), ResidualLstm(5, 1), PaddedConv(5, 3, 7)
    ),
}


@pytest.fixture(scope="module")
def layers():
    torch.manual_seed(0)
    return {name: make().double().requires_grad_(False) for name, make in LAYERS.items()}


def in_steps(layer, x: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    state, outputs = None, []
    for stretch in x[..., : sum(sizes)].split(sizes, -1):
        y, state = layer.step(stretch, state, False)
        outputs.append(y)
    outputs.append(layer.step(x[..., sum(sizes) :], state, True)[0])
    return torch.cat(outputs, -1)


@pytest.mark.parametrize("name", LAYERS)
@given(length=st.integers(0, 40), sizes=st.lists(st.integers(0, 12), max_size=8))
@settings(max_examples=60, deadline=None)
def test_steps_give_what_the_whole_gives(layers, name, length, sizes):
    x = torch.randn(2, 3, length, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    while sum(sizes) > length:
        sizes = sizes[:-1]
    expected, steps = layers[name](x), in_steps(layers[name], x, sizes)
    assert steps.shape == expected.shape
    assert torch.allclose(steps, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_a_state_can_be_taken_up_twice(layers, name):
    x = torch.randn(1, 3, 30, dtype=torch.float64)
    _, state = layers[name].step(x[..., :20], None, False)
    once, _ = layers[name].step(x[..., 20:], state, True)
    again, _ = layers[name].step(x[..., 20:], state, True)
    assert (once == again).all()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_lengths_and_sources_are_as_stated(causal, stride):
    """The inputs with any influence on some outputs in the middle, found by differentiating."""
    padded = PaddedConv(1, 1, 2 * stride + 1, stride, causal=causal).double()
    transposed = TrimmedTransposedConv(1, 1, 2 * stride + 1, stride, causal=causal).double()
    for length in (1, 2, stride, stride + 1, 40 * stride):
        assert padded(torch.randn(1, 1, length).double()).shape[-1] == -(-length // stride)
        assert transposed(torch.randn(1, 1, length).double()).shape[-1] == length * stride
    for layer, first, last in ((padded, 20, 21), (transposed, 20 * stride, 20 * stride + 2)):
        x = torch.randn(1, 1, 41 * stride, dtype=torch.float64, requires_grad=True)
        layer(x)[..., first : last + 1].sum().backward()
        reached = x.grad[0, 0].nonzero()[:, 0]
        assert (int(reached.min()), int(reached.max())) == layer.sources(first, last)


def test_reflection_of_short_signals_has_zeros_where_nothing_is():
    assert reflect(torch.tensor([[[1.0, 2.0, 3.0]]]), 2, 1).tolist() == [[[3, 2, 1, 2, 3, 2]]]
    assert reflect(torch.tensor([[[1.0, 2.0]]]), 3, 0).tolist() == [[[0, 0, 2, 1, 2]]]
    assert reflect(torch.tensor([[[1.0]]]), 1, 1).tolist() == [[[0, 1, 0]]]


def test_the_padding_before_is_the_larger_half():
    impulse = torch.zeros(1, 1, 20)
    impulse[..., 10] = 1
    layer = PaddedConv(1, 1, 4, causal=False)
    nn.init.zeros_(layer.conv.bias)
    assert layer(impulse)[0, 0].nonzero()[:, 0].tolist() == [9, 10, 11, 12]


def test_weight_norm_comes_and_goes_without_a_trace():
    torch.manual_seed(0)
    chain = LAYERS["chain"]()
    chain.append(TrimmedTransposedConv(3, 2, 4, 2))
    x, names = torch.randn(1, 3, 20), set(chain.state_dict())
    plain = chain(x)
    add_weight_norm(chain)
    stored = fold_state(chain.state_dict())
    assert set(stored) == names and (stored["0.conv.weight"] == chain[0].conv.weight).all()
    assert torch.allclose(chain(x), plain, atol=1e-6)
    steps, _ = chain.step(x, None, True)
    assert torch.allclose(steps, plain, atol=1e-6)
    remove_weight_norm(chain)
    assert torch.allclose(chain(x), plain, atol=1e-6)
    assert set(chain.state_dict()) == names


def test_overlapping_segments_fade_into_each_other():
    ones = torch.ones(2, 10)
    assert torch.allclose(overlap_add([ones, ones, ones[:, :6]], 7), torch.ones(2, 20))
    faded = overlap_add([ones, 0 * ones], 7)
    assert torch.allclose(faded[0, 6:11], torch.tensor([1, 0.75, 0.5, 0.25, 0]))
    assert overlap_add([ones], 0).tolist() == ones.tolist()
