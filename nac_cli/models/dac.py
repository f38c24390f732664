"""DAC, the Descript Audio Codec (High-Fidelity Audio Compression with Improved RVQGAN, Kumar et al. 2023).

    wav -> convolutions that halve and widen, with Snake activations (section 3.1) -> z
    z -> residual factorised quantizer (sections 3.2, 3.3) -> z_q
    z_q -> the same backwards, tanh -> wav_hat

Where paper and official code (descript-audio-codec 1.0.0) differ, we follow the code, since published weights
do:

- The paper's training section normalises excerpts to -24 dB LUFS; the published configs, and the level to
  which the package's `compress` brings a file, say -16 dB. The network itself has no level: give it what a
  file holds.
- Section 3.2 speaks of distances between normalised vectors: only the lookup is; the decoder gets the entry
  with its length.
- With an odd stride (24 and 16 kHz) the code's transposed convolution is one step short, hence its output the
  product of the later strides, 8 samples. All other samples depend on it, so we leave it and fill up with
  zeros: F frames are `F * hop_length`.
- Section 3.3 drops planes of each excerpt with probability 0.5; the code does so to exactly that share of
  each batch. Depths are the training loop's business here: `quantize` takes them.

In training our residual passes no gradient from plane to plane (`quantizers.rvq`), while the code's does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import nn
from torch.nn import functional

from nac_cli.errors import ModelError
from nac_cli.models.codec import Encoded, TrainableCodec
from nac_cli.models.fields import integer, integers, sample_rate
from nac_cli.models.layers.receptive_field import decoder_context, encoder_context
from nac_cli.models.layers.snake import Snake
from nac_cli.models.layers.wave_blocks import DecoderBlock, EncoderBlock
from nac_cli.models.quantizers.rvq import ResidualQuantized, ResidualVectorQuantizer
from nac_cli.values import CodecSpec

MAX_WIDTH = 8192


@dataclass(frozen=True)
class DacConfig:
    """Everything that shapes the network. `strides` are the encoder's, each of which doubles the width
    from `encoder_width` on; the decoder has them backwards, each halving the width from `decoder_width`
    on. A `latent_width` of 0 becomes that of the encoder's end. Raises ModelError for values that make no
    network."""

    sample_rate: int = 44_100
    strides: tuple[int, ...] = (2, 4, 8, 8)
    encoder_width: int = 64
    latent_width: int = 0
    decoder_width: int = 1536
    num_codebooks: int = 9
    codebook_size: int = 1024
    codebook_dim: int = 8

    def __post_init__(self) -> None:
        sample_rate(self.sample_rate)
        object.__setattr__(self, "strides", integers("strides", self.strides, 1, 64, 8))
        integer("hop length", self.hop_length, 1, 2**16)
        integer("encoder width", self.encoder_width, 1, MAX_WIDTH >> len(self.strides))
        integer("latent width", self.latent_width, 0, MAX_WIDTH)
        object.__setattr__(self, "latent_width", self.latent_width or self.encoder_width << len(self.strides))
        integer("decoder width", self.decoder_width, 1, MAX_WIDTH)
        if self.decoder_width % 2 ** len(self.strides):
            raise ModelError(f"the model's decoder width {self.decoder_width} is not halved for every stride")
        integer("number of codebooks", self.num_codebooks, 1, 64)
        integer("codebook size", self.codebook_size, 2, 2**16)
        integer("codebook dimension", self.codebook_dim, 1, 1024)

    @property
    def hop_length(self) -> int:
        return prod(self.strides)


PRESETS = {
    "dac-44k-8kbps": DacConfig(),
    "dac-44k-16kbps": DacConfig(latent_width=128, num_codebooks=18),
    "dac-24k": DacConfig(sample_rate=24_000, strides=(2, 4, 5, 8), num_codebooks=32),
    "dac-16k": DacConfig(sample_rate=16_000, strides=(2, 4, 5, 8), num_codebooks=12),
    "dac-tiny": DacConfig(
        sample_rate=16_000,
        strides=(2, 4, 5, 8),
        encoder_width=8,
        latent_width=32,
        decoder_width=128,
        num_codebooks=4,
        codebook_size=64,
    ),
}
"""The four published models (the package's `conf/final`), and one for tests and training on a CPU."""


class Encoder(nn.Module):
    """wav `[B, 1, F * hop_length]` -> z `[B, D, F]`."""

    def __init__(self, config: DacConfig):
        super().__init__()
        widths = [config.encoder_width << number for number in range(len(config.strides) + 1)]
        self.layers = nn.Sequential(
            nn.Conv1d(1, widths[0], 7, padding=3),
            *(EncoderBlock(width, stride) for width, stride in zip(widths, config.strides)),
            Snake(widths[-1]),
            nn.Conv1d(widths[-1], config.latent_width, 3, padding=1),
        )

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        return self.layers(wav)


class Decoder(nn.Module):
    """z_q `[B, D, F]` -> wav_hat `[B, 1, F * hop_length]`."""

    def __init__(self, config: DacConfig):
        super().__init__()
        strides = config.strides[::-1]
        widths = [config.decoder_width >> number for number in range(len(strides) + 1)]
        self.hop_length = config.hop_length
        self.layers = nn.Sequential(
            nn.Conv1d(config.latent_width, widths[0], 7, padding=3),
            *(DecoderBlock(width, stride, whole=False) for width, stride in zip(widths, strides)),
            Snake(widths[-1]),
            nn.Conv1d(widths[-1], 1, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, z_q: torch.Tensor) -> torch.Tensor:
        wav = self.layers(z_q)
        return functional.pad(wav, (0, z_q.shape[-1] * self.hop_length - wav.shape[-1]))


class DacCodec(TrainableCodec):
    """See the module. `quantize` and `synthesise` are the halves of the training pass; `encode` and
    `decode` are the contract. Sound goes in at its natural level."""

    config: DacConfig
    encoder: Encoder
    quantizer: ResidualVectorQuantizer
    decoder: Decoder
    unit_level = False
    all_planes = True
    heavy = True

    def __init__(self, config: DacConfig, name: str, model_id: bytes = bytes(8)):
        super().__init__()
        self.config = config
        self.spec = CodecSpec(
            name,
            "dac",
            model_id,
            config.sample_rate,
            config.hop_length,
            (config.codebook_size,) * config.num_codebooks,
            (1,) * config.num_codebooks,
        )
        self.encoder = Encoder(config)
        self.quantizer = ResidualVectorQuantizer(
            config.latent_width, config.num_codebooks, config.codebook_size, config.codebook_dim
        )
        self.decoder = Decoder(config)
        self.encode_context = encoder_context(self.encoder, config.hop_length)
        self.decode_context = decoder_context(self.decoder, config.hop_length)

    def latents(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, 1, F * hop_length]` -> z `[B, F, D]`."""
        return self.encoder(wav).transpose(1, 2)

    def quantize(self, wav: torch.Tensor, depths: torch.Tensor) -> ResidualQuantized:
        """The first half of training: `wav` `[B, 1, T]`, frame f of item b with its first `depths[b, f]`
        planes."""
        return self.quantizer(self.latents(wav), depths)

    def synthesise(self, z_q: torch.Tensor) -> torch.Tensor:
        """The second half: z_q `[B, F, D]` -> wav_hat `[B, 1, T]`."""
        return self.decoder(z_q.transpose(1, 2))

    def encode(self, wav: torch.Tensor) -> Encoded:
        codes, distortion = self.quantizer.encode(self.encoder(wav).transpose(1, 2))
        return Encoded(codes.unbind(1), distortion)

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return self.synthesise(self.quantizer.decode(torch.stack(codes, 1)))

    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        return self.quantizer.vectors()
