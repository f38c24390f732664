"""The decoder's objective: the weighted reconstruction losses, or the energy score of two decodes."""

from __future__ import annotations

import torch

from nac_cli.train.codec import losses, spectra
from nac_cli.train.codec.config import TrainConfig


def reconstruction(wav_hat: torch.Tensor, wav: torch.Tensor, config: TrainConfig) -> dict[str, torch.Tensor]:
    """Weighted distances of `wav_hat` and `wav` `[B, 1, T]`, by name. A few scales are drawn each step, weighted so
    that the expectation is that of all."""
    if config.shared_spectra:
        return _by_shared_spectra(wav_hat, wav, config)
    return _distances(wav_hat, wav, _draw_mels(config), _drawn(losses.STFT_WINDOWS), config)


def _by_shared_spectra(wav_hat: torch.Tensor, wav: torch.Tensor, config: TrainConfig) -> dict[str, torch.Tensor]:
    """Losses from one short and one long window, each drawn."""
    rate, level = config.model.sample_rate, config.loss_level
    parts = {"waveform/loss": config.waveform_weight * losses.waveform_loss(wav_hat, wav)}
    mel = torch.zeros((), device=wav.device)
    for windows in (spectra.SHORT_WINDOWS, spectra.LONG_WINDOWS):
        window = _drawn(windows)
        start = int(torch.randint(window // 2, ()))
        x, y = spectra.spectrum(wav_hat, window, start), spectra.spectrum(wav, window, start)
        if window in spectra.MELS:
            mel = mel + len(windows) * spectra.mel_distance(x, y, rate, window, level)
        if windows is spectra.LONG_WINDOWS:
            distance = spectra.phase_distance(x, y, rate, window, config.phase_up_to)
            parts["stft/complex"] = config.stft_weight * distance
        if window in spectra.LINE_WINDOWS and config.log_stft_weight:
            distance = spectra.line_distance(x, y, rate, window, level, config.lines_above)
            parts["stft/log"] = config.log_stft_weight * distance
    return parts | {"mel/loss": config.mel_weight * mel}


def energy_score(
    first: torch.Tensor, second: torch.Tensor, wav: torch.Tensor, config: TrainConfig
) -> dict[str, torch.Tensor]:
    """`reconstruction` of two decodes of the same codes with different noise, less the distance of their complex bins.

    A distance alone is smallest for the median of all sounds that the codes allow: where phases cannot be known, that
    is a pattern which repeats with every frame, and buzzes. The energy score E d(x^, x) - 1/2 E d(x^, x^') is smallest
    if the decodes are distributed as the recordings are (Gneiting and Raftery 2007, section 4.2; for spectrogram
    distances of speech: Gritsenko et al. 2020, section 3).

    Only phases are drawn that way. Mel magnitudes keep their plain distance, so that noise is as even as phases allow,
    and below `energy_from` Hz phases are known well enough for the median to sound best: a decode that draws
    magnitudes too, or low frequencies, measured worse in everything (the model card of nac-44k has the figures).
    """
    window = _drawn(losses.STFT_WINDOWS)
    both = torch.cat([first, second]), torch.cat([wav, wav])
    rate, above = config.model.sample_rate, config.energy_from
    if config.shared_spectra:
        weight = config.energy_stft_weight
        parts = _by_shared_spectra(*both, config)
        parts["stft/high"] = weight * losses.complex_stft_loss(*both, window, rate, above)
    else:
        weight = config.stft_weight
        parts = _distances(*both, _draw_mels(config), window, config)
    apart = losses.complex_stft_loss(first, second, window, rate, above)
    return parts | {"stft/repulsion": -0.5 * config.energy_weight * weight * apart}


def _draw_mels(config: TrainConfig) -> list[tuple[int, int]]:
    chosen = torch.randperm(len(losses.MEL_SCALES))[: config.mel_scales_per_step]
    return [losses.MEL_SCALES[i] for i in chosen]


def _drawn(windows: tuple[int, ...]) -> int:
    return windows[int(torch.randint(len(windows), ()))]


def _distances(
    wav_hat: torch.Tensor, wav: torch.Tensor, mels: list[tuple[int, int]], window: int, config: TrainConfig
) -> dict[str, torch.Tensor]:
    """Weighted distances, at the mel scales and the STFT window given; those without a weight are left out."""
    rate, level = config.model.sample_rate, config.loss_level

    def mel() -> torch.Tensor:
        distances = (losses.mel_loss(wav_hat * level, wav * level, rate, *scale) for scale in mels)
        total = sum(distances, torch.zeros((), device=wav.device))
        return config.mel_weight * total * len(losses.MEL_SCALES) / len(mels)

    def encodec_mel() -> torch.Tensor:
        return config.encodec_mel_weight * losses.encodec_mel_loss(wav_hat * level, wav * level, rate)

    def complex_stft() -> torch.Tensor:
        return config.stft_weight * losses.complex_stft_loss(wav_hat, wav, window)

    def magnitude() -> torch.Tensor:
        return config.magnitude_weight * losses.magnitude_loss(wav_hat, wav)

    def waveform() -> torch.Tensor:
        return config.waveform_weight * losses.waveform_loss(wav_hat, wav)

    def log_stft() -> torch.Tensor:
        long = _drawn(losses.LONG_WINDOWS)
        return config.log_stft_weight * losses.log_stft_loss(wav_hat * level, wav * level, long)

    kinds = (
        ("mel/loss", config.mel_weight, mel),
        ("mel/encodec", config.encodec_mel_weight, encodec_mel),
        ("stft/complex", config.stft_weight, complex_stft),
        ("stft/magnitude", config.magnitude_weight, magnitude),
        ("waveform/loss", config.waveform_weight, waveform),
        ("stft/log", config.log_stft_weight, log_stft),
    )
    return {name: distance() for name, weight, distance in kinds if weight}
