"""The balancer gives each loss its share of the gradient, whatever its scale, and resumes exactly."""

from __future__ import annotations

import json
import math

import pytest
import torch

from nac_cli.train.codec.balancer import Balancer

WEIGHTS = {"mel/loss": 2.0, "adv/gen": 1.0, "adv/feature": 5.0}


def directions(seed: int = 0) -> dict[str, torch.Tensor]:
    """Three gradients that stand at right angles, of very different lengths."""
    torch.manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(40, 3))
    return {name: scale * q[:, i].reshape(2, 1, 20) for i, (name, scale) in enumerate(zip(WEIGHTS, (1e-3, 1.0, 50.0)))}


def losses_on(wav_hat: torch.Tensor, pull: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: (wav_hat * direction).sum() for name, direction in pull.items()}


def balanced(balancer: Balancer, pull: dict[str, torch.Tensor], steps: int = 1) -> torch.Tensor:
    for _ in range(steps):
        wav_hat = torch.randn(2, 1, 20, requires_grad=True)
        gradient = balancer.gradient(losses_on(wav_hat, pull), wav_hat)
    return gradient


def test_the_combined_gradient_is_that_of_equation_five():
    pull = directions()
    gradient = balanced(Balancer(WEIGHTS, norm=3.0), pull)
    expected = sum(3.0 * WEIGHTS[name] / 8.0 * direction / direction.norm() for name, direction in pull.items())
    assert torch.allclose(gradient, expected, atol=1e-6)
    assert gradient.norm().item() == pytest.approx(3.0 * math.sqrt(2**2 + 1**2 + 5**2) / 8, rel=1e-5)


def test_losses_that_pull_the_same_way_add_up_to_the_reference_norm():
    direction = torch.randn(2, 1, 20)
    gradient = balanced(Balancer(WEIGHTS), {name: 7.0 * direction for name in WEIGHTS})
    assert gradient.norm().item() == pytest.approx(1, rel=1e-5)


def test_a_thousandfold_loss_changes_nothing():
    pull = directions()
    louder = pull | {"adv/gen": 1_000 * pull["adv/gen"]}
    assert torch.allclose(balanced(Balancer(WEIGHTS), pull), balanced(Balancer(WEIGHTS), louder), atol=1e-6)


def test_a_loss_that_grows_under_way_is_brought_back_as_the_average_settles():
    pull, balancer = directions(), Balancer(WEIGHTS, decay=0.9)
    before = balanced(balancer, pull, steps=5)
    louder = pull | {"adv/gen": 1_000 * pull["adv/gen"]}
    at_once, settled = balanced(balancer, louder), balanced(balancer, louder, steps=200)
    assert at_once.norm() > 1.2 * before.norm()
    assert torch.allclose(settled, before, atol=1e-5)


def test_the_average_moves_by_its_decay():
    balancer = Balancer({"a": 1.0}, decay=0.999)
    direction = torch.ones(2, 1, 20) / math.sqrt(40)
    for norm in (1.0, 2.0, 4.0):
        balanced(balancer, {"a": norm * direction})
    expected = (0.999**2 * 1 + 0.999 * 2 + 4) / (0.999**2 + 0.999 + 1)
    assert balancer.norms()["a"] == pytest.approx(expected, rel=1e-6)


def test_an_absent_loss_leaves_its_share_to_the_others():
    pull, balancer = directions(), Balancer(WEIGHTS)
    alone = balanced(balancer, {"mel/loss": pull["mel/loss"]})
    assert torch.allclose(alone, pull["mel/loss"] / pull["mel/loss"].norm(), atol=1e-6)
    with pytest.raises(KeyError, match="stft"):
        balanced(balancer, {"stft": pull["mel/loss"]})


def test_the_gradient_goes_on_into_the_network_and_not_into_the_judge():
    torch.manual_seed(0)
    network, judge = torch.nn.Linear(20, 20), torch.nn.Linear(20, 4)
    wav_hat = network(torch.randn(2, 1, 20))
    shared = judge(wav_hat)  # two losses on one graph, as those of a discriminator
    losses = {"mel/loss": wav_hat.abs().mean(), "adv/gen": shared.mean(), "adv/feature": shared.square().mean()}
    balancer = Balancer(WEIGHTS)
    wav_hat.backward(balancer.gradient(losses, wav_hat))
    assert network.weight.grad.abs().sum() > 0 and judge.weight.grad is None


def test_resuming_is_exact():
    pulls = [{name: (1 + step) * direction for name, direction in directions(step).items()} for step in range(8)]
    whole, first, resumed = (Balancer(WEIGHTS) for _ in range(3))
    for pull in pulls[:5]:
        balanced(whole, pull)
        balanced(first, pull)
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for pull in pulls[5:]:
        assert torch.equal(balanced(whole, pull), balanced(resumed, pull))
    assert whole.state_dict() == resumed.state_dict()


def test_one_broken_step_does_not_spoil_the_averages():
    pull, balancer = directions(), Balancer(WEIGHTS)
    before = balanced(balancer, pull)
    broken = balanced(balancer, pull | {"adv/gen": pull["adv/gen"] * math.nan})
    assert broken.isnan().any()  # the caller must see it
    assert torch.allclose(balanced(balancer, pull), before, atol=1e-6)


def test_parallel_processes_can_share_their_norms():
    pull = {"a": torch.ones(2, 1, 20)}
    balancer = Balancer({"a": 1.0}, average=lambda norms: 2 * norms)
    assert balanced(balancer, pull).norm().item() == pytest.approx(0.5, rel=1e-5)
