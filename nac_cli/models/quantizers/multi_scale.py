"""Multi-scale residual quantizer: planes at different frame rates (SNAC, Siuzdak et al. 2024, section 3)."""

from __future__ import annotations

import torch
from torch import nn

from nac_cli.models.layers.typed import LayerList
from nac_cli.models.quantizers.rvq import ResidualQuantized, distortion_by_depth
from nac_cli.models.quantizers.vq import VectorQuantizer
from nac_cli.values import ABSENT


class MultiScaleQuantizer(nn.Module):
    """Residual quantizers of which plane k codes means over `strides[k]` frames: one code for as many frames.

    Frames F are a multiple of every stride. With strides of 1 it is `ResidualVectorQuantizer`, code for code.
    """

    def __init__(self, width: int, strides: tuple[int, ...], codebook_size: int, codebook_dim: int):
        super().__init__()
        self.strides = strides
        self.planes = LayerList(VectorQuantizer(width, codebook_size, codebook_dim) for _ in strides)

    def forward(self, z: torch.Tensor, depths: torch.Tensor) -> ResidualQuantized:
        """Quantise `z` `[B, F, D]` for training, frame f of item b with its first `depths[b, f]` planes.

        A code has the depth of its first frame. `codes` of the result are `[B, K, F]`, each repeated over its
        frames. The official code comes without training; losses and dropout are DAC's, as the paper says
        (section 4.2).
        """
        with torch.autocast(z.device.type, enabled=False):
            z = residual = z.float()
            z_q = torch.zeros_like(z)
            codes, commitment, codebook = [], z.new_zeros(()), z.new_zeros(())
            for plane, (quantizer, stride) in enumerate(zip(self.planes, self.strides, strict=True)):
                used = (depths[:, ::stride] > plane).to(z.dtype)
                quantized = quantizer(means(residual, stride))
                z_q = z_q + repeated(quantized.z_q * used.unsqueeze(-1), stride)
                residual = residual - repeated(quantized.z_q.detach(), stride)
                commitment = commitment + (quantized.commitment * used).mean()
                codebook = codebook + (quantized.codebook * used).mean()
                codes.append(repeated(quantized.codes, stride))
        return ResidualQuantized(z_q, torch.stack(codes, 1), commitment, codebook, z.new_zeros(()))

    def encode(self, z: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """`[B, F, D]` -> codes `[B, F / strides[k]]` of each plane, and distortion `[B, K + 1, F]` as
        `ResidualVectorQuantizer.encode` has it."""
        residual, codes, planes = z, [], []
        for quantizer, stride in zip(self.planes, self.strides, strict=True):
            codes.append(quantizer.encode(means(residual, stride)))
            planes.append(repeated(quantizer.decode(codes[-1]), stride))
            residual = residual - planes[-1]
        return tuple(codes), distortion_by_depth(planes)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Codes `[B, F / strides[k]]`, ABSENT where one was not sent -> `z_q` `[B, F, D]`."""
        z_q = torch.zeros((), device=codes[0].device)
        for quantizer, plane, stride in zip(self.planes, codes, self.strides, strict=True):
            present = (plane != ABSENT).unsqueeze(-1)
            z_q = z_q + repeated(quantizer.decode(plane.clamp_min(0)) * present, stride)
        return z_q

    def vectors(self) -> tuple[torch.Tensor, ...]:
        """The vectors that the codes of each plane add to `z_q`: `[N, D]`."""
        return tuple(quantizer.project_out(quantizer.codebook) for quantizer in self.planes)


def means(z: torch.Tensor, stride: int) -> torch.Tensor:
    """`[B, F, D]` -> `[B, F / stride, D]`."""
    return z if stride == 1 else z.unflatten(1, (-1, stride)).mean(2)


def repeated(values: torch.Tensor, stride: int) -> torch.Tensor:
    """`[B, F / stride, ...]` -> `[B, F, ...]`."""
    return values if stride == 1 else values.repeat_interleave(stride, dim=1)
