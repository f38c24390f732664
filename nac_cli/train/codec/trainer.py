"""A codec in training: the state of a run, and one step."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nac_cli.errors import ModelError
from nac_cli.models import weights
from nac_cli.models.codec import Codec
from nac_cli.models.layers.weight_norm import add_weight_norm, fold_state, load_plain_state
from nac_cli.models.quantizers.rvq import ResidualQuantized
from nac_cli.train import checkpoint, optimizers, precision
from nac_cli.train.codec import depths
from nac_cli.train.codec.adversary import Adversary
from nac_cli.train.codec.averages import WeightAverages
from nac_cli.train.codec.balancer import Balancer
from nac_cli.train.codec.codebooks import FixedCodebooks
from nac_cli.train.codec.config import TrainConfig
from nac_cli.train.codec.families import family_of, restored
from nac_cli.train.codec.objective import energy_score, reconstruction
from nac_cli.train.processes import Processes
from nac_cli.train.records import from_json, to_json
from nac_cli.train.stopwatch import Stopwatch

CHECKPOINT = "checkpoint.pt"
LIGHT = ("config", "step", "before", "averaged", "discriminators")
"""The entries of a checkpoint that a new run can start from; the others are needed only to resume."""


class Trainer:
    """A run in `folder`: model, moving averages of its weights (`ema`), codebooks, optimizers, adversary and the step
    counter. `before` says which runs, with how many steps each, it started from."""

    def __init__(self, config: TrainConfig, folder: Path, device: str, compiled: bool = False):
        torch.manual_seed(config.seed)
        self.config, self.folder = config, folder
        self.processes = Processes(device)
        self.device = self.processes.device
        self.family = family_of(config.model)
        self.model = self.family.fresh(config.model, config.name).to(self.device)
        if config.weight_norm:
            add_weight_norm(self.model)
        if not config.train_encoder:
            self.model.encoder.requires_grad_(False)
            self.model.quantizer.requires_grad_(False)
        self.ema = WeightAverages(self.model)
        kind = self.family.codebooks if config.train_encoder else FixedCodebooks
        self.codebooks = kind(self.model, self.processes, config.revive_every, config.revive_below)
        self.optimizers = optimizers.build(self.model, config)
        self.adversary = Adversary(config, self.device) if config.adversary.kinds else None
        self.balancer = Balancer(config.balance, average=self.processes.mean) if config.balance else None
        self.step = 0
        self.before: list[dict] = []
        self.recent: deque[np.ndarray] = deque(maxlen=32)
        self.stopwatch = Stopwatch(self.device)
        if compiled:
            self.model.encoder.compile()
            self.model.decoder.compile()
            if self.adversary:
                self.adversary.discriminators.compile()

    @classmethod
    def resume(
        cls, folder: Path, device: str, steps: int | None = None, compiled: bool = False, cooldown: int | None = None
    ) -> Trainer:
        """Go on from the folder's checkpoint with the config saved in it; `steps` may move the end. With a `cooldown`
        there are so many steps left, over which the rates fall.

        Raises ModelError if there is none, or if it is a light one, which has nothing to resume from.
        """
        state = checkpoint.load(folder / CHECKPOINT)
        if "optimizers" not in state:
            raise ModelError(f"{folder}: its checkpoint is a light one; start a new run from it by --from {folder}")
        config = from_json(state["config"])
        if cooldown is not None:
            steps = state["step"] + cooldown
            config = replace(config, cooldown_share=cooldown / steps)
        if steps is not None:
            config = replace(config, steps=steps)
        trainer = cls(config, folder, device, compiled)
        trainer.model.load_state_dict(state["model"])
        trainer.ema.load_state_dict(state["averaged"])
        for optimizer, saved in zip(trainer._all_optimizers(), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if trainer.adversary:
            trainer.adversary.discriminators.load_state_dict(state["discriminators"])
        if trainer.balancer:
            trainer.balancer.load_state_dict(state["balancer"])
        trainer.codebooks.usage.share.copy_(state["usage"])
        trainer.codebooks.state().load_state_dict(state.get("codebooks", {}))
        trainer.recent.extend(state["recent"].numpy())
        trainer.step, trainer.before = state["step"], state["before"]
        return trainer

    def start_from(self, source: Path) -> None:
        """Take the averaged weights of another run, or those of a weight file, codebooks included, and its
        discriminators if they are of the same sizes. Noise blocks that the other network did not have stay as they are;
        planes that this one does not have are left out. Raises ModelError if the networks do not fit otherwise."""
        state = _of_weights(source) if source.is_file() else checkpoint.load(source / CHECKPOINT)
        averaged = self._without_further_planes(fold_state(state["averaged"]))
        shapes = {name: value.shape for name, value in fold_state(self.model.state_dict()).items()}
        missing = sorted(set(shapes) - set(averaged))
        wrong = [name for name, value in averaged.items() if shapes.get(name) != value.shape]
        if wrong or any(not name.startswith("decoder.noise.") for name in missing):
            raise ModelError(f"{source}: its network has other sizes than this preset's ({(wrong + missing)[0]})")
        load_plain_state(self.model, averaged)
        self.ema.restart()
        self.codebooks.restart()
        known = state.get("discriminators", {})
        if self.adversary and known.keys() == self.adversary.discriminators.state_dict().keys():
            self.adversary.discriminators.load_state_dict(known)
        self.config = replace(self.config, quantizer_start=0, quantizer_from_data=False)
        last = [{"steps": state["step"], "config": state["config"]}] if "config" in state else []
        self.before = [*state["before"], *last]

    def _without_further_planes(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`state` without the quantizer's planes beyond this model's."""
        planes = len(self.model.spec.codebook_sizes)
        numbers = {name: re.match(r"quantizer\.planes\.(\d+)\.", name) for name in state}
        return {name: state[name] for name, number in numbers.items() if not number or int(number[1]) < planes}

    def save(self, part_size: int | None = None, folder: Path | None = None) -> None:
        """Write a checkpoint to the run's folder or another, in parts of at most `part_size` bytes; of parallel
        processes the first does."""
        if self.processes.rank:
            return
        recent = np.stack(self.recent) if self.recent else np.zeros((0, 1, 1, 1), np.float32)
        state = {
            "config": to_json(self.config),
            "step": self.step,
            "before": self.before,
            "averaged": self.ema.state_dict(),
            "model": self.model.state_dict(),
            "usage": self.codebooks.usage.share,
            "recent": torch.from_numpy(recent),
            "codebooks": self.codebooks.state().state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._all_optimizers()],
        }
        if self.adversary:
            state["discriminators"] = self.adversary.discriminators.state_dict()
        if self.balancer:
            state["balancer"] = self.balancer.state_dict()
        checkpoint.save((folder or self.folder) / CHECKPOINT, state, part_size)

    def ema_model(self) -> Codec:
        """A copy of the model with the averaged weights, in evaluation mode, on the CPU."""
        return restored(self.config.model, self.config.name, self.ema.state_dict())

    def train_step(self, batch: np.ndarray) -> dict[str, float]:
        """One update on `batch` `[B, C, T]`; the weighted losses by name, and their sum as "loss"."""
        config, step = self.config, self.step
        torch.manual_seed(config.seed * 1_000_003 + step)  # every draw below depends on the step alone
        if config.train_encoder and config.quantizer_from_data and step <= config.quantizer_start:
            self.recent.append(batch)
            if step == config.quantizer_start:
                self._initialise_codebooks()
        heard = torch.from_numpy(batch).to(self.device)
        wav = _apart(heard)
        quantises = step >= config.quantizer_start or not config.train_encoder
        drawn = self._draw_depths(len(batch)) if quantises else None
        self.stopwatch.lap("data")
        latents, quantized = self._latents(heard, drawn)
        if config.energy_weight:
            wav_hat = self._synthesise(torch.cat([latents, latents]))
            first, second = wav_hat.chunk(2)
            parts = energy_score(first, second, wav, config)
        else:
            wav_hat = first = self._synthesise(latents)
            parts = reconstruction(wav_hat, wav, config)
        fade = config.reconstruction_decay**step
        parts = {name: fade * part for name, part in parts.items()}
        self.stopwatch.lap("generator")
        said = self._play(first, wav, parts)
        outside = {}
        if quantized is not None and quantized.commitment.requires_grad:  # not so if nothing is learned there
            outside["vq/commitment"] = config.commitment_weight * quantized.commitment
            outside["vq/codebook"] = config.codebook_weight * quantized.codebook
            if config.latent_weight:
                outside["vq/latent"] = config.latent_weight * quantized.latent
        self._backward(parts, outside, wav_hat)
        self.stopwatch.lap("generator")
        self._update()
        if quantized is not None and drawn is not None:
            self.codebooks.follow(quantized, drawn, lambda: self._frames(heard), step)
        self.step += 1
        self.stopwatch.lap("optimizer")
        parts |= outside
        return {name: float(part.detach()) for name, part in (parts | said).items()} | {
            "loss": float(sum(part.detach() for part in parts.values()))
        }

    def _draw_depths(self, batch_size: int) -> torch.Tensor:
        """Depths `[B, F]` of this process' share of the batch."""
        count = batch_size * self.processes.count
        every = depths.draw(self.config, count, self.model.spec.num_codebooks)
        return every[self.processes.rank * batch_size :][:batch_size].to(self.device)

    def _latents(self, wav: torch.Tensor, drawn: torch.Tensor | None) -> tuple[torch.Tensor, ResidualQuantized | None]:
        """The decoder's input: the encoder's z at first, later z_q of the depths `drawn`. No gradient where the
        encoder is not trained."""
        with precision.autocast(self.device, self.config.autocast), torch.set_grad_enabled(self.config.train_encoder):
            if drawn is None:
                return self.model.latents(wav), None
            quantized = self.model.quantize(wav, drawn)
        return quantized.z_q, quantized

    def _synthesise(self, latents: torch.Tensor) -> torch.Tensor:
        with precision.autocast(self.device, self.config.autocast):
            return _apart(self.model.synthesise(latents).float())

    def _play(self, wav_hat: torch.Tensor, wav: torch.Tensor, parts: dict) -> dict[str, torch.Tensor]:
        """The adversary's move, then its judgement of ours, added to `parts`; what the discriminators lost."""
        if not self.adversary:
            return {}
        said = self.adversary.learn(wav_hat, wav, self.step, self.processes.average_gradients)
        self.stopwatch.lap("discriminators")
        if self.step >= self.config.adversary.warmup_steps:
            parts |= self.adversary.judge(wav_hat, wav)
        return said

    def _backward(self, parts: dict, outside: dict, wav_hat: torch.Tensor) -> None:
        """Gradients of the losses of `wav_hat`, balanced if wanted, and of those `outside` of it."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if self.balancer:
            gradient = self.balancer.gradient(parts, wav_hat)
            beside = [sum(outside.values())] if outside else []
            torch.autograd.backward([wav_hat, *beside], [gradient, *(None for _ in beside)])
        else:
            sum((parts | outside).values()).backward()

    def _update(self) -> None:
        factor = optimizers.codec_rate_factor(self.step, self.config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("base_lr", group["lr"])
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.processes.average_gradients(parameters)
        optimizers.clip(parameters, self.config.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.update(min(self.config.ema_decay, (self.step + 1) / (self.step + 10)))

    def _initialise_codebooks(self) -> None:
        """Codebooks from the latents that the encoder, trained alone so far, gives to the latest batches."""
        latents = [self._frames(torch.from_numpy(batch).to(self.device)) for batch in self.recent]
        self.codebooks.initialise(torch.cat(latents))
        self.ema.restart()
        self.recent.clear()

    @torch.no_grad()
    def _frames(self, wav: torch.Tensor) -> torch.Tensor:
        """z `[B, F, D]` of `wav` `[B, C, T]`, of all processes."""
        return self.processes.gather(self.model.latents(wav))

    def _all_optimizers(self) -> list[torch.optim.Optimizer]:
        return [*self.optimizers, *([self.adversary.optimizer] if self.adversary else [])]


def _of_weights(path: Path) -> dict:
    """A weight file as `start_from` wants a checkpoint."""
    file = weights.describe(path)
    return {"averaged": weights.load_state(path), "before": [{"weights": file.spec.model_id.hex()}]}


def _apart(wav: torch.Tensor) -> torch.Tensor:
    """`[B, C, T]` -> `[B * C, 1, T]`: losses and discriminators hear channels one by one (EnCodec, section 3.4)."""
    return wav.flatten(0, 1).unsqueeze(1)
