"""Codebooks in training, by family: initialisation from data and the revival of dead codes, beside the gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import nn

from nac_cli.models.codec import TrainableCodec
from nac_cli.models.quantizers.ema import CodebookAverages, EuclideanQuantized, ResidualEuclideanQuantizer
from nac_cli.models.quantizers.kmeans import Factorised, initialise
from nac_cli.models.quantizers.rvq import ResidualQuantized
from nac_cli.train.codec.usage import Usage
from nac_cli.train.processes import Processes


class Codebooks(ABC):
    """The codebooks of `model`. Codes used less than `revive_below` times the even share have died; `revived` counts
    those that were given a new entry."""

    def __init__(self, model: TrainableCodec, processes: Processes, revive_every: int, revive_below: float):
        self.processes = processes
        self.revive_every, self.revive_below = revive_every, revive_below
        self.usage = Usage(model.spec.codebook_sizes)
        self.revived = 0

    def follow(
        self, quantized: ResidualQuantized, depths: torch.Tensor, frames: Callable[[], torch.Tensor], step: int
    ) -> None:
        """After an update: count the codes, and do what keeps them alive. `depths` `[B, F]` are those of `quantized`;
        `frames` gives the latents `[B, F, D]` of all processes as the encoder has them now."""
        self.usage.update(self.processes.gather(quantized.codes).cpu())
        self._tend(quantized, depths, frames, step)

    @abstractmethod
    def initialise(self, z: torch.Tensor) -> None:
        """Take entries from latents `z` `[B, F, D]`."""

    @abstractmethod
    def _tend(
        self, quantized: ResidualQuantized, depths: torch.Tensor, frames: Callable[[], torch.Tensor], step: int
    ) -> None: ...

    def restart(self) -> None:
        """Forget what was gathered of the former entries: others have been loaded. Most kinds gather nothing."""
        return

    def state(self) -> nn.Module:
        """The state that a checkpoint holds beside the model and the usage."""
        return nn.Module()


class FixedCodebooks(Codebooks):
    """Codebooks that are not trained: the grid of TAAE, or those of another run."""

    def initialise(self, z: torch.Tensor) -> None:
        pass

    def _tend(
        self, quantized: ResidualQuantized, depths: torch.Tensor, frames: Callable[[], torch.Tensor], step: int
    ) -> None:
        pass


class FactorisedCodebooks(Codebooks):
    """Entries learned by gradient (DAC, SNAC, the default model). Each plane starts from k-means centres; every
    `revive_every` steps (0: never) dead codes are put onto latents."""

    def __init__(self, model: TrainableCodec, processes: Processes, revive_every: int, revive_below: float):
        super().__init__(model, processes, revive_every, revive_below)
        assert isinstance(model.quantizer, Factorised)  # the families that have these codebooks have such quantizers
        self.quantizer = model.quantizer

    def initialise(self, z: torch.Tensor) -> None:
        initialise(self.quantizer, z)
        self.processes.share(self.quantizer.parameters())

    def _tend(
        self, quantized: ResidualQuantized, depths: torch.Tensor, frames: Callable[[], torch.Tensor], step: int
    ) -> None:
        if self.revive_every and step % self.revive_every == 0:
            self.revived += self.usage.revive(self.quantizer, frames(), self.revive_below)
            self.processes.share(self.quantizer.parameters())


class AveragedCodebooks(Codebooks):
    """Entries that are moving averages of the latents that they were nearest to; dead ones are replaced at every step
    (EnCodec)."""

    def __init__(self, model: TrainableCodec, processes: Processes, revive_every: int, revive_below: float):
        super().__init__(model, processes, revive_every, revive_below)
        assert isinstance(model.quantizer, ResidualEuclideanQuantizer)  # EnCodec's, which alone has these codebooks
        self.quantizer = model.quantizer
        self.restart()

    def initialise(self, z: torch.Tensor) -> None:
        self.averages.initialise(z.flatten(0, 1))
        self._share()

    def _tend(
        self, quantized: ResidualQuantized, depths: torch.Tensor, frames: Callable[[], torch.Tensor], step: int
    ) -> None:
        assert isinstance(quantized, EuclideanQuantized)  # what this quantizer gives
        self.revived += self.averages.update(quantized, depths)
        self._share()

    def restart(self) -> None:
        self.averages = CodebookAverages(self.quantizer, replace_below=self.revive_below, summed=self.processes.sum)

    def state(self) -> nn.Module:
        return self.averages

    def _share(self) -> None:
        """Take over the first process' codebooks, as every process draws replacements of its own."""
        self.processes.share([*self.quantizer.buffers(), *self.averages.buffers()])
