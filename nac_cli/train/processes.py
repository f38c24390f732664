"""Several processes that train one model on different items of each batch, as `torchrun` starts them.

Gradients are averaged after the backward pass, so that every process makes the same update: what
DistributedDataParallel does, without wrapping a model whose training is more than one `forward`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
from torch import distributed


class Processes:
    """`rank` of `count` processes, each with a `device` of its own; alone unless `torchrun` says otherwise."""

    def __init__(self, device: str):
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        local = f":{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" and self.count > 1 else ""
        self.device = torch.device(device + local)
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device == "cuda" else "gloo")

    def average_gradients(self, parameters: Iterable[torch.Tensor]) -> None:
        """Replace every gradient by its mean over the processes, in one message."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of `values` over the processes."""
        if self.count > 1:
            values = values.clone()
            distributed.all_reduce(values)
            values = values / self.count
        return values

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of `values` over the processes."""
        values = values.clone()
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def gather(self, items: torch.Tensor) -> torch.Tensor:
        """`items` `[B, ...]` of all processes, one after the other."""
        if self.count == 1:
            return items
        parts = [torch.empty_like(items) for _ in range(self.count)]
        distributed.all_gather(parts, items.contiguous())
        return torch.cat(parts)

    def share(self, parameters: Iterable[torch.Tensor]) -> None:
        """Give every process the first one's values."""
        if self.count > 1:
            for parameter in parameters:
                distributed.broadcast(parameter.data, 0)

    def agree(self, decision: bool) -> bool:
        """The first process' decision."""
        if self.count == 1:
            return decision
        flag = torch.tensor([int(decision)], device=self.device)
        distributed.broadcast(flag, 0)
        return bool(flag.item())

    def wait(self) -> None:
        """Wait until all processes have come here."""
        if self.count > 1:
            distributed.barrier()
