"""The training loop of a language model: batches of sequences, one step, a checkpoint."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nac_cli.entropy.lm import IntegerModel, dequantise
from nac_cli.errors import ModelError
from nac_cli.train import checkpoint, optimizers, precision
from nac_cli.train.lm.config import LmTrainConfig
from nac_cli.train.lm.geometry import start_from
from nac_cli.train.lm.network import LmNetwork
from nac_cli.train.lm.tokens import Tokens
from nac_cli.train.processes import Processes
from nac_cli.train.records import from_json, override, to_json
from nac_cli.train.stopwatch import Stopwatch

CHECKPOINT = "lm.pt"
LOG = "log.jsonl"


@dataclass(frozen=True)
class LmTrainReport:
    """How a run ended: `step` reached, steps, seconds and codes of this run, bits a code in the last 100 steps, bits a
    code of held-out recordings at each depth that was asked for, why it stopped, and where the time went."""

    step: int
    steps_run: int
    seconds: float
    codes: int
    bits: float
    held_out_bits: dict[int, float]
    stopped_by: str
    shares: dict[str, float]


class LmTrainer:
    """A run in `folder`: network, optimizers and the step counter, for the codes in `tokens`, whose vectors it starts
    from, or from the model `start`. Raises ModelError if that has another shape."""

    def __init__(
        self, config: LmTrainConfig, tokens: Tokens, folder: Path, device: str, compiled: bool = False,
        start: IntegerModel | None = None,
    ):  # fmt: skip
        torch.manual_seed(config.seed)
        self.config, self.tokens, self.folder = config, tokens, folder
        self.processes = Processes(device)
        self.device = self.processes.device
        self.network = LmNetwork(config.shape(tokens.codec))
        if start is None:
            start_from(self.network, tokens.vectors)
        elif start.config == self.network.config:
            self.network.begin_with(dequantise(start))
        else:
            raise ModelError(
                f"the model to start from has another shape ({start.config}) than the one to train "
                f"({self.network.config}); choose another preset or config, or start from nothing"
            )
        self.network.to(self.device)
        matrices = list(self.network.matrices())
        chosen = set(map(id, matrices))
        others = [parameter for parameter in self.network.parameters() if id(parameter) not in chosen]
        self.optimizers = optimizers.build_for(matrices, others, config)
        self.step = 0
        self.stopwatch = Stopwatch(self.device)
        if compiled:
            self.network.compile()

    @classmethod
    def resume(
        cls, tokens: Tokens, folder: Path, device: str, steps: int | None = None, compiled: bool = False
    ) -> LmTrainer:
        """Go on from the folder's checkpoint with the config saved in it; `steps` may move the end. Raises ModelError
        if there is none, or if it is of a network for other codes."""
        state = checkpoint.load(folder / CHECKPOINT)
        config = override(from_json(state["config"], LmTrainConfig), steps=steps)
        trainer = cls(config, tokens, folder, device, compiled)
        if state["codec"] != tokens.codec.model_id.hex():
            raise ModelError(f"{folder}: this run learns the codes of model {state['codec']}, not these tokens")
        trainer.network.load_state_dict(state["network"])
        for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        trainer.step = state["step"]
        return trainer

    def save(self) -> None:
        """Write a checkpoint; of parallel processes the first does."""
        if self.processes.rank:
            return
        checkpoint.save(
            self.folder / CHECKPOINT,
            {
                "config": to_json(self.config),
                "codec": self.tokens.codec.model_id.hex(),
                "step": self.step,
                "network": self.network.state_dict(),
                "optimizers": [o.state_dict() for o in self.optimizers],
            },
        )

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes `[B, K, L]` and depths `[B, L]` of the present step; they depend on the seed and the step alone."""
        config, size = self.config, self.config.batch_size
        items = range(self.processes.rank * size, (self.processes.rank + 1) * size)
        drawn = [
            self.tokens.draw(
                np.random.default_rng((config.seed, self.step, item)), config.sequence_frames, config.steady_share
            )
            for item in items
        ]
        codes, depths = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
        return codes.to(self.device), depths.to(self.device)

    def train_step(self) -> tuple[float, int]:
        """One update; bits a code, and how many codes there were."""
        codes, depths = self.batch()
        self.stopwatch.lap("data")
        with precision.autocast(self.device):
            costs = self.network(codes, depths)
        count = max(int((codes >= 0).sum()), 1)
        loss = costs.sum() / count
        self.stopwatch.lap("forward")
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.stopwatch.lap("backward")
        factor = optimizers.rate_factor(self.step, self.config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("base_lr", group["lr"])
        parameters = [parameter for parameter in self.network.parameters() if parameter.grad is not None]
        self.processes.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.stopwatch.lap("optimizer")
        return float(loss.detach()) / np.log(2), count

    @torch.no_grad()
    def held_out_bits(self, depths: tuple[int, ...], sequences: int = 48) -> dict[int, float]:
        """Bits a code of recordings that are not trained on, at each of some constant depths."""
        frames, chosen = self.config.sequence_frames, self.tokens.held_out[:sequences]
        found = {}
        for depth in depths:
            bits = count = 0.0
            for index in chosen:
                wanted = np.full(frames, depth)
                codes, at = self.tokens.cut(self.tokens.codes[index][:, :frames], frames, wanted)
                with precision.autocast(self.device):
                    costs = self.network(
                        torch.from_numpy(codes)[None].to(self.device), torch.from_numpy(at)[None].to(self.device)
                    )
                bits, count = bits + float(costs.sum()) / np.log(2), count + int((codes >= 0).sum())
            found[depth] = round(bits / max(count, 1), 4)
        return found


def train(
    trainer: LmTrainer,
    time_limit: float | None = None,
    save_every: float = 300.0,
    progress: Callable[[int, dict[str, float]], None] = lambda step, values: None,
    validate_every: int = 500,
) -> LmTrainReport:
    """Run `trainer` until its steps or `time_limit` seconds are used up, then checkpoint. A checkpoint is written every
    `save_every` seconds, a line to `log.jsonl` every 50 steps and after every validation."""
    config, processes = trainer.config, trainer.processes
    started = saved = time.monotonic()
    first_step, codes, stopped_by = trainer.step, 0, "steps"
    recent: deque[float] = deque(maxlen=100)
    depths = _depths_shown(trainer.tokens.codec.num_codebooks)
    trainer.stopwatch.lap("start")
    while trainer.step < config.steps:
        if processes.agree(time_limit is not None and time.monotonic() - started > time_limit):
            stopped_by = "time limit"
            break
        bits, count = trainer.train_step()
        recent.append(bits)
        codes += count
        progress(trainer.step, {"bits": bits})
        if trainer.step % 50 == 0:
            _log(trainer, {"seconds": round(time.monotonic() - started, 1), "bits": round(float(np.mean(recent)), 4)})
        if trainer.step % validate_every == 0:
            _log(trainer, {f"valid/bits/{depth}": bits for depth, bits in trainer.held_out_bits(depths).items()})
            trainer.stopwatch.lap("validation")
        if time.monotonic() - saved > save_every:
            trainer.save()
            saved = time.monotonic()
    trainer.save()
    mean = float(np.mean(recent)) if recent else float("nan")
    return LmTrainReport(
        trainer.step,
        trainer.step - first_step,
        time.monotonic() - started,
        codes,
        mean,
        trainer.held_out_bits(depths),
        stopped_by,
        trainer.stopwatch.shares(),
    )


def _depths_shown(planes: int) -> tuple[int, ...]:
    """A low, a middle and the full depth, in planes."""
    return tuple(sorted({max(planes // 4, 1), max(planes * 7 // 16, 1), planes}))


def _log(trainer: LmTrainer, line: dict) -> None:
    if not trainer.processes.rank:
        with open(trainer.folder / LOG, "a", encoding="utf-8") as log:
            log.write(json.dumps({"step": trainer.step} | line) + "\n")
