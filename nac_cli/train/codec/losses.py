"""Distances of waveforms `[B, 1, T]`, each a pure function of (wav_hat, wav)."""

from __future__ import annotations

from functools import cache

import torch

from nac_cli.audio.mel import mel_filters
from nac_cli.models.layers.spectrum import compress

MEL_SCALES = ((32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1024, 160), (2048, 320))
"""(window, mels) of the multi-scale mel loss; hop is a quarter of the window (Improved RVQGAN, section 3.4)."""

ENCODEC_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)
ENCODEC_MELS = 64
"""Mel bands of EnCodec's mel loss at every scale (section 3.4)."""

STFT_WINDOWS = (2048, 1024, 512, 256)

LONG_WINDOWS = (4096, 2048)
"""Windows that resolve the lines which a pattern repeated at the decoder's frame rate has in its spectrum."""


def mel_loss(wav_hat: torch.Tensor, wav: torch.Tensor, sample_rate: int, window: int, mels: int) -> torch.Tensor:
    """Mean L1 distance of log10 mel magnitudes, clamped at 1e-5, at one scale (Improved RVQGAN, section 3.4)."""
    filters = mel_bank(sample_rate, window, mels).to(wav.device)

    def log_mel(x: torch.Tensor) -> torch.Tensor:
        magnitude = _magnitude(_stft(x, window))
        return (filters @ magnitude).clamp_min(1e-5).log10()

    return (log_mel(wav_hat) - log_mel(wav)).abs().mean()


def encodec_mel_loss(wav_hat: torch.Tensor, wav: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """EnCodec's loss in frequency (section 3.4, equation 1): over all scales, the mean of an L1 distance of mel
    magnitudes and an L2 distance, weighted alike.

    As the authors' later training code (audiocraft) has it, the L2 distance is the mean square of log10 magnitudes with
    a floor of 1e-5; the paper leaves open which spectrograms it compares, and "normalized" is by the window's energy.
    """

    def at(window: int) -> torch.Tensor:
        filters = mel_bank(sample_rate, window, ENCODEC_MELS).to(wav.device) * (window * 0.375) ** -0.5
        mel_hat, mel = (filters @ _magnitude(_stft(x, window)) for x in (wav_hat, wav))
        square = ((mel_hat + 1e-5).log10() - (mel + 1e-5).log10()).square()
        return (mel_hat - mel).abs().mean() + square.mean()

    distances = (at(window) for window in ENCODEC_WINDOWS)
    return sum(distances, torch.zeros((), device=wav.device)) / len(ENCODEC_WINDOWS)


def complex_stft_loss(
    wav_hat: torch.Tensor, wav: torch.Tensor, window: int, sample_rate: int = 0, above: float = 0.0
) -> torch.Tensor:
    """Mean L1 distance of power-compressed complex bins: magnitude and phase together, quiet bins heard as well.

    Bins below `above` Hz, with a soft edge, count as zero distance.
    """
    scale = (window * 0.375) ** -0.5  # a Hann window's energy: white noise of unit power gets unit bins
    distance = (compress(_stft(wav_hat, window) * scale) - compress(_stft(wav, window) * scale)).abs()
    if above:
        frequencies = torch.linspace(0, sample_rate / 2, window // 2 + 1)
        distance = distance * _ramp(frequencies, above).unsqueeze(-1).to(wav.device)
    return distance.mean()


def log_stft_loss(wav_hat: torch.Tensor, wav: torch.Tensor, window: int) -> torch.Tensor:
    """Mean L1 distance of log10 magnitudes of single bins, clamped at 1e-5: what mel bands are too wide to see."""
    scale = (window * 0.375) ** -0.5

    def log_magnitude(x: torch.Tensor) -> torch.Tensor:
        return (_magnitude(_stft(x, window)) * scale).clamp_min(1e-5).log10()

    return (log_magnitude(wav_hat) - log_magnitude(wav)).abs().mean()


def magnitude_loss(wav_hat: torch.Tensor, wav: torch.Tensor, window: int = 2048) -> torch.Tensor:
    """Mean L1 distance of STFT magnitudes, the sums that the transform gives (TAAE, equation 8 and section 4.2)."""
    return (_magnitude(_stft(wav_hat, window)) - _magnitude(_stft(wav, window))).abs().mean()


def waveform_loss(wav_hat: torch.Tensor, wav: torch.Tensor) -> torch.Tensor:
    """Mean L1 distance of samples."""
    return (wav_hat - wav).abs().mean()


def _stft(wav: torch.Tensor, window: int) -> torch.Tensor:
    return torch.stft(wav[:, 0], window, window // 4, window=hann(window).to(wav.device), return_complex=True)


def _magnitude(spectrum: torch.Tensor) -> torch.Tensor:
    return (torch.view_as_real(spectrum).square().sum(-1) + 1e-12).sqrt()


@cache
def hann(window: int) -> torch.Tensor:
    """Its periodic form."""
    return torch.hann_window(window)


@cache
def mel_bank(sample_rate: int, window: int, mels: int) -> torch.Tensor:
    """Filters `[mels, bins]` float32."""
    return torch.from_numpy(mel_filters(sample_rate, window, mels)).float()


def _ramp(frequencies: torch.Tensor, edge: float) -> torch.Tensor:
    """0 below 0.8 edges, 1 above 1.2 edges, as a column `[bins, 1]` for frequencies `[bins]`."""
    return ((frequencies - 0.8 * edge) / (0.4 * edge)).clamp(0, 1).unsqueeze(-1)
