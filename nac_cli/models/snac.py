"""SNAC, the Multi-Scale Neural Audio Codec (Siuzdak et al. 2024): DAC's chain with coarse planes at lower
frame rates.

    wav -> depthwise convolutions that halve and widen -> attention within windows -> z
    z -> multi-scale residual quantizer -> z_q
    z_q -> attention within windows -> convolutions backwards, noise after each upsampling -> tanh -> wav_hat

Where paper and official code (snac 1.2.1) differ, we follow the code, since published weights do: noise is
one number for each step, without bias (`layers.noise`), windows are fixed blocks (`layers.local_attention`),
and the package's default config (strides 3, 3, 7, 7) is that of no published model; the presets are those of
section 4.1.

Where we leave the code:

- Noise. The code draws anew at each decoding. Ours follows from the codes, so decoding is a function of the
  file, and a chunk decodes as it does within the whole. Its distribution is nearly the Gaussian of training.
- Length. The code pads sound with zeros to `frame_multiple` frames and returns the codes of the padding too.
  So do we inside, but return ceil(F / stride) codes of each plane; `decode` takes missing ones for ABSENT,
  which changes at most the last window and what the convolutions make of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm, prod

import torch
from torch import nn
from torch.nn import functional

from nac_cli.errors import ModelError
from nac_cli.models.codec import Encoded, TrainableCodec
from nac_cli.models.fields import integer, integers, sample_rate
from nac_cli.models.layers.local_attention import HEAD_WIDTH, LocalAttention
from nac_cli.models.layers.noise import bell_noise
from nac_cli.models.layers.receptive_field import decoder_context, encoder_context
from nac_cli.models.layers.snake import Snake
from nac_cli.models.layers.wave_blocks import DecoderBlock, EncoderBlock
from nac_cli.models.quantizers.multi_scale import MultiScaleQuantizer
from nac_cli.models.quantizers.rvq import ResidualQuantized
from nac_cli.values import ABSENT, CodecSpec

MAX_WIDTH = 8192


@dataclass(frozen=True)
class SnacConfig:
    """Everything that shapes the network. `strides` are the encoder's (the decoder has them backwards),
    `plane_strides` the frames that a code of each plane covers, one of them 1. An `attention_window` of 0
    frames is none. Raises ModelError for values that make no network."""

    sample_rate: int = 44_100
    strides: tuple[int, ...] = (2, 3, 8, 8)
    encoder_width: int = 64
    decoder_width: int = 1536
    attention_window: int = 32
    plane_strides: tuple[int, ...] = (8, 4, 2, 1)
    codebook_size: int = 4096
    codebook_dim: int = 8
    noise: bool = True
    depthwise: bool = True

    def __post_init__(self) -> None:
        sample_rate(self.sample_rate)
        object.__setattr__(self, "strides", integers("strides", self.strides, 1, 64, 8))
        object.__setattr__(self, "plane_strides", integers("plane strides", self.plane_strides, 1, 64, 64))
        integer("hop length", self.hop_length, 1, 2**16)
        integer("encoder width", self.encoder_width, 1, MAX_WIDTH >> len(self.strides))
        integer("decoder width", self.decoder_width, 1, MAX_WIDTH)
        if self.decoder_width % 2 ** len(self.strides):
            raise ModelError(f"the model's decoder width {self.decoder_width} is not halved for every stride")
        integer("attention window", self.attention_window, 0, 1024)
        if self.attention_window and (self.latent_width % HEAD_WIDTH or self.decoder_width % HEAD_WIDTH):
            raise ModelError(f"the model's attention takes widths that are multiples of {HEAD_WIDTH}")
        if 1 not in self.plane_strides:
            raise ModelError(f"the model's plane strides are {self.plane_strides}, without 1")
        integer("frame multiple", self.frame_multiple, 1, 1024)
        integer("codebook size", self.codebook_size, 2, 2**16)
        integer("codebook dimension", self.codebook_dim, 1, 1024)

    @property
    def hop_length(self) -> int:
        return prod(self.strides)

    @property
    def latent_width(self) -> int:
        return self.encoder_width << len(self.strides)

    @property
    def frame_multiple(self) -> int:
        """Frames at whose multiples windows and the codes of all planes begin."""
        return lcm(*self.plane_strides, self.attention_window or 1)

    @property
    def noise_rates(self) -> tuple[int, ...]:
        """Noise numbers a frame of each block of the decoder."""
        backwards = self.strides[::-1]
        return tuple(prod(backwards[: number + 1]) for number in range(len(backwards))) if self.noise else ()


PRESETS = {
    "snac-24k": SnacConfig(
        sample_rate=24_000,
        strides=(2, 4, 8, 8),
        encoder_width=48,
        decoder_width=1024,
        attention_window=0,
        plane_strides=(4, 2, 1),
    ),
    "snac-32k": SnacConfig(sample_rate=32_000),
    "snac-44k": SnacConfig(),
    "snac-tiny": SnacConfig(
        sample_rate=16_000,
        strides=(2, 3, 8, 8),
        encoder_width=8,
        decoder_width=128,
        attention_window=8,
        plane_strides=(4, 2, 1),
        codebook_size=64,
    ),
}
"""The three published models (0.98 kbit/s for speech; 1.9 and 2.6 kbit/s for all sound), and one for tests
and training on a CPU."""


def _attention(width: int, config: SnacConfig) -> list[nn.Module]:
    return [LocalAttention(width, config.attention_window)] if config.attention_window else []


class Encoder(nn.Module):
    """wav `[B, 1, F * hop_length]` -> z `[B, D, F]`."""

    def __init__(self, config: SnacConfig):
        super().__init__()
        width, depthwise = config.latent_width, config.depthwise
        widths = [config.encoder_width << number for number in range(len(config.strides))]
        self.layers = nn.Sequential(
            nn.Conv1d(1, config.encoder_width, 7, padding=3),
            *(EncoderBlock(narrow, stride, depthwise) for narrow, stride in zip(widths, config.strides)),
            *_attention(width, config),
            nn.Conv1d(width, width, 7, padding=3, groups=width if depthwise else 1),
        )

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        return self.layers(wav)


class Decoder(nn.Module):
    """z_q `[B, D, F]` and noise `[B, F, sum(noise_rates)]` -> wav_hat `[B, 1, F * hop_length]`."""

    def __init__(self, config: SnacConfig):
        super().__init__()
        self.noise_rates = config.noise_rates
        latent, strides, depthwise = config.latent_width, config.strides[::-1], config.depthwise
        widths = [config.decoder_width >> number for number in range(len(strides) + 1)]
        if depthwise:
            first = [nn.Conv1d(latent, latent, 7, padding=3, groups=latent), nn.Conv1d(latent, widths[0], 1)]
        else:
            first = [nn.Conv1d(latent, widths[0], 7, padding=3)]
        self.layers = nn.Sequential(
            *first,
            *_attention(widths[0], config),
            *(DecoderBlock(width, stride, depthwise, config.noise) for width, stride in zip(widths, strides)),
            Snake(widths[-1]),
            nn.Conv1d(widths[-1], 1, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, z_q: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        parts = iter(noise.split(self.noise_rates, dim=-1) if self.noise_rates else ())
        x = z_q
        for layer in self.layers:
            if isinstance(layer, DecoderBlock) and self.noise_rates:
                x = layer(x, next(parts).flatten(1).unsqueeze(1))
            else:
                x = layer(x)
        return x


class SnacCodec(TrainableCodec):
    """See the module. `quantize` and `synthesise` are the halves of the training pass; `encode` and `decode`
    are the contract. Sound goes in at its natural level.

    Chunks have to begin at multiples of `frame_multiple`; given that, both contexts (such multiples
    themselves) suffice.
    """

    config: SnacConfig
    encoder: Encoder
    quantizer: MultiScaleQuantizer
    decoder: Decoder
    unit_level = False
    all_planes = True
    heavy = True

    def __init__(self, config: SnacConfig, name: str, model_id: bytes = bytes(8)):
        super().__init__()
        self.config = config
        self.spec = CodecSpec(
            name,
            "snac",
            model_id,
            config.sample_rate,
            config.hop_length,
            (config.codebook_size,) * len(config.plane_strides),
            config.plane_strides,
        )
        self.frame_multiple = config.frame_multiple
        self.encoder = Encoder(config)
        self.quantizer = MultiScaleQuantizer(
            config.latent_width, config.plane_strides, config.codebook_size, config.codebook_dim
        )
        self.decoder = Decoder(config)
        self.encode_context = encoder_context(self.encoder, config.hop_length, self.frame_multiple)
        self.decode_context = decoder_context(self.decoder, config.hop_length, self.frame_multiple)

    def latents(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, 1, F * hop_length]` -> z `[B, F, D]`."""
        return self.encoder(wav).transpose(1, 2)

    def quantize(self, wav: torch.Tensor, depths: torch.Tensor) -> ResidualQuantized:
        """The first half of training: `wav` `[B, 1, F * hop_length]` with F a multiple of
        `frame_multiple`, frame f of item b with its first `depths[b, f]` planes."""
        return self.quantizer(self.latents(wav), depths)

    def synthesise(self, z_q: torch.Tensor) -> torch.Tensor:
        """The second half: z_q `[B, F, D]` -> wav_hat `[B, 1, F * hop_length]`, with noise drawn anew each
        time."""
        noise = torch.randn(*z_q.shape[:2], sum(self.config.noise_rates), device=z_q.device)
        return self.decoder(z_q.transpose(1, 2), noise)

    def encode(self, wav: torch.Tensor) -> Encoded:
        frames = wav.shape[-1] // self.spec.hop_length
        wav = functional.pad(wav, (0, -frames % self.frame_multiple * self.spec.hop_length))
        codes, distortion = self.quantizer.encode(self.encoder(wav).transpose(1, 2))
        kept = tuple(plane[:, : -(-frames // stride)] for plane, stride in zip(codes, self.spec.strides))
        return Encoded(kept, distortion[..., :frames])

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        frames = codes[self.spec.strides.index(1)].shape[1]
        whole = frames + -frames % self.frame_multiple
        codes = tuple(
            functional.pad(plane, (0, whole // stride - plane.shape[1]), value=ABSENT)
            for plane, stride in zip(codes, self.spec.strides, strict=True)
        )
        wav = self.decoder(self.quantizer.decode(codes).transpose(1, 2), self._noise(codes))
        return wav[..., : frames * self.spec.hop_length]

    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        return self.quantizer.vectors()

    def _noise(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Numbers of each frame `[B, F, sum(noise_rates)]` from its codes, and from its place among the
        frames that share the coarsest: with few planes all of those have the same codes, but must not have
        the same noise."""
        planes = [plane.repeat_interleave(stride, 1) for plane, stride in zip(codes, self.spec.strides)]
        place = torch.arange(planes[0].shape[1], device=planes[0].device) % lcm(*self.spec.strides)
        return bell_noise(torch.stack([*planes, place.expand_as(planes[0])], 1), sum(self.config.noise_rates))
