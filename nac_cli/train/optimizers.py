"""Two optimizers: Muon for the blocks' matrices, AdamW for everything else; one learning-rate curve for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from nac_cli.train.muon import Muon


class Schedule(Protocol):
    """The values of a training config that learning rates depend on."""

    @property
    def steps(self) -> int: ...

    @property
    def muon_rate(self) -> float: ...

    @property
    def adam_rate(self) -> float: ...

    @property
    def weight_decay(self) -> float: ...

    @property
    def warmup_steps(self) -> int: ...

    @property
    def cooldown_share(self) -> float: ...


class CodecSchedule(Schedule, Protocol):
    """The same of a codec's training config, which has two more."""

    @property
    def betas(self) -> tuple[float, float]: ...

    @property
    def rate_decay(self) -> float: ...


def build(model: nn.Module, config: CodecSchedule) -> list[torch.optim.Optimizer]:
    """Optimizers of a codec: its blocks' hidden layers are Muon's; codebooks, input and output layers, convolutions and
    vectors are AdamW's."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        hidden = parameter.ndim == 2 and ("fine." in name or "coarse." in name)
        (matrices if hidden else others).append(parameter)
    return build_for(matrices, others, config, config.betas)


def build_for(
    matrices: Sequence[nn.Parameter],
    others: Sequence[nn.Parameter],
    config: Schedule,
    betas: tuple[float, float] = (0.9, 0.99),
) -> list[torch.optim.Optimizer]:
    """Muon for `matrices`, unless its rate is 0; AdamW for
    the `others`."""
    adam = torch.optim.AdamW(others, lr=config.adam_rate, betas=betas, weight_decay=config.weight_decay, fused=True)
    if config.muon_rate == 0:
        adam.add_param_group({"params": matrices})
        return [adam]
    return [Muon(matrices, config.muon_rate, weight_decay=config.weight_decay), adam]


def rate_factor(step: int, config: Schedule) -> float:
    """Share of the base rate at `step`: linear warm-up, constant, then linear to 2 % over the last `cooldown_share`."""
    warm = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    cooldown = max(config.cooldown_share * config.steps, 1)
    return warm * min(1.0, max(0.02, (config.steps - step) / cooldown))


def codec_rate_factor(step: int, config: CodecSchedule) -> float:
    """The same with exponential decay at every step (Improved RVQGAN, section 4.3)."""
    return rate_factor(step, config) * config.rate_decay**step


def clip(parameters: Sequence[nn.Parameter], norm: float) -> None:
    """Scale gradients down to `norm` all together; 0 leaves them as they are."""
    if norm:
        torch.nn.utils.clip_grad_norm_(parameters, norm)
