"""EnCodec (Défossez et al. 2022, "High Fidelity Neural Audio Compression").

    wav -> convolution -> [residual unit -> strided convolution] x 4 -> LSTM -> convolution -> z
    z -> residual quantizer of Euclidean codebooks -> z_q
    z_q -> convolution -> LSTM -> [transposed convolution -> residual unit] x 4 -> convolution -> wav_hat

Two kinds: a causal one, which codes sample by sample what it hears (`encode_step`, `decode_step`), and one that
normalises segments of a second. The layers say where the official code (encodec 0.1.1) differs from the paper;
besides:

- "Layer normalization including also the time dimension" (section 3.1) is a group norm with one group, after each
  convolution; its gains and biases are per channel.
- Bitrates are to be "a multiple of 4" codebooks (section 3.2), but 1.5 kbit/s at 24 kHz is 2, and so is 3 kbit/s at 48 kHz.
- Segments are divided by the root mean square of the channels' mean, plus 1e-8 (the paper says "normalize").
- A strided convolution whose last window is not full reflects the end of the signal.

We follow the code in all four.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from nac_cli.errors import ModelError, UsageError
from nac_cli.models.codec import Codec, Encoded
from nac_cli.models.layers.lstm import ResidualLstm
from nac_cli.models.layers.overlap import overlap_add
from nac_cli.models.layers.padded import PaddedConv, TrimmedTransposedConv
from nac_cli.models.layers.residual import ResidualUnit
from nac_cli.models.layers.streaming import Chain, State
from nac_cli.models.layers.weight_norm import add_weight_norm
from nac_cli.models.quantizers.ema import EuclideanQuantized, ResidualEuclideanQuantizer
from nac_cli.values import CodecSpec

NORMS = ("weight", "layer")
QUIETEST = 1e-8
"""Added to the scale of a segment, so that silence can be divided by it."""
LIMITS = {
    "sample_rate": (1, 768_000), "channels": (1, 2), "strides": (1, 64), "width": (1, 1024),
    "latent_width": (1, 4096), "kernel_size": (1, 64), "last_kernel_size": (1, 64), "residual_kernel_size": (1, 64),
    "residual_units": (0, 8), "dilation_base": (1, 3), "compress": (1, 64), "lstm_layers": (0, 8),
    "num_codebooks": (1, 64), "codebook_size": (2, 1 << 15), "segment_length": (0, 1 << 24),
    "segment_stride": (0, 1 << 24), "bitrates": (1, 1 << 24), "hop_length": (1, 1 << 16), "widest": (1, 8192),
}


@dataclass(frozen=True)
class EncodecConfig:
    """Everything that shapes the network. Raises `ModelError` outside of `LIMITS`.

    - `strides`: of the encoder, in order; `width`: channels after the first convolution, doubled by each stride.
    - `residual_units` between two strides, of `compress` times fewer channels inside, the dilation multiplied by
      `dilation_base` from one to the next; `conv_shortcut`: see `ResidualUnit`.
    - `norm`: "weight" (of training alone, see `weight_norm`) or "layer".
    - `segment_length`, `segment_stride`: in samples; 0 for a model that codes its input whole. `normalise` divides a
      segment by its level.
    - `bitrates`: nominal ones, in bit/s, that the model is trained for.
    """

    sample_rate: int = 24_000
    channels: int = 1
    strides: tuple[int, ...] = (2, 4, 5, 8)
    width: int = 32
    latent_width: int = 128
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    residual_units: int = 1
    dilation_base: int = 2
    compress: int = 2
    conv_shortcut: bool = True
    lstm_layers: int = 2
    causal: bool = True
    norm: str = "weight"
    num_codebooks: int = 32
    codebook_size: int = 1024
    normalise: bool = False
    segment_length: int = 0
    segment_stride: int = 0
    bitrates: tuple[int, ...] = (1_500, 3_000, 6_000, 12_000, 24_000)

    def __post_init__(self) -> None:
        for name in ("strides", "bitrates"):
            if isinstance(getattr(self, name), list):  # as from JSON
                object.__setattr__(self, name, tuple(getattr(self, name)))
            if not isinstance(getattr(self, name), tuple) or not 1 <= len(getattr(self, name)) <= 8:
                raise ModelError(f"EnCodec: {name} must be a list of 1 to 8 integers, not {getattr(self, name)!r}")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            for item in value if isinstance(value, tuple) else (value,):
                if type(item) is not int or not low <= item <= high:
                    raise ModelError(f"EnCodec: {name} must be integers in {low}..{high}, not {value!r}")
        for name in ("conv_shortcut", "causal", "normalise"):
            if type(getattr(self, name)) is not bool:
                raise ModelError(f"EnCodec: {name} must be true or false, not {getattr(self, name)!r}")
        if self.norm not in NORMS or (self.causal and self.norm == "layer"):
            raise ModelError(f"EnCodec: norm must be one of {NORMS}, and 'weight' if causal, not {self.norm!r}")
        if self.width < self.compress:
            raise ModelError(f"EnCodec: width {self.width} cannot be divided by compress {self.compress}")
        if self.segment_stride > self.segment_length or bool(self.segment_stride) != bool(self.segment_length):
            raise ModelError("EnCodec: segment_stride must be in 1..segment_length, or both 0")

    @property
    def hop_length(self) -> int:
        return prod(self.strides)

    @property
    def widest(self) -> int:
        """Channels at the latent's rate."""
        return self.width << len(self.strides)

    def codebooks_at(self, bitrate: int) -> int:
        """How many codebooks `bitrate` in bit/s pays for, at least one."""
        bits = (self.codebook_size - 1).bit_length() * self.sample_rate
        return max(1, min(self.num_codebooks, bitrate * self.hop_length // bits))


PRESETS = {
    "encodec-24k": EncodecConfig(),
    "encodec-48k": EncodecConfig(
        sample_rate=48_000, channels=2, causal=False, norm="layer", num_codebooks=16, normalise=True,
        segment_length=48_000, segment_stride=47_520, bitrates=(3_000, 6_000, 12_000, 24_000),
    ),
    "encodec-24k-tiny": EncodecConfig(width=8, latent_width=32, num_codebooks=4, codebook_size=64, bitrates=(900, 1_800)),
}


@dataclass(frozen=True)
class EncodedSegment(Encoded):
    """`scale` float32 `[B]`: the level that the segment was divided by, 1 if the model does not normalise."""

    scale: torch.Tensor


class EncodecCodec(Codec):
    """See the module. `channels` are coded together, so a waveform is `[B, channels, T]`, of any length T >= 1: it has
    ceil(T / hop_length) frames, and as many whole hops come back.

    `unit_level` says whether a caller should bring waveforms to about unit level: the model that normalises wants
    that, the other was trained on sound at its natural level.

    `encode_context` and `decode_context` are None where no stretch around a frame suffices: the LSTM remembers
    everything, and layer norm looks at the whole segment. `convolution_context` is what the convolutions alone see.

    `quantize` and `synthesise` are the halves of the training pass. `encode` and `decode` code a stretch at once (for
    a model with segments, one of them), `encode_segments` and `decode_segments` sound of any length as the
    official code does, and `encode_step` and `decode_step` a stream (causal models).
    """

    def __init__(self, config: EncodecConfig, name: str, model_id: bytes = bytes(8)):
        super().__init__()
        self.config = config
        self.channels, self.unit_level = config.channels, config.normalise
        self.spec = CodecSpec(
            name, "encodec", model_id, config.sample_rate, config.hop_length,
            (config.codebook_size,) * config.num_codebooks, (1,) * config.num_codebooks,
        )
        self.encoder = _encoder(config)
        self.quantizer = ResidualEuclideanQuantizer(config.latent_width, config.num_codebooks, config.codebook_size)
        self.decoder = _decoder(config)
        unbounded = config.lstm_layers or config.norm == "layer"
        self.encode_context = None if unbounded else max(self.convolution_context("encoder"))
        self.decode_context = None if unbounded else max(self.convolution_context("decoder"))

    def convolution_context(self, half: str) -> tuple[int, int]:
        """Frames before and after that a frame of the "encoder", or a hop of samples of the "decoder", depends on
        through convolutions, far from either end. The first frames of a causal model also see later ones, which its
        padding reflects."""
        hop = self.config.hop_length
        if half == "encoder":
            first, last = self.encoder.sources(0, 0)
            return -(first // hop), last // hop
        first, last = self.decoder.sources(0, hop - 1)
        return -first, last

    def quantize(self, wav: torch.Tensor, depths: torch.Tensor) -> EuclideanQuantized:
        """The first half of training: `wav` `[B, channels, T]`, frame f of item b with its first `depths[b, f]` planes."""
        return self.quantizer(self.encoder(wav).transpose(1, 2), depths)

    def synthesise(self, z_q: torch.Tensor) -> torch.Tensor:
        """The second half: z_q `[B, F, D]` -> wav_hat `[B, channels, F * hop_length]`."""
        return self.decoder(z_q.transpose(1, 2))

    def prepare_training(self) -> None:
        """Normalise weights as in section 3.1; `remove_weight_norm` before export makes them plain again."""
        if self.config.norm == "weight":
            add_weight_norm(self)

    def encode(self, wav: torch.Tensor) -> EncodedSegment:
        """`wav` float32 `[B, channels, T]`, T >= 1 -> codes of ceil(T / hop_length) frames."""
        scale = self._scale(wav)
        encoded = self._quantized(self.encoder(wav / scale[:, None, None]))
        return EncodedSegment(encoded.codes, encoded.distortion, scale)

    def decode(self, codes: tuple[torch.Tensor, ...], scale: torch.Tensor | None = None) -> torch.Tensor:
        """`codes[k]` int64 `[B, F]`, ABSENT where a code was not sent -> wav_hat `[B, channels, F * hop_length]`, times
        `scale` `[B]` if given."""
        wav = self.synthesise(self.quantizer.decode(torch.stack(codes, 1)))
        return wav if scale is None else wav * scale[:, None, None]

    def encode_segments(self, wav: torch.Tensor) -> list[EncodedSegment]:
        """`wav` `[B, channels, T]`, T >= 1, cut into segments, one every `segment_stride` samples, each coded by itself;
        the last may be shorter. A model without segments has one."""
        config = self.config
        if not config.segment_length:
            return [self.encode(wav)]
        starts = range(0, wav.shape[-1], config.segment_stride)
        return [self.encode(wav[..., start : start + config.segment_length]) for start in starts]

    def decode_segments(self, segments: list[EncodedSegment], num_samples: int) -> torch.Tensor:
        """The inverse: wav_hat `[B, channels, T]` with T = `num_samples`, the segments faded into each other."""
        wavs = [self.decode(segment.codes, segment.scale) for segment in segments]
        return overlap_add(wavs, self.config.segment_stride)[..., :num_samples]

    def encode_step(self, wav: torch.Tensor, state: State = None, last: bool = False) -> tuple[Encoded, State]:
        """The next samples `[B, channels, n]`, n >= 0, of a stream -> the frames that are certain now, and the new state.

        `state` is None at first. With `last`, nothing follows. All steps together give what `encode` gives for the
        whole. Once started, each `hop_length` samples (13.3 ms) give a frame at once. But what is reflected before
        the first sample has to be there first: the first `kernel_size` frames come together (93 ms for 7). The paper
        (section 3.1) claims a frame after the first 320 samples, which its padding would allow, and its code's
        does not; who needs it live feeds so much silence before the sound begins. Raises `UsageError` for a
        model that is not causal.
        """
        self._check_causal()
        z, state = self.encoder.step(wav, state, last)
        return self._quantized(z), state

    def decode_step(
        self, codes: tuple[torch.Tensor, ...], state: State = None, last: bool = False
    ) -> tuple[torch.Tensor, State]:
        """The next codes, `codes[k]` `[B, n]`, n >= 0, -> the samples `[B, channels, m]` that are certain now, and the new
        state. Together the steps give what `decode` gives for the whole, each frame at once, but for the start: see
        `encode_step`; the same `kernel_size` frames make up for it. Raises `UsageError` as it does."""
        self._check_causal()
        z_q = self.quantizer.decode(torch.stack(codes, 1))
        return self.decoder.step(z_q.transpose(1, 2), state, last)

    def _check_causal(self) -> None:
        if not self.config.causal:
            raise UsageError(f"{self.spec.name} is not causal and cannot code step by step; use its segments instead")

    def _scale(self, wav: torch.Tensor) -> torch.Tensor:
        if not self.config.normalise:
            return wav.new_ones(len(wav))
        return wav.mean(1).square().mean(-1).sqrt() + QUIETEST

    def _quantized(self, z: torch.Tensor) -> Encoded:
        codes, distortion = self.quantizer.encode(z.transpose(1, 2))
        return Encoded(codes.unbind(1), distortion)


def _encoder(config: EncodecConfig) -> Chain:
    """`[B, channels, T] -> [B, D, F]`."""
    kind = {"causal": config.causal, "norm": config.norm == "layer"}
    width = config.width
    layers: list[nn.Module] = [PaddedConv(config.channels, width, config.kernel_size, **kind)]
    for stride in config.strides:
        layers += _residual_units(config, width)
        layers += [nn.ELU(), PaddedConv(width, 2 * width, 2 * stride, stride, **kind)]
        width *= 2
    layers += _memory(config)
    layers += [nn.ELU(), PaddedConv(width, config.latent_width, config.last_kernel_size, **kind)]
    return Chain(*layers)


def _decoder(config: EncodecConfig) -> Chain:
    """`[B, D, F] -> [B, channels, F * hop_length]`."""
    kind = {"causal": config.causal, "norm": config.norm == "layer"}
    width = config.widest
    layers: list[nn.Module] = [PaddedConv(config.latent_width, width, config.kernel_size, **kind), *_memory(config)]
    for stride in reversed(config.strides):
        layers += [nn.ELU(), TrimmedTransposedConv(width, width // 2, 2 * stride, stride, **kind)]
        width //= 2
        layers += _residual_units(config, width)
    layers += [nn.ELU(), PaddedConv(width, config.channels, config.last_kernel_size, **kind)]
    return Chain(*layers)


def _residual_units(config: EncodecConfig, width: int) -> list[nn.Module]:
    return [
        ResidualUnit(
            width, width // config.compress, config.residual_kernel_size, config.dilation_base**number,
            causal=config.causal, norm=config.norm == "layer", conv_shortcut=config.conv_shortcut,
        )
        for number in range(config.residual_units)
    ]


def _memory(config: EncodecConfig) -> list[nn.Module]:
    return [ResidualLstm(config.widest, config.lstm_layers)] if config.lstm_layers else []
