"""The adversary of a codec in training: an ensemble of discriminators with an optimizer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from nac_cli.errors import UsageError
from nac_cli.train import optimizers, precision
from nac_cli.train.codec.adversarial_losses import (
    discriminator_hinge,
    feature_matching,
    generator_hinge,
    updates_discriminator,
)
from nac_cli.train.codec.config import AdversaryConfig, TrainConfig
from nac_cli.train.codec.discriminators import bands, period, stft
from nac_cli.train.codec.discriminators.judgement import Ensemble


class Adversary:
    """Discriminators that learn to tell recordings from decodes, and whose gradients show the decoder how to come
    nearer."""

    def __init__(self, config: TrainConfig, device: torch.device):
        self.config = config
        self.discriminators = ensemble(config.adversary).to(device)
        settings = config.adversary
        self.optimizer = torch.optim.AdamW(
            self.discriminators.parameters(), lr=settings.rate, betas=settings.betas, weight_decay=0.0, fused=True
        )

    def learn(
        self,
        wav_hat: torch.Tensor,
        wav: torch.Tensor,
        step: int,
        average: Callable[[Iterable[torch.Tensor]], None],
    ) -> dict[str, torch.Tensor]:
        """One update on `wav_hat` (detached here) and `wav` `[B, 1, T]`, in the steps that `updates_discriminator`
        draws; the loss by name, nothing in other steps.

        `average` makes the gradients of parallel processes the same."""
        settings = self.config.adversary
        if step >= settings.warmup_steps and not updates_discriminator(step, settings.probability, self.config.seed):
            return {}
        with precision.autocast(wav.device, self.config.autocast):
            real, fake = self.discriminators(wav), self.discriminators(wav_hat.detach())
        loss = discriminator_hinge(real, fake)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average(self.discriminators.parameters())
        optimizers.clip(list(self.discriminators.parameters()), self.config.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * self.config.rate_decay**step
        self.optimizer.step()
        return {"adv/disc": loss.detach()}

    def judge(self, wav_hat: torch.Tensor, wav: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted losses of the decoder by name: hinge on the discriminators' logits, distance of their features.

        Parameters of the discriminators receive no gradients."""
        self.discriminators.requires_grad_(False)
        with precision.autocast(wav.device, self.config.autocast):
            with torch.no_grad():
                real = self.discriminators(wav)
            fake = self.discriminators(wav_hat)
        self.discriminators.requires_grad_(True)
        parts = {"adv/feature": self.config.feature_weight * feature_matching(real, fake)}
        if self.config.adversarial_weight:
            parts = {"adv/gen": self.config.adversarial_weight * generator_hinge(fake)} | parts
        return parts


def ensemble(config: AdversaryConfig) -> Ensemble:
    """The discriminators that `config` names. Raises UsageError for a kind that there is not."""
    kinds: dict[str, Callable[[], Ensemble]] = {
        "period": lambda: period.multi_period(
            channels=tuple(max(width * config.channels // 32, 1) for width in period.CHANNELS)
        ),
        "bands": lambda: bands.multi_band(config.windows or bands.WINDOWS, channels=config.channels),
        "stft": lambda: stft.multi_stft(config.windows or stft.WINDOWS, config.channels),
        "golden": lambda: stft.golden_stft(config.windows or stft.GOLDEN_WINDOWS, config.channels),
    }
    unknown = sorted(set(config.kinds) - set(kinds))
    if unknown:
        raise UsageError(f"no discriminators of kind {', '.join(unknown)}; there are {', '.join(kinds)}")
    members: dict[str, nn.Module] = {}
    for kind in config.kinds:
        members |= kinds[kind]()
    return Ensemble(members)
