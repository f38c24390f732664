"""What the decoder is asked for: to come near the recording, and not to repeat itself where it cannot know."""

from __future__ import annotations

import torch

from nac_cli.train import losses
from nac_cli.train.config import TrainConfig


def reconstruction(wav_hat: torch.Tensor, wav: torch.Tensor, config: TrainConfig) -> dict[str, torch.Tensor]:
    """Weighted distances of `wav_hat` and `wav` `[B, 1, T]`, by name. A few scales are drawn each step, weighted so
    that the expectation is that of all."""
    mel, complex_stft = _distances(wav_hat, wav, _draw_scales(config), config, 0.0)
    return {
        "mel/loss": mel, "stft/complex": complex_stft,
        "waveform/loss": config.waveform_weight * losses.waveform_loss(wav_hat, wav),
    }


def energy_score(
    first: torch.Tensor, second: torch.Tensor, wav: torch.Tensor, config: TrainConfig
) -> dict[str, torch.Tensor]:
    """`reconstruction` of two decodes of the same codes with different noise, less the distance between the two.

    A distance alone is smallest for the median of all sounds that the codes allow: where phases cannot be known, that
    is a pattern which repeats with every frame, and buzzes. The energy score E d(x^, x) - 1/2 E d(x^, x^') is smallest
    if the decodes are distributed as the recordings are (Gneiting and Raftery 2007, section 4.2; for spectrogram
    distances of speech: Gritsenko et al. 2020, section 3). Below `energy_from` Hz phases are known well enough, and
    there the median is what sounds best.
    """
    scales = _draw_scales(config)
    near = _distances(torch.cat([first, second]), torch.cat([wav, wav]), scales, config, 0.0)
    apart = _distances(first, second, scales, config, config.energy_from)
    share = 0.5 * config.energy_weight
    waveform = losses.waveform_loss(torch.cat([first, second]), torch.cat([wav, wav]))
    return {
        "mel/loss": near[0], "stft/complex": near[1], "waveform/loss": config.waveform_weight * waveform,
        "mel/repulsion": -share * apart[0], "stft/repulsion": -share * apart[1],
    }


def _draw_scales(config: TrainConfig) -> tuple[list[int], int]:
    """Numbers of the mel scales and the STFT window of this step."""
    mels = torch.randperm(len(losses.MEL_SCALES))[: config.mel_scales_per_step].tolist()
    return mels, losses.STFT_WINDOWS[int(torch.randint(len(losses.STFT_WINDOWS), ()))]


def _distances(
    a: torch.Tensor, b: torch.Tensor, scales: tuple[list[int], int], config: TrainConfig, above: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted mel and complex STFT distance at the given scales."""
    chosen, window = scales
    rate = config.model.sample_rate
    level = config.loss_level  # the mel clamp is absolute, so it is applied at an ordinary listening level
    mel = sum(losses.mel_loss(a * level, b * level, rate, *losses.MEL_SCALES[i], above=above) for i in chosen)
    return (
        config.mel_weight * mel * len(losses.MEL_SCALES) / len(chosen),
        config.stft_weight * losses.complex_stft_loss(a, b, window, rate, above),
    )
