"""A run on TensorBoard: losses, and the validation clips to hear and to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.signal import spectrogram

from nac_cli.errors import UsageError
from nac_cli.train.codec.validation import Clip

LOWEST_DB, HIGHEST_DB = -110.0, -20.0


class Board:
    """Writes event files into `folder`. Raises UsageError when TensorBoard is not installed."""

    def __init__(self, folder: Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError(f"TensorBoard is not installed: pip install 'nac-cli[train]' ({error})") from error
        self.writer = SummaryWriter(str(folder))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def clips(self, step: int, clips: list[Clip], sample_rate: int) -> None:
        """Sound and spectrogram of each clip, the recording left of what was made of it."""
        for clip in clips:
            self.writer.add_audio(f"{clip.name}/decoded", clip.wav_hat[None], step, sample_rate)
            picture = np.concatenate([_picture(clip.wav, sample_rate), _picture(clip.wav_hat, sample_rate)], axis=1)
            self.writer.add_image(clip.name, picture[None], step)
        self.writer.flush()


def _picture(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """Log power in 0..1, high frequencies on top, `[bins, frames]`."""
    _, _, power = spectrogram(wav, sample_rate, nperseg=1024, noverlap=512)
    level = 10 * np.log10(power * sample_rate / 2 + 1e-20)
    return np.clip((level[::-1] - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB), 0, 1)
