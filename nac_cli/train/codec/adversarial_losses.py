"""Adversarial losses, pure functions of the outputs of an ensemble of discriminators, all computed in float32."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch.nn import functional

from nac_cli.train.codec.discriminators.judgement import Judgement

_UPDATE_DRAWS = 0x6164766572  # sets these draws apart from others made of the same seed and step


def discriminator_hinge(real: Sequence[Judgement], fake: Sequence[Judgement]) -> torch.Tensor:
    """Mean over discriminators of max(0, 1 - D(x)) + max(0, 1 + D(x_hat)) (EnCodec, section 3.4): 2 when they know
    nothing, 0 when they are sure. `fake` should have been judged on a detached waveform."""
    return _mean(
        functional.relu(1 - a.logits.float()).mean() + functional.relu(1 + b.logits.float()).mean()
        for a, b in zip(real, fake, strict=True)
    )


def generator_hinge(fake: Sequence[Judgement]) -> torch.Tensor:
    """Mean over discriminators of max(0, 1 - D(x_hat)) (EnCodec, section 3.4)."""
    return _mean(functional.relu(1 - judgement.logits.float()).mean() for judgement in fake)


def feature_matching(real: Sequence[Judgement], fake: Sequence[Judgement]) -> torch.Tensor:
    """Relative distance of hidden activations, mean |D(x) - D(x_hat)| / mean |D(x)|, averaged over the layers of each
    discriminator, then over discriminators (EnCodec, equation 2). No gradient flows into `real`."""
    return _mean(
        _mean(_distance(hat, target.detach()) for target, hat in zip(a.features, b.features, strict=True))
        for a, b in zip(real, fake, strict=True)
    )


def updates_discriminator(step: int, probability: float, seed: int) -> bool:
    """Whether the discriminators learn at this step: a draw that depends on seed and step alone, so that a resumed run
    and all processes of a parallel one agree. EnCodec (section 3.4) takes 2/3 at 24 kHz and 1/2 at 48 kHz, because
    discriminators easily overpower the decoder."""
    return bool(np.random.default_rng((_UPDATE_DRAWS, seed, step)).random() < probability)


def _distance(feature: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    target = target.float()
    return (feature.float() - target).abs().mean() / target.abs().mean().clamp_min(1e-12)


def _mean(values: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(values)).mean()
