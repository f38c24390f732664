"""Sliding-window attention, rotary positions and zero-padded convolutions, whole and stretch by stretch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nac_cli.models.layers.padded import TrimmedTransposedConv
from nac_cli.models.layers.rotary import rotate
from nac_cli.models.layers.streaming import Chain
from nac_cli.models.layers.window_transformer import WindowTransformer, window_attention
from nac_cli.models.layers.zero_padded import ZeroPaddedConv


def livened(layer: torch.nn.Module) -> torch.nn.Module:
    """In float64, with branches that matter."""
    for name, value in layer.named_parameters():
        if name.endswith("_scale"):
            value.data.fill_(0.5)
    return layer.double().requires_grad_(False)


@pytest.fixture(scope="module")
def layers():
    torch.manual_seed(0)
    made = {
        "transformer": WindowTransformer(2, 16, 8, 2, (3, 0)),
        "memoryless": WindowTransformer(2, 16, 8, 2, (0, 0)),
        "convolution": ZeroPaddedConv(16, 16, 7, causal=True),
        "strided": ZeroPaddedConv(16, 16, 4, 2, causal=True),
        "all": Chain(
            ZeroPaddedConv(16, 8, 7, causal=True),
            WindowTransformer(2, 8, 4, 4, (5, 0)),
            ZeroPaddedConv(8, 8, 4, 2, causal=True),
            WindowTransformer(1, 8, 8, 4, (2, 0)),
            TrimmedTransposedConv(8, 16, 4, 2),
            ZeroPaddedConv(16, 4, 3, causal=True),
        ),
    }
    return {name: livened(layer) for name, layer in made.items()}


@given(
    length=st.integers(1, 30),
    before=st.integers(0, 12),
    after=st.integers(0, 12),
    past=st.integers(0, 12),
    seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_windows_are_full_attention_under_a_mask(length, before, after, past, seed):
    past = min(past, before)
    generator = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, 2, 3, past + length, 4, dtype=torch.float64, generator=generator)
    query = query[:, :, past:]
    apart = torch.arange(past + length)[None] - torch.arange(past, past + length)[:, None]
    mask = (apart >= -before) & (apart <= after)
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    assert torch.allclose(window_attention(query, key, value, (before, after), past), expected, atol=1e-12)


def test_windows_pass_finite_gradients():
    query = torch.randn(1, 1, 7, 4, requires_grad=True)
    window_attention(query, query, query, (2, 1)).square().sum().backward()
    assert query.grad.isfinite().all() and query.grad.abs().min() > 0


def test_products_of_turned_vectors_depend_on_distances_alone():
    a, b = torch.randn(2, 16, dtype=torch.float64)
    turned_a, turned_b = rotate(a.expand(50, 16), 8), rotate(b.expand(50, 16), 8)
    products = turned_a @ turned_b.T
    assert torch.allclose(products[:-7, :-7], products[7:, 7:], atol=1e-12)
    assert products[0].std() > 0.1
    assert torch.equal(turned_a[:, 8:], a.expand(50, 16)[:, 8:]) and torch.equal(turned_a[0], a)


@pytest.mark.parametrize("name", ["transformer", "memoryless", "convolution", "strided", "all"])
@given(length=st.integers(0, 40), sizes=st.lists(st.integers(0, 12), max_size=8))
@settings(max_examples=40, deadline=None)
def test_steps_give_what_the_whole_gives(layers, name, length, sizes):
    layer, length = layers[name], 2 * length
    while sum(sizes) > length:
        sizes = sizes[:-1]
    x = torch.randn(2, 16, length, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    state, parts = None, []
    for part in x.split([*sizes, length - sum(sizes)], -1):
        y, state = layer.step(part, state, False)
        parts.append(y)
    steps = torch.cat(parts, -1)
    if length:
        expected = layer(x)
        assert steps.shape == expected.shape and torch.allclose(steps, expected, rtol=0, atol=1e-12)
    else:
        assert steps.shape[-1] == 0


def test_a_state_can_be_taken_up_twice_and_stays_small(layers):
    x, state = torch.randn(1, 16, 30, dtype=torch.float64), None
    for part in x.split(1, -1):
        _, state = layers["transformer"].step(part, state, False)
    assert all(kept.shape[2] == 3 for block in state for kept in block)
    once, again = (layers["transformer"].step(x, state, False)[0] for _ in range(2))
    assert torch.equal(once, again)


@pytest.mark.parametrize("causal", [True, False])
def test_sources_are_what_has_any_influence(causal):
    chain = livened(Chain(
        ZeroPaddedConv(1, 8, 7, causal=causal), WindowTransformer(2, 8, 4, 4, (4, 0 if causal else 3)),
        ZeroPaddedConv(8, 8, 4, 2, causal=causal), WindowTransformer(1, 8, 8, 4, (2, 0 if causal else 1)),
        TrimmedTransposedConv(8, 1, 4, 2, causal=causal),
    ))  # fmt: skip
    x = torch.randn(1, 1, 120, dtype=torch.float64, requires_grad=True)
    chain(x)[..., 60:62].sum().backward()
    reached = x.grad[0, 0].nonzero()[:, 0]
    assert (int(reached.min()), int(reached.max())) == chain.sources(60, 61)
