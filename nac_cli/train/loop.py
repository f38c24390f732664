"""The training loop of the codec's reconstruction phase: one readable step, and what keeps it going."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nac_cli.models.quantizers.kmeans import initialise
from nac_cli.models.spectral import SpectralCodec
from nac_cli.train import checkpoint, losses, optimizers
from nac_cli.train.config import TrainConfig, from_json, to_json
from nac_cli.train.data import Excerpts, batches
from nac_cli.train.usage import Usage

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"


@dataclass(frozen=True)
class TrainReport:
    """How a run ended: `step` reached, steps and seconds of this run, seconds of audio seen, mean losses of the last
    100 steps, and why it stopped ("steps" or "time limit")."""

    step: int
    steps_run: int
    seconds: float
    audio_seconds: float
    losses: dict[str, float]
    stopped_by: str


class Trainer:
    """A run in `folder`: model, its exponential moving average (EMA), optimizers and the step counter."""

    def __init__(self, config: TrainConfig, folder: Path, device: str):
        torch.manual_seed(config.seed)
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self.model = SpectralCodec(config.model, config.name).to(self.device)
        self.ema = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.optimizers = optimizers.build(self.model, config)
        self.usage = Usage(config.model.num_codebooks, config.model.codebook_size)
        self.step = 0
        self.recent: deque[np.ndarray] = deque(maxlen=32)

    @classmethod
    def resume(cls, folder: Path, device: str, steps: int | None = None) -> Trainer:
        """Go on from the folder's checkpoint with the config saved in it; `steps` may move the end."""
        state = checkpoint.load(folder / CHECKPOINT)
        config = from_json(state["config"])
        if steps is not None:
            config = from_json(json.dumps(json.loads(state["config"]) | {"steps": steps}))
        trainer = cls(config, folder, device)
        trainer.model.load_state_dict(state["model"])
        for mean, saved in zip(trainer.ema, state["ema"], strict=True):
            mean.copy_(saved)
        for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        trainer.usage.share.copy_(state["usage"])
        trainer.step = state["step"]
        return trainer

    def save(self) -> None:
        state = {
            "config": to_json(self.config), "step": self.step, "model": self.model.state_dict(), "ema": self.ema,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers], "usage": self.usage.share,
        }
        checkpoint.save(self.folder / CHECKPOINT, state)

    def ema_model(self) -> SpectralCodec:
        """A copy of the model with the averaged weights, in evaluation mode."""
        model = SpectralCodec(self.config.model, self.config.name)
        model.load_state_dict(self.model.state_dict())
        for parameter, mean in zip(model.parameters(), self.ema, strict=True):
            parameter.data.copy_(mean)
        return model.eval()

    def train_step(self, batch: np.ndarray) -> dict[str, float]:
        """One update on `batch` `[B, 1, T]`; the losses, weighted and not, by name."""
        config = self.config
        torch.manual_seed(config.seed * 1_000_003 + self.step)  # every draw below depends on the step alone
        if self.step <= config.quantizer_start:
            self.recent.append(batch)
        if self.step == config.quantizer_start:
            self._initialise_quantizer()
        wav = torch.from_numpy(batch).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            if self.step < config.quantizer_start:
                wav_hat, quantized = self.model.decoder(self.model.encoder(wav[:, 0])).unsqueeze(1), None
            else:
                wav_hat, quantized = self.model(wav, self._draw_depths(len(wav)))
        parts = self._reconstruction(wav_hat.float(), wav)
        if quantized is not None:
            parts["vq/commitment"] = config.commitment_weight * quantized.commitment
            parts["vq/codebook"] = config.codebook_weight * quantized.codebook
            self.usage.update(quantized.codes.cpu())
        loss = sum(parts.values())
        self._update(loss)
        if quantized is not None and self.step % config.revive_every == 0:
            self._revive(wav)
        self.step += 1
        return {name: float(part.detach()) for name, part in parts.items()} | {"loss": float(loss.detach())}

    def _reconstruction(self, wav_hat: torch.Tensor, wav: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted losses. A few scales are drawn each step, weighted so that the expectation is that of all."""
        config = self.config
        count = config.mel_scales_per_step
        chosen = torch.randperm(len(losses.MEL_SCALES))[:count]
        level = config.loss_level  # the mel clamp is absolute, so it is applied at an ordinary listening level
        mel = sum(
            losses.mel_loss(wav_hat * level, wav * level, config.model.sample_rate, *losses.MEL_SCALES[i]) for i in chosen
        )
        window = losses.STFT_WINDOWS[int(torch.randint(len(losses.STFT_WINDOWS), ()))]
        return {
            "mel/loss": config.mel_weight * mel * len(losses.MEL_SCALES) / count,
            "stft/complex": config.stft_weight * losses.complex_stft_loss(wav_hat, wav, window),
            "waveform/loss": config.waveform_weight * losses.waveform_loss(wav_hat, wav),
        }

    def _draw_depths(self, batch_size: int) -> torch.Tensor:
        """Depths `[B, F]`: some items whole, the others with one change of depth at a random frame."""
        frames, planes = self.config.excerpt_frames, self.config.model.num_codebooks
        before, after = torch.randint(1, planes + 1, (2, batch_size, 1))
        depths = torch.where(torch.arange(frames) < torch.randint(frames * 2, (batch_size, 1)), before, after)
        depths[torch.rand(batch_size) < self.config.full_depth_share] = planes
        return depths.to(self.device)

    def _update(self, loss: torch.Tensor) -> None:
        factor = optimizers.rate_factor(self.step, self.config)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("base_lr", group["lr"])
        loss.backward()
        parameters = list(self.model.parameters())
        torch.nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        decay = min(self.config.ema_decay, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(self.ema, [parameter.detach() for parameter in parameters], 1 - decay)

    def _initialise_quantizer(self) -> None:
        """Codebooks from the latents that the encoder, trained alone so far, gives to the latest batches."""
        latents = [self._latents(torch.from_numpy(batch).to(self.device)) for batch in self.recent]
        initialise(self.model.quantizer, torch.cat(latents))
        for mean, parameter in zip(self.ema, self.model.parameters(), strict=True):
            mean.copy_(parameter.detach())
        self.recent.clear()

    @torch.no_grad()
    def _latents(self, wav: torch.Tensor) -> torch.Tensor:
        return self.model.encoder(wav[:, 0]).flatten(0, 1)

    @torch.no_grad()
    def _revive(self, wav: torch.Tensor) -> None:
        self.usage.revive(self.model.quantizer, self._latents(wav), self.config.revive_below)


def train(
    trainer: Trainer, corpus: Path, time_limit: float | None = None, save_every: float = 300.0,
    progress: Callable[[int, dict[str, float]], None] = lambda step, values: None,
) -> TrainReport:
    """Run `trainer` on a prepared corpus until its steps or `time_limit` seconds are used up, then checkpoint.

    A checkpoint is written every `save_every` seconds, a line of mean losses to `log.jsonl` every 100 steps.
    """
    config = trainer.config
    length = config.excerpt_frames * config.model.hop_length
    excerpts = Excerpts(corpus, length, config.domain_weights, config.full_band_share)
    started = saved = time.monotonic()
    first_step, recent, means = trainer.step, [], {}
    stopped_by = "steps"
    for batch in batches(excerpts, config.batch_size, config.seed, trainer.step):
        if trainer.step >= config.steps:
            break
        if time_limit is not None and time.monotonic() - started > time_limit:
            stopped_by = "time limit"
            break
        values = trainer.train_step(batch)
        recent = recent[-99:] + [values]
        progress(trainer.step, values)
        if trainer.step % 100 == 0:
            means = _means(recent)
            _log(trainer, means, time.monotonic() - started)
        if time.monotonic() - saved > save_every:
            trainer.save()
            saved = time.monotonic()
    trainer.save()
    steps_run = trainer.step - first_step
    seconds = steps_run * config.batch_size * length / config.model.sample_rate
    return TrainReport(trainer.step, steps_run, time.monotonic() - started, seconds, _means(recent), stopped_by)


def _means(recent: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that had it."""
    names = sorted({name for values in recent for name in values})
    return {name: float(np.mean([values[name] for values in recent if name in values])) for name in names}


def _log(trainer: Trainer, means: dict[str, float], seconds: float) -> None:
    line = {
        "step": trainer.step, "seconds": round(seconds, 1),
        "rate": optimizers.rate_factor(trainer.step, trainer.config),
        "entropy": [round(float(bits), 3) for bits in trainer.usage.entropy()],
        **{name: round(value, 4) for name, value in means.items()},
    }
    with open(trainer.folder / LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
