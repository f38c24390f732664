"""A way around weight normalisation for what writes into weights directly."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.utils import parametrize

from nac_cli.models.layers.weight_norm import add_weight_norm, remove_weight_norm


@contextmanager
def plain_weights(module: nn.Module) -> Iterator[nn.Module]:
    """A copy of `module` without weight normalisation. What becomes of its weights becomes of `module`'s, which stay
    the tensors that an optimizer knows."""
    plain = copy.deepcopy(module)
    remove_weight_norm(plain)
    yield plain
    if any(parametrize.is_parametrized(part) for part in module.modules()):
        add_weight_norm(plain)
    module.load_state_dict(plain.state_dict())
