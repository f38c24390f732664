"""Loss balancer: weights that say which share of the gradient each loss gets, whatever its natural scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch


class Balancer:
    """Combines the gradients of several losses at the point where all of them meet: the decoder's output.

    EnCodec, section 3.4 (equation 5):

    1. g_i, the gradient of loss i with respect to `wav_hat`, and its L2 norm over the whole batch;
    2. the exponential moving average of that norm over the steps in which the loss took part;
    3. the sum of `norm` * weight_i / (sum of weights) * g_i / average_i goes on into the network.

    Losses that do not depend on `wav_hat`, such as the commitment loss, stay outside and are backpropagated beside it.
    The averages are corrected for their start (as Adam's are), so the first step is already in balance.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        norm: float = 1.0,
        decay: float = 0.999,
        average: Callable[[torch.Tensor], torch.Tensor] = lambda norms: norms,
    ):
        """`weights` by loss name; `average` may replace norms `[n]` by their mean over parallel processes, which must
        agree on them for their gradients to add up."""
        self.weights, self.norm, self.decay, self.average = dict(weights), norm, decay, average
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}

    def gradient(self, losses: Mapping[str, torch.Tensor], wav_hat: torch.Tensor) -> torch.Tensor:
        """The combined gradient, of the shape of `wav_hat`, for `wav_hat.backward(gradient)`.

        `losses` are unweighted scalars computed from this very `wav_hat`; those absent in a step have no share in it.
        No parameter of a discriminator receives a gradient here. Raises KeyError for a loss that has no weight.
        """
        total = sum(self.weights[name] for name in losses)
        gradients = _gradients(list(losses.values()), wav_hat)
        norms = self.average(torch.stack([gradient.float().norm() for gradient in gradients])).tolist()
        combined = torch.zeros_like(wav_hat)
        for name, gradient, norm in zip(losses, gradients, norms):
            self._record(name, norm)
            share = self.weights[name] / total
            combined.add_(gradient, alpha=self.norm * share / max(self._mean(name), 1e-12))
        return combined

    def norms(self) -> dict[str, float]:
        """The average gradient norm of each loss seen so far."""
        return {name: self._mean(name) for name in self._sums}

    def state_dict(self) -> dict[str, dict[str, float]]:
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Mapping[str, float]]) -> None:
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])

    def _record(self, name: str, norm: float) -> None:
        if not math.isfinite(norm):
            return  # the step is lost anyway; recorded, it would spoil every later one too
        self._sums[name] = self.decay * self._sums.get(name, 0.0) + norm
        self._counts[name] = self.decay * self._counts.get(name, 0.0) + 1

    def _mean(self, name: str) -> float:
        return self._sums.get(name, 0.0) / self._counts.get(name, 1.0)


def _gradients(losses: list[torch.Tensor], wav_hat: torch.Tensor) -> list[torch.Tensor]:
    """Losses may share parts of a graph (two from one discriminator do), so all but the last leave it standing."""
    last = len(losses) - 1
    return [torch.autograd.grad(loss, wav_hat, retain_graph=i < last)[0] for i, loss in enumerate(losses)]
