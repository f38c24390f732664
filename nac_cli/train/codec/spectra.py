"""Distances of waveforms by one spectrum: a window drawn for the step serves mel bands, complex bins and single bins.

The separate distances of `losses` transform both waveforms anew for each, four times a window's length: most of the
time of a small network's step. Here frames overlap by half and begin at a random sample, which over the steps comes to
the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nac_cli.train.codec.losses import MEL_SCALES, hann, mel_bank

SHORT_WINDOWS = (32, 64, 128, 256)
"""They resolve attacks: mel bands alone."""
LONG_WINDOWS = (512, 1024, 2048, 4096)
"""Phase is told by these, and single bins by the longest two."""
LINE_WINDOWS = (2048, 4096)
MELS = dict(MEL_SCALES)
FLOOR = 1e-5
"""Floor of magnitudes before their logarithm (Improved RVQGAN, section 3.4)."""


@dataclass(frozen=True)
class Spectrum:
    """An STFT `[B, F, bins]` as it comes, without scaling: real and imaginary parts, and magnitudes squared."""

    real: torch.Tensor
    imaginary: torch.Tensor
    power: torch.Tensor


def spectrum(wav: torch.Tensor, window: int, start: int) -> Spectrum:
    """Spectrum of `wav` `[B, 1, T]` from sample `start` on, in frames that overlap by half; what fills no frame is
    left out."""
    half = window // 2
    halves = wav[:, 0, start:]
    halves = halves[:, : halves.shape[1] // half * half].unflatten(1, (-1, half))
    frames = torch.cat([halves[:, :-1], halves[:, 1:]], 2) * hann(window).to(wav.device)
    real, imaginary = torch.view_as_real(torch.fft.rfft(frames)).unbind(-1)
    return Spectrum(real, imaginary, real.square() + imaginary.square() + 1e-12)


def mel_distance(x: Spectrum, y: Spectrum, sample_rate: int, window: int, level: float) -> torch.Tensor:
    """Mean L1 distance of log10 mel magnitudes of waveforms times `level`."""
    filters = mel_bank(sample_rate, window, MELS[window]).T.to(x.power.device) * level

    def log_mel(spectrum: Spectrum) -> torch.Tensor:
        return (spectrum.power.sqrt() @ filters).clamp_min(FLOOR).log10()

    return (log_mel(x) - log_mel(y)).abs().mean()


def phase_distance(x: Spectrum, y: Spectrum, sample_rate: int, window: int, up_to: float) -> torch.Tensor:
    """Sum over bins below `up_to` Hz, by the number of all bins, of the L1 distance of power-compressed complex bins,
    each weighted by 1 / (1 + f / 1 kHz): where phase is heard, and can be predicted. `up_to` 0: all bins alike."""
    bins = window // 2 + 1
    frequencies = torch.linspace(0, sample_rate / 2000, bins, device=x.power.device)
    weights = 1 / (1 + frequencies) if up_to else torch.ones_like(frequencies)
    low = slice(0, int(up_to / sample_rate * window) if up_to else bins)
    scale = (window * 0.375) ** -0.5  # white noise of unit power gets unit bins

    def compressed(spectrum: Spectrum) -> tuple[torch.Tensor, torch.Tensor]:
        gain = (spectrum.power[..., low] * scale**2 + 1e-7).pow(-0.35) * scale
        return spectrum.real[..., low] * gain, spectrum.imaginary[..., low] * gain

    (real, imaginary), (real_y, imaginary_y) = compressed(x), compressed(y)
    distance = (real - real_y).abs() + (imaginary - imaginary_y).abs()
    return (distance.mean((0, 1)) * weights[low]).sum() / (2 * bins)


def line_distance(x: Spectrum, y: Spectrum, sample_rate: int, window: int, level: float, above: float) -> torch.Tensor:
    """Sum over bins above `above` Hz, by the number of all bins, of the L1 distance of their log10 magnitudes: it sees
    lines that mel bands are too wide for."""
    high = slice(int(above / sample_rate * window), None)
    scale = level**2 / (window * 0.375)

    def log_magnitude(spectrum: Spectrum) -> torch.Tensor:
        return 0.5 * (spectrum.power[..., high] * scale).clamp_min(FLOOR**2).log10()

    distance = (log_magnitude(x) - log_magnitude(y)).abs()
    return distance.mean((0, 1)).sum() / (window // 2 + 1)
