"""How far layers see, from their kernels: what chunks need around them to be coded as within the whole.

The usual interval arithmetic (Araujo et al. 2019, section 2) from the output back to the input, exact for
each position. Residual connections see no further than what they are added to.
"""

from __future__ import annotations

from torch import nn

from nac_cli.models.layers.local_attention import LocalAttention


def reach(network: nn.Module, first: int, last: int) -> tuple[int, int]:
    """First and last input position on which output positions `first` to `last` depend, both inclusive.

    `network` registers its layers in the order in which it applies them.
    """
    for layer in reversed(list(network.modules())):
        if isinstance(layer, nn.Conv1d):
            stride, padding, span = layer.stride[0], int(layer.padding[0]), _span(layer)
            first, last = first * stride - padding, last * stride - padding + span
        elif isinstance(layer, nn.ConvTranspose1d):
            stride, padding, span = layer.stride[0], int(layer.padding[0]), _span(layer)
            first, last = -(-(first + padding - span) // stride), (last + padding) // stride
        elif isinstance(layer, LocalAttention):
            window = layer.window
            first, last = first // window * window, (last // window + 1) * window - 1
    return first, last


def encoder_context(encoder: nn.Module, hop_length: int, multiple: int = 1) -> int:
    """Frames of samples on each side that can influence the latents of a stretch which starts and ends at
    multiples of `multiple` frames, rounded up to such a multiple."""
    first, last = reach(encoder, 0, multiple - 1)
    return _rounded(max(-(first // hop_length), last // hop_length - (multiple - 1)), multiple)


def decoder_context(decoder: nn.Module, hop_length: int, multiple: int = 1) -> int:
    """The same for the frames of latents that can influence the samples of a stretch."""
    first, last = reach(decoder, 0, multiple * hop_length - 1)
    return _rounded(max(-first, last - (multiple - 1)), multiple)


def _span(layer: nn.Conv1d | nn.ConvTranspose1d) -> int:
    return layer.dilation[0] * (layer.kernel_size[0] - 1)


def _rounded(frames: int, multiple: int) -> int:
    return -(-frames // multiple) * multiple
