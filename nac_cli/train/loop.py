"""The training loop of a codec: one readable step, and what keeps it going."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from nac_cli.errors import ModelError
from nac_cli.models.quantizers.kmeans import initialise
from nac_cli.models.quantizers.rvq import ResidualQuantized
from nac_cli.models.spectral import SpectralCodec
from nac_cli.train import checkpoint, optimizers
from nac_cli.train.adversary import Adversary
from nac_cli.train.balancer import Balancer
from nac_cli.train.config import TrainConfig, from_json, to_json
from nac_cli.train.data import Excerpts, batches
from nac_cli.train.objective import energy_score, reconstruction
from nac_cli.train.processes import Processes
from nac_cli.train.stopwatch import Stopwatch
from nac_cli.train.usage import Usage

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
LIGHT = ("config", "step", "before", "averaged", "discriminators")
"""What of a checkpoint a new run can start from; the rest is for going on."""


@dataclass(frozen=True)
class TrainReport:
    """How a run ended: `step` reached, steps and seconds of this run, seconds of audio seen, mean losses of the last
    100 steps, why it stopped ("steps" or "time limit"), and the share of the time spent on each part of a step."""

    step: int
    steps_run: int
    seconds: float
    audio_seconds: float
    losses: dict[str, float]
    stopped_by: str
    shares: dict[str, float]


class Trainer:
    """A run in `folder`: model, its exponential moving average (EMA), optimizers, adversary and the step counter.
    `before` says which runs, with how many steps each, it started from."""

    def __init__(self, config: TrainConfig, folder: Path, device: str, compiled: bool = False):
        torch.manual_seed(config.seed)
        self.config, self.folder = config, folder
        self.processes = Processes(device)
        self.device = self.processes.device
        self.model = SpectralCodec(config.model, config.name).to(self.device)
        if not config.train_encoder:
            self.model.encoder.requires_grad_(False)
            self.model.quantizer.requires_grad_(False)
        self.ema = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.optimizers = optimizers.build(self.model, config)
        self.adversary = Adversary(config, self.device) if config.adversary.kinds else None
        self.balancer = Balancer(config.balance, average=self.processes.mean) if config.balance else None
        self.usage = Usage(config.model.num_codebooks, config.model.codebook_size)
        self.step = 0
        self.before: list[dict] = []
        self.revived = 0
        self.recent: deque[np.ndarray] = deque(maxlen=32)
        self.stopwatch = Stopwatch(self.device)
        if compiled:
            for part in (self.model.encoder, self.model.decoder, self.adversary and self.adversary.discriminators):
                if part:
                    part.compile()

    @classmethod
    def resume(cls, folder: Path, device: str, steps: int | None = None, compiled: bool = False) -> Trainer:
        """Go on from the folder's checkpoint with the config saved in it; `steps` may move the end.

        Raises ModelError if there is none, or if it is a light one, which has nothing to resume from.
        """
        state = checkpoint.load(folder / CHECKPOINT)
        if "optimizers" not in state:
            raise ModelError(f"{folder}: its checkpoint is a light one; start a new run from it by --from {folder}")
        config = from_json(state["config"])
        if steps is not None:
            config = from_json(json.dumps(json.loads(state["config"]) | {"steps": steps}))
        trainer = cls(config, folder, device, compiled)
        trainer.model.load_state_dict(state["model"])
        for mean, (name, _) in zip(trainer.ema, trainer.model.named_parameters(), strict=True):
            mean.copy_(state["averaged"][name])
        for optimizer, saved in zip(trainer._all_optimizers(), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if trainer.adversary:
            trainer.adversary.discriminators.load_state_dict(state["discriminators"])
        if trainer.balancer:
            trainer.balancer.load_state_dict(state["balancer"])
        trainer.usage.share.copy_(state["usage"])
        trainer.recent.extend(state["recent"].numpy())
        trainer.step, trainer.before = state["step"], state["before"]
        return trainer

    def start_from(self, folder: Path) -> None:
        """Take the averaged weights of another run, codebooks included, and its discriminators if they are of the same
        sizes. Noise blocks that the other run did not have stay as they are. Raises ModelError if the networks do not
        fit otherwise."""
        state = checkpoint.load(folder / CHECKPOINT)
        names = self.model.state_dict().keys()
        missing = sorted(set(names) - set(state["averaged"]))
        shapes = {name: value.shape for name, value in self.model.state_dict().items()}
        wrong = [name for name, value in state["averaged"].items() if shapes.get(name) != value.shape]
        if wrong or any(not name.startswith("decoder.noise.") for name in missing):
            raise ModelError(f"{folder}: its network has other sizes than this preset's ({(wrong + missing)[0]})")
        self.model.load_state_dict(state["averaged"], strict=False)
        for mean, parameter in zip(self.ema, self.model.parameters(), strict=True):
            mean.copy_(parameter.detach())
        known = state.get("discriminators", {})
        if self.adversary and known.keys() == self.adversary.discriminators.state_dict().keys():
            self.adversary.discriminators.load_state_dict(known)
        self.config = replace(self.config, quantizer_start=0, quantizer_from_data=False)
        self.before = [*state["before"], {"steps": state["step"], "config": state["config"]}]

    def save(self, part_size: int | None = None) -> None:
        """Write a checkpoint, in parts of at most `part_size` bytes; of parallel processes the first does."""
        if self.processes.rank:
            return
        recent = np.stack(self.recent) if self.recent else np.zeros((0, 1, 1, 1), np.float32)
        state = {
            "config": to_json(self.config), "step": self.step, "before": self.before, "averaged": self._averaged(),
            "model": self.model.state_dict(), "usage": self.usage.share, "recent": torch.from_numpy(recent),
            "optimizers": [optimizer.state_dict() for optimizer in self._all_optimizers()],
        }
        if self.adversary:
            state["discriminators"] = self.adversary.discriminators.state_dict()
        if self.balancer:
            state["balancer"] = self.balancer.state_dict()
        checkpoint.save(self.folder / CHECKPOINT, state, part_size)

    def ema_model(self) -> SpectralCodec:
        """A copy of the model with the averaged weights, in evaluation mode."""
        model = SpectralCodec(self.config.model, self.config.name)
        model.load_state_dict(self._averaged())
        return model.eval().requires_grad_(False)

    def train_step(self, batch: np.ndarray) -> dict[str, float]:
        """One update on `batch` `[B, 1, T]`; the weighted losses by name, and their sum as "loss"."""
        config, step = self.config, self.step
        torch.manual_seed(config.seed * 1_000_003 + step)  # every draw below depends on the step alone
        if config.train_encoder and config.quantizer_from_data and step <= config.quantizer_start:
            self.recent.append(batch)
            if step == config.quantizer_start:
                self._initialise_quantizer()
        wav = torch.from_numpy(batch).to(self.device)
        self.stopwatch.lap("data")
        latents, quantized = self._latents(wav)
        if config.energy_weight:
            wav_hat = self._synthesise(torch.cat([latents, latents]))
            first, second = wav_hat.chunk(2)
            parts = energy_score(first, second, wav, config)
        else:
            wav_hat = first = self._synthesise(latents)
            parts = reconstruction(wav_hat, wav, config)
        self.stopwatch.lap("generator")
        said = self._play(first, wav, parts)
        outside = {}
        if quantized is not None and config.train_encoder:
            outside["vq/commitment"] = config.commitment_weight * quantized.commitment
            outside["vq/codebook"] = config.codebook_weight * quantized.codebook
        self._backward(parts, outside, wav_hat)
        self.stopwatch.lap("generator")
        self._update()
        if quantized is not None:
            self._watch_codes(quantized.codes, wav)
        self.step += 1
        self.stopwatch.lap("optimizer")
        parts |= outside
        return {name: float(part.detach()) for name, part in (parts | said).items()} | {
            "loss": float(sum(part.detach() for part in parts.values()))
        }

    def _latents(self, wav: torch.Tensor) -> tuple[torch.Tensor, ResidualQuantized | None]:
        """What the decoder gets: the encoder's z at first, z_q later. No gradient where the encoder is not trained."""
        config = self.config
        learns = config.train_encoder
        with torch.autocast(self.device.type, torch.bfloat16), torch.set_grad_enabled(learns):
            if learns and self.step < config.quantizer_start:
                return self.model.encoder(wav[:, 0]), None
            quantized = self.model.quantize(wav, self._draw_depths(len(wav)))
        return quantized.z_q, quantized

    def _synthesise(self, latents: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.model.synthesise(latents).float()

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
        factor = optimizers.rate_factor(self.step, self.config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("base_lr", group["lr"])
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.processes.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        decay = min(self.config.ema_decay, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(self.ema, [parameter.detach() for parameter in self.model.parameters()], 1 - decay)

    def _draw_depths(self, batch_size: int) -> torch.Tensor:
        """Depths `[B, F]`: some items whole, the others with one change of depth at a random frame."""
        frames, planes = self.config.excerpt_frames, self.config.model.num_codebooks
        count = batch_size * self.processes.count
        before, after = torch.randint(1, planes + 1, (2, count, 1))
        depths = torch.where(torch.arange(frames) < torch.randint(frames * 2, (count, 1)), before, after)
        depths[torch.rand(count) < self.config.full_depth_share] = planes
        return depths[self.processes.rank * batch_size :][:batch_size].to(self.device)

    def _initialise_quantizer(self) -> None:
        """Codebooks from the latents that the encoder, trained alone so far, gives to the latest batches."""
        latents = [self._frames(torch.from_numpy(batch).to(self.device)) for batch in self.recent]
        initialise(self.model.quantizer, torch.cat(latents))
        self.processes.share(self.model.quantizer.parameters())
        for mean, parameter in zip(self.ema, self.model.parameters(), strict=True):
            mean.copy_(parameter.detach())
        self.recent.clear()

    def _watch_codes(self, codes: torch.Tensor, wav: torch.Tensor) -> None:
        """Count the codes, and now and then revive those that have died."""
        self.usage.update(self.processes.gather(codes).cpu())
        if self.config.train_encoder and self.step % self.config.revive_every == 0:
            self.revived += self.usage.revive(self.model.quantizer, self._frames(wav), self.config.revive_below)
            self.processes.share(self.model.quantizer.parameters())

    @torch.no_grad()
    def _frames(self, wav: torch.Tensor) -> torch.Tensor:
        """z of `wav` `[B, 1, T]`, of all processes, as a list of frames `[B * F, D]`."""
        return self.processes.gather(self.model.encoder(wav[:, 0])).flatten(0, 1)

    def _averaged(self) -> dict[str, torch.Tensor]:
        names = [name for name, _ in self.model.named_parameters()]
        return self.model.state_dict() | dict(zip(names, self.ema, strict=True))

    def _all_optimizers(self) -> list[torch.optim.Optimizer]:
        return [*self.optimizers, *([self.adversary.optimizer] if self.adversary else [])]


def train(
    trainer: Trainer, corpus: Path, time_limit: float | None = None, save_every: float = 300.0,
    part_size: int | None = None, progress: Callable[[int, dict[str, float]], None] = lambda step, values: None,
    validate: Callable[[Trainer], dict[str, float]] | None = None, validate_every: int = 1000, workers: int = 0,
) -> TrainReport:
    """Run `trainer` on a prepared corpus until its steps or `time_limit` seconds are used up, then checkpoint.

    A checkpoint is written every `save_every` seconds (in parts of at most `part_size` bytes), a line of mean losses
    to `log.jsonl` every 100 steps, and one with what `validate` says every `validate_every` steps. `workers` processes
    read ahead; a thread does if it is 0.
    """
    config, processes = trainer.config, trainer.processes
    length = config.excerpt_frames * config.model.hop_length
    excerpts = Excerpts(corpus, length, config.domain_weights, config.full_band_share, config.augmentation)
    started = saved = time.monotonic()
    first_step, recent, stopped_by = trainer.step, deque(maxlen=100), "steps"
    mine = range(processes.rank * config.batch_size, (processes.rank + 1) * config.batch_size)
    for batch in batches(excerpts, mine, config.seed, trainer.step, workers):
        if trainer.step >= config.steps:
            break
        if processes.agree(time_limit is not None and time.monotonic() - started > time_limit):
            stopped_by = "time limit"
            break
        recent.append(trainer.train_step(batch))
        progress(trainer.step, recent[-1])
        if trainer.step % 100 == 0:
            _log(trainer, _means(recent), time.monotonic() - started)
        if validate and trainer.step % validate_every == 0 and not processes.rank:
            _write_line(trainer, {"step": trainer.step} | {f"valid/{k}": v for k, v in validate(trainer).items()})
        if time.monotonic() - saved > save_every:
            trainer.save(part_size=part_size)
            saved = time.monotonic()
    trainer.save(part_size=part_size)
    steps_run = trainer.step - first_step
    audio_seconds = steps_run * config.batch_size * processes.count * length / config.model.sample_rate
    return TrainReport(
        trainer.step, steps_run, time.monotonic() - started, audio_seconds, _means(recent), stopped_by,
        trainer.stopwatch.shares(),
    )


def _means(recent: deque[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that had it."""
    names = sorted({name for values in recent for name in values})
    return {name: float(np.mean([values[name] for values in recent if name in values])) for name in names}


def _log(trainer: Trainer, means: dict[str, float], seconds: float) -> None:
    _write_line(trainer, {
        "step": trainer.step, "seconds": round(seconds, 1),
        "rate": optimizers.rate_factor(trainer.step, trainer.config),
        "entropy": [round(float(bits), 3) for bits in trainer.usage.entropy()], "revived": trainer.revived,
        **{name: round(value, 4) for name, value in means.items()},
    })


def _write_line(trainer: Trainer, line: dict) -> None:
    if trainer.processes.rank:
        return
    with open(trainer.folder / LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
