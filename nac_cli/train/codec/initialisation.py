"""Weights that a run starts from, where torch's own make a slow start."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def scale_convolutions(model: nn.Module, gain: float) -> None:
    """Multiply the weights of all convolutions by `gain`, and start from no biases. Before weight normalisation.

    A deep chain of convolutions as torch draws them divides a signal by the square root of 3 at each, and adds biases
    of its own: what comes out hardly depends on what goes in, and a quantizer that starts there uses one code. DAC's
    code has no biases at the start either, and its residual units carry the signal; EnCodec's do not (their shortcut is
    a convolution), and so take a gain of the square root of 3.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            layer.weight.mul_(gain)
            if layer.bias is not None:
                layer.bias.zero_()
