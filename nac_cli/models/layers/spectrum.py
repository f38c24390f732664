"""Waveform to spectrum and back at a fixed hop: frame i is centred on sample (i + 1/2) * hop, so F frames hold F * hop
samples."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Spectrum(nn.Module):
    """STFT with a Hann window, scaled so that white noise of unit power has bins of unit mean power."""

    window: torch.Tensor

    def __init__(self, n_fft: int, hop_length: int):
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.padding = (n_fft - hop_length) // 2
        window = torch.hann_window(n_fft, device="cpu")  # in no weight file: there even where the rest is only laid out
        self.register_buffer("window", window / window.square().sum().sqrt(), persistent=False)

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, F * hop_length]` -> complex `[B, F, n_fft // 2 + 1]`; samples beyond either end count as zero."""
        wav = functional.pad(wav, (self.padding, self.padding))
        spectrum = torch.stft(wav, self.n_fft, self.hop_length, window=self.window, center=False, return_complex=True)
        return spectrum.transpose(1, 2)

    def inverse(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Complex `[B, F, n_fft // 2 + 1]` -> `[B, F * hop_length]`: windowed overlap-add, normalised by the windows'
        power."""
        frames = torch.fft.irfft(spectrum, self.n_fft, dim=-1) * self.window
        power = self.window.square().expand(1, frames.shape[1], -1)
        wav = overlap_add(frames, self.hop_length) / overlap_add(power, self.hop_length).clamp_min(1e-8)
        return wav[:, self.padding : wav.shape[1] - self.padding]


def overlap_add(frames: torch.Tensor, hop_length: int) -> torch.Tensor:
    """Frames `[B, F, N]`, each `hop_length` after the one before -> their sum `[B, (F - 1) * hop_length + N]`."""
    length = (frames.shape[1] - 1) * hop_length + frames.shape[2]
    frames = functional.pad(frames, (0, -frames.shape[2] % hop_length))
    parts = frames.unflatten(2, (-1, hop_length)).unbind(2)
    first, *others = (functional.pad(part, (0, 0, i, len(parts) - 1 - i)) for i, part in enumerate(parts))
    return sum(others, first).flatten(1)[:, :length]


def compress(spectrum: torch.Tensor, power: float = 0.3) -> torch.Tensor:
    """`X |X|^(power - 1)` as real and imaginary parts on a new last axis: `[...]` complex -> `[..., 2]`.

    The power law brings quiet bins into the network's range and keeps the phase. The small constant keeps the
    gradient finite at zero.
    """
    parts = torch.view_as_real(spectrum)
    magnitude_squared = parts.square().sum(-1, keepdim=True) + 1e-7
    return parts * magnitude_squared.pow((power - 1) / 2)
