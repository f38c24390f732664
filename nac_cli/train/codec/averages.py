"""Moving averages of a model's weights: validation, export and runs that start from this one use them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn


class WeightAverages:
    """Exponential moving averages of the parameters of `model`, which may have weight normalisation: then gains and
    directions are averaged. Buffers (EnCodec's codebooks, averages themselves) are taken as they are."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.values = [parameter.detach().clone() for parameter in model.parameters()]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.values)

    def update(self, decay: float) -> None:
        """After a step of the model: the averages keep `decay` of themselves."""
        parameters = [parameter.detach() for parameter in self.model.parameters()]
        torch._foreach_lerp_(self.values, parameters, 1 - decay)

    def restart(self) -> None:
        """Begin the averages anew with the model's present weights, which were set and not learned."""
        for mean, parameter in zip(self.values, self.model.parameters(), strict=True):
            mean.copy_(parameter.detach())

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The model's state with the averages for its parameters."""
        names = [name for name, _ in self.model.named_parameters()]
        return self.model.state_dict() | dict(zip(names, self.values, strict=True))

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        for mean, (name, _) in zip(self.values, self.model.named_parameters(), strict=True):
            mean.copy_(state[name])
