"""Adversarial losses have their closed forms, and the draw of discriminator updates its odds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.train.codec.adversarial_losses import (
    discriminator_hinge,
    feature_matching,
    generator_hinge,
    updates_discriminator,
)
from nac_cli.train.codec.discriminators.judgement import Judgement


def said(*logits: float) -> list[Judgement]:
    """One discriminator per number, each giving it everywhere; the sizes differ, as they do in an ensemble."""
    return [Judgement(torch.full((2, 1, 3 + i, 4), value), ()) for i, value in enumerate(logits)]


def seen(*discriminators: list[torch.Tensor]) -> list[Judgement]:
    return [Judgement(torch.zeros(1), tuple(features)) for features in discriminators]


def test_hinge_by_closed_form():
    assert discriminator_hinge(said(0.0), said(0.0)).item() == 2
    assert discriminator_hinge(said(1.0, 5.0), said(-1.0, -3.0)).item() == 0
    assert discriminator_hinge(said(0.25, -1.0), said(0.5, -2.0)).item() == pytest.approx((0.75 + 1.5 + 2.0 + 0.0) / 2)
    assert generator_hinge(said(-1.0, 3.0, 0.5)).item() == pytest.approx((2.0 + 0.0 + 0.5) / 3)


def test_the_hinge_acts_place_by_place():
    logits = torch.tensor([-2.0, 0.0, 2.0, 4.0]).reshape(1, 1, 1, 4)
    assert generator_hinge([Judgement(logits, ())]).item() == pytest.approx((3 + 1 + 0 + 0) / 4)
    assert discriminator_hinge([Judgement(logits, ())], [Judgement(logits, ())]).item() == pytest.approx((4 + 9) / 4)


def test_the_two_sides_pull_the_verdict_apart():
    logits = torch.zeros(2, 1, 5, requires_grad=True)
    generator_hinge([Judgement(logits, ())]).backward()
    towards_real = -logits.grad.clone()
    logits.grad = None
    discriminator_hinge(said(0.0), [Judgement(logits, ())]).backward()
    assert (towards_real > 0).all() and (-logits.grad < 0).all()


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_feature_matching_does_not_hear_the_scale_of_features(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    real, fake = ([torch.randn(2, 4, 7, generator=generator) for _ in range(3)] for _ in range(2))
    plain = feature_matching(seen(real), seen(fake))
    scaled = feature_matching(seen([scale * x for x in real]), seen([scale * x for x in fake]))
    assert scaled.item() == pytest.approx(plain.item(), rel=1e-4) and plain.item() > 0.5


def test_feature_matching_is_zero_for_the_same_and_the_relative_error_otherwise():
    features = [torch.randn(2, 4, 7), torch.randn(2, 8, 3)]
    assert feature_matching(seen(features), seen(features)).item() == 0
    assert feature_matching(seen(features), seen([1.25 * x for x in features])).item() == pytest.approx(0.25, rel=1e-5)


def test_discriminators_count_alike_however_many_layers_they_have():
    one, ones = torch.ones(1, 1, 4), [torch.ones(1, 1, 4)] * 3
    real, fake = seen([one], ones), seen([2 * one], ones)
    assert feature_matching(real, fake).item() == pytest.approx(0.5)


def test_feature_matching_moves_only_the_copy():
    real, fake = (torch.randn(1, 2, 5, requires_grad=True) for _ in range(2))
    feature_matching(seen([real]), seen([fake])).backward()
    assert real.grad is None and (fake.grad != 0).all()


def test_dead_features_give_no_infinities():
    dead = torch.zeros(1, 2, 5)
    assert feature_matching(seen([dead]), seen([dead])).item() == 0


def test_losses_are_float32_though_the_discriminators_were_narrow():
    narrow = [Judgement(torch.randn(2, 1, 9).bfloat16(), (torch.randn(2, 4, 9).bfloat16(),)) for _ in range(2)]
    for loss in (discriminator_hinge(narrow, narrow), generator_hinge(narrow), feature_matching(narrow, narrow[::-1])):
        assert loss.dtype == torch.float32 and loss.ndim == 0


def test_ensembles_of_different_sizes_are_not_compared():
    with pytest.raises(ValueError):
        discriminator_hinge(said(0.0, 0.0), said(0.0))


@pytest.mark.parametrize("probability", [0.5, 2 / 3])
def test_updates_come_with_their_probability_and_depend_on_seed_and_step_alone(probability):
    drawn = [updates_discriminator(step, probability, seed=3) for step in range(3_000)]
    assert sum(drawn) / 3_000 == pytest.approx(probability, abs=0.03)
    assert drawn[1_000:1_100] == [updates_discriminator(step, probability, seed=3) for step in range(1_000, 1_100)]
    assert drawn[:200] != [updates_discriminator(step, probability, seed=4) for step in range(200)]


def test_certain_and_impossible_updates():
    assert all(updates_discriminator(step, 1.0, 0) for step in range(100))
    assert not any(updates_discriminator(step, 0.0, 0) for step in range(100))
