"""The default family: a codec that works on spectra at the frame rate.

    wav -> STFT, power-compressed -> ConvNeXt blocks at `frames_per_latent` x the frame rate -> stride -> blocks -> z
    z -> residual quantizer -> z_q
    z_q -> blocks -> upsampling -> noise and blocks -> log-magnitude and phase of each bin -> inverse STFT -> wav_hat

Nearly all of the work happens at 86 frames a second instead of 44,100 samples, which makes the codec about
a hundred times cheaper than convolutions on the waveform. The inverse-STFT head is that of Vocos
(Siuzdak 2023, section 3.2); the finer output grid (half a hop) keeps transients sharp.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from nac_cli.errors import ModelError
from nac_cli.models.codec import Encoded, TrainableCodec
from nac_cli.models.fields import integer
from nac_cli.models.layers.convnext import ConvNeXtBlock
from nac_cli.models.layers.noise import NoiseBlock, code_noise, random_noise
from nac_cli.models.layers.spectrum import Spectrum, compress
from nac_cli.models.layers.typed import LayerSequence
from nac_cli.models.quantizers.rvq import ResidualQuantized, ResidualVectorQuantizer
from nac_cli.values import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, CodecSpec

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


def _blocks(count: int, width: int, config: SpectralConfig) -> LayerSequence[ConvNeXtBlock]:
    scale = 1 / max(count, 1)
    return LayerSequence(*(ConvNeXtBlock(width, config.expansion, config.kernel_size, scale) for _ in range(count)))


class Encoder(nn.Module):
    """`[B, F * hop_length]` -> z `[B, F, D]` with D = coarse_width."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.spectrum = Spectrum(config.n_fft, config.stft_hop)
        self.project = nn.Linear(2 * config.num_bins, config.fine_width)
        self.fine = _blocks(config.encoder_fine_blocks, config.fine_width, config)
        self.stride = nn.Linear(config.frames_per_latent * config.fine_width, config.coarse_width)
        self.coarse = _blocks(config.encoder_coarse_blocks, config.coarse_width, config)
        self.norm = nn.LayerNorm(config.coarse_width, eps=1e-6)
        self.to_latent = nn.Linear(config.coarse_width, config.coarse_width)

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        x = self.project(compress(self.spectrum(wav)).flatten(2))
        x = self.fine(x)
        x = self.stride(x.reshape(x.shape[0], -1, self.stride.in_features))
        return self.to_latent(self.norm(self.coarse(x)))


class Decoder(nn.Module):
    """z_q `[B, F, D]` and noise `[B, F, noise_per_frame]` -> wav_hat `[B, F * hop_length]`."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.from_latent = nn.Linear(config.coarse_width, config.coarse_width)
        self.coarse = _blocks(config.decoder_coarse_blocks, config.coarse_width, config)
        self.stride = nn.Linear(config.coarse_width, config.frames_per_latent * config.fine_width)
        self.fine = _blocks(config.decoder_fine_blocks, config.fine_width, config)
        self.noise = nn.ModuleList(NoiseBlock(config.fine_width) for _ in self.fine if config.noise)
        self.norm = nn.LayerNorm(config.fine_width, eps=1e-6)
        self.head = nn.Linear(config.fine_width, 2 * config.num_bins)
        self.spectrum = Spectrum(config.n_fft, config.stft_hop)
        with torch.no_grad():
            self.head.bias[: config.num_bins].fill_(-3.0)

    def forward(self, z_q: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        x = self.coarse(self.from_latent(z_q))
        x = self.stride(x).reshape(x.shape[0], -1, self.norm.normalized_shape[0])
        noise = noise.reshape(*x.shape[:2], len(self.noise), x.shape[2])
        for number, block in enumerate(self.fine):
            x = block(self.noise[number](x, noise[:, :, number]) if self.noise else x)
        log_magnitude, phase = self.head(self.norm(x)).float().chunk(2, dim=-1)
        spectrum = torch.polar(log_magnitude.clamp_max(6.0).exp(), phase)
        return self.spectrum.inverse(spectrum)


class SpectralCodec(TrainableCodec):
    """See the module. `quantize` and `synthesise` are the halves of the training pass; `encode` and `decode` are the
    contract."""

    config: SpectralConfig
    encoder: Encoder
    quantizer: ResidualVectorQuantizer
    decoder: Decoder

    def __init__(self, config: SpectralConfig, name: str, model_id: bytes = bytes(8)):
        super().__init__()
        self.config = config
        self.spec = CodecSpec(
            name,
            "spectral",
            model_id,
            config.sample_rate,
            config.hop_length,
            (config.codebook_size,) * config.num_codebooks,
            (1,) * config.num_codebooks,
        )
        self.encoder = Encoder(config)
        self.quantizer = ResidualVectorQuantizer(
            config.coarse_width, config.num_codebooks, config.codebook_size, config.codebook_dim
        )
        self.decoder = Decoder(config)
        self.encode_context = _context(self.encoder, config)
        self.decode_context = _context(self.decoder, config)

    def latents(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, 1, F * hop_length]` -> z `[B, F, D]`."""
        return self.encoder(wav[:, 0])

    def quantize(self, wav: torch.Tensor, depths: torch.Tensor) -> ResidualQuantized:
        """The first half of training: `wav` `[B, 1, T]`, frame f of item b with its first `depths[b, f]` planes."""
        return self.quantizer(self.latents(wav), depths)

    def synthesise(self, z_q: torch.Tensor) -> torch.Tensor:
        """The second half: z_q `[B, F, D]` -> wav_hat `[B, 1, T]`, with noise drawn anew each time."""
        noise = random_noise((*z_q.shape[:2], self.config.noise_per_frame), z_q.device)
        return self.decoder(z_q, noise).unsqueeze(1)

    def encode(self, wav: torch.Tensor) -> Encoded:
        codes, distortion = self.quantizer.encode(self.encoder(wav[:, 0]))
        return Encoded(codes.unbind(1), distortion)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        stacked = torch.stack(codes, 1)
        noise = code_noise(stacked, self.config.noise_per_frame)
        return self.decoder(self.quantizer.decode(stacked), noise).unsqueeze(1)

    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        return self.quantizer.vectors()


def _context(half: Encoder | Decoder, config: SpectralConfig) -> int:
    """Latent frames on each side that one latent frame (encoder) or one hop of samples (decoder) depends on."""
    fine = sum(block.context for block in half.fine) + -(-config.n_fft // (2 * config.stft_hop))
    return sum(block.context for block in half.coarse) + -(-fine // config.frames_per_latent)
