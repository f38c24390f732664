"""Shape of the default family's networks: what a weight file says of them."""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.errors import ModelError
from nac_cli.models.fields import integer
from nac_cli.values import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE

LIMITS = {"sample_rate": (MIN_SAMPLE_RATE, MAX_SAMPLE_RATE), "num_codebooks": (1, 64), "codebook_size": (2, 1 << 16)}
MOST_BLOCKS, MOST = 256, 1 << 16
"""The most blocks of one kind, and the most of every other size, that a config may have."""


@dataclass(frozen=True)
class SpectralConfig:
    """Everything that shapes the network. Widths and block counts: `fine` at the STFT's frame rate, `coarse` at the
    latent's. `hop_length` must be a multiple of `stft_hop`. With `noise`, every fine block of the decoder is preceded
    by a noise block."""

    sample_rate: int = 44_100
    hop_length: int = 512
    n_fft: int = 1024
    stft_hop: int = 256
    fine_width: int = 256
    coarse_width: int = 384
    encoder_fine_blocks: int = 2
    encoder_coarse_blocks: int = 4
    decoder_coarse_blocks: int = 6
    decoder_fine_blocks: int = 3
    expansion: int = 3
    kernel_size: int = 7
    num_codebooks: int = 16
    codebook_size: int = 1024
    codebook_dim: int = 8
    noise: bool = False

    def __post_init__(self) -> None:
        """Raises ModelError for values that make no network."""
        for name, value in vars(self).items():
            low, high = LIMITS.get(name, (0, MOST_BLOCKS) if name.endswith("_blocks") else (1, MOST))
            if name != "noise":
                integer(name, value, low, high)
        if self.hop_length % self.stft_hop or not isinstance(self.noise, bool):
            raise ModelError("the model's hop_length is no multiple of its stft_hop, or noise neither true nor false")

    @property
    def frames_per_latent(self) -> int:
        return self.hop_length // self.stft_hop

    @property
    def num_bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def noise_per_frame(self) -> int:
        """Random numbers that the decoder takes for each latent frame."""
        return self.frames_per_latent * self.decoder_fine_blocks * self.fine_width if self.noise else 0
