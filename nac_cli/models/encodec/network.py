"""EnCodec (Défossez et al. 2022, "High Fidelity Neural Audio Compression").

    wav -> convolution -> [residual unit -> strided convolution] x 4 -> LSTM -> convolution -> z
    z -> residual quantizer of Euclidean codebooks -> z_q
    z_q -> convolution -> LSTM -> [transposed convolution -> residual unit] x 4 -> convolution -> wav_hat

Two kinds: a causal one, which codes sample by sample what it hears (`encode_step`, `decode_step`), and one
that normalises segments of a second. The layers say where the official code (encodec 0.1.1) differs from the
paper; besides:

- "Layer normalization including also the time dimension" (section 3.1) is a group norm with one group, after
  each convolution; its gains and biases are per channel.
- Bitrates are to be "a multiple of 4" codebooks (section 3.2), but 1.5 kbit/s at 24 kHz is 2, and so is 3
  kbit/s at 48 kHz.
- Segments are divided by the root mean square of the channels' mean, plus 1e-8 (the paper says "normalize").
- A strided convolution whose last window is not full reflects the end of the signal.

We follow the code in all four.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from nac_cli.errors import UsageError
from nac_cli.models.codec import Codec, Encoded, TrainableCodec
from nac_cli.models.encodec.config import EncodecConfig
from nac_cli.models.layers.lstm import ResidualLstm
from nac_cli.models.layers.overlap import overlap_add
from nac_cli.models.layers.padded import PaddedConv, TrimmedTransposedConv
from nac_cli.models.layers.residual import ResidualUnit
from nac_cli.models.layers.streaming import Chain, State
from nac_cli.models.layers.weight_norm import add_weight_norm
from nac_cli.models.quantizers.ema import EuclideanQuantized, ResidualEuclideanQuantizer
from nac_cli.models.segmented import SegmentCoder, SegmentedCodec
from nac_cli.values import CodecSpec

QUIETEST = 1e-8
"""A constant added to the scale of a segment, so that silence can be divided by it."""


@dataclass(frozen=True)
class EncodedSegment(Encoded):
    """`scale` float32 `[B]`: the level that the segment was divided by, 1 if the model does not normalise."""

    scale: torch.Tensor


class EncodecCodec(TrainableCodec, SegmentCoder):
    """See the module. `channels` are coded together, so a waveform is `[B, channels, T]`. Of any length from
    1 sample, it has ceil(T / hop_length) frames, and as many whole hops come back.

    `unit_level` says whether a caller should bring waveforms to about unit level: the model that normalises
    wants that, the other was trained on sound at its natural level.

    `encode_context` and `decode_context` are None where no stretch around a frame suffices: the LSTM
    remembers everything, and layer norm looks at the whole segment. `convolution_context` is what the
    convolutions alone see.

    `quantize` and `synthesise` are the halves of the training pass. `encode` and `decode` code a stretch at
    once (for a model with segments, one of them), `encode_segments` and `decode_segments` sound of any length
    as the official code does, `encode_step` and `decode_step` a stream (causal models); `chunked` is what
    files are made with.
    """

    config: EncodecConfig
    encoder: Chain
    quantizer: ResidualEuclideanQuantizer
    decoder: Chain
    heavy = True

    def __init__(self, config: EncodecConfig, name: str, model_id: bytes = bytes(8)):
        super().__init__()
        self.config = config
        self.channels, self.unit_level = config.channels, config.normalise
        self.spec = CodecSpec(
            name,
            "encodec",
            model_id,
            config.sample_rate,
            config.hop_length,
            (config.codebook_size,) * config.num_codebooks,
            (1,) * config.num_codebooks,
        )
        self.encoder = _encoder(config)
        self.quantizer = ResidualEuclideanQuantizer(config.latent_width, config.num_codebooks, config.codebook_size)
        self.decoder = _decoder(config)
        unbounded = config.lstm_layers or config.norm == "layer"
        self.encode_context = None if unbounded else max(self.convolution_context("encoder"))
        self.decode_context = None if unbounded else max(self.convolution_context("decoder"))

    def convolution_context(self, half: str) -> tuple[int, int]:
        """Frames before and after that a frame of the "encoder", or a hop of samples of the "decoder",
        depends on through convolutions, far from either end. The first frames of a causal model also see
        later ones, which its padding reflects."""
        hop = self.config.hop_length
        if half == "encoder":
            first, last = self.encoder.sources(0, 0)
            return -(first // hop), last // hop
        first, last = self.decoder.sources(0, hop - 1)
        return -first, last

    def latents(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, channels, F * hop_length]` -> z `[B, F, D]`."""
        return self.encoder(wav).transpose(1, 2)

    def quantize(self, wav: torch.Tensor, depths: torch.Tensor) -> EuclideanQuantized:
        """The first half of training: `wav` `[B, channels, T]`, each frame with as many planes as `depths`
        `[B, F]` says."""
        return self.quantizer(self.latents(wav), depths)

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
        encoded = self.encode_as_is(wav / scale[:, None, None])
        return EncodedSegment(encoded.codes, encoded.distortion, scale)

    def decode(self, codes: tuple[torch.Tensor, ...], scale: torch.Tensor | None = None) -> torch.Tensor:
        """`codes[k]` int64 `[B, F]`, ABSENT where a code was not sent -> wav_hat float32
        `[B, channels, F * hop_length]`, times `scale` `[B]` if given."""
        wav = self.synthesise(self.quantizer.decode(torch.stack(codes, 1)))
        return wav if scale is None else wav * scale[:, None, None]

    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        return self.quantizer.vectors()

    def context(self, half: str) -> tuple[int | None, int]:
        frames = self.encode_context if half == "encoder" else self.decode_context
        before, after = self.convolution_context(half)
        return (None if frames is None else before), after

    def chunked(self) -> Codec:
        """Segments of a second, each by itself, where layers look at a whole segment or its level is taken
        off."""
        config = self.config
        if not config.normalise and config.norm != "layer":
            return self
        length = config.segment_length or config.sample_rate
        return SegmentedCodec(self, max(1, length // config.hop_length))

    def encode_as_is(self, wav: torch.Tensor) -> Encoded:
        """As `encode`, of sound that has unit level already."""
        return self._quantized(self.encoder(wav))

    def encode_segments(self, wav: torch.Tensor) -> list[EncodedSegment]:
        """`wav` `[B, channels, T]`, T >= 1, cut into segments, one every `segment_stride` samples, each coded
        by itself; the last may be shorter. A model without segments has one."""
        config = self.config
        if not config.segment_length:
            return [self.encode(wav)]
        starts = range(0, wav.shape[-1], config.segment_stride)
        return [self.encode(wav[..., start : start + config.segment_length]) for start in starts]

    def decode_segments(self, segments: list[EncodedSegment], num_samples: int) -> torch.Tensor:
        """The inverse: wav_hat `[B, channels, num_samples]`, the segments faded into each other."""
        wavs = [self.decode(segment.codes, segment.scale) for segment in segments]
        return overlap_add(wavs, self.config.segment_stride)[..., :num_samples]

    def encode_step(self, wav: torch.Tensor, state: State = None, last: bool = False) -> tuple[Encoded, State]:
        """The next samples `[B, channels, n]`, n >= 0, of a stream -> the frames that are certain now, and
        the new state.

        `state` is None at first. With `last`, nothing follows. All steps together give what `encode` gives
        for the whole, up to rounding, which can decide a near tie. Once started, each `hop_length` samples
        (320, 13.3 ms) give a frame at once. But what the padding reflects before the first sample has to be
        there first, and so the first `last_kernel_size` frames come together (7, 93 ms). The paper (sections
        3.1 and 4.6) has a frame as soon as the first 320 samples are there, which the padding of the official
        code does not allow. Live, let 7 frames of silence go before the sound: then its latency is one hop
        from its first sample on.
        Raises `UsageError` for a model that is not causal.
        """
        self._check_causal()
        z, state = self.encoder.step(wav, state, last)
        return self._quantized(z), state

    def decode_step(
        self, codes: tuple[torch.Tensor, ...], state: State = None, last: bool = False
    ) -> tuple[torch.Tensor, State]:
        """The next codes, `codes[k]` `[B, n]`, n >= 0, -> the samples `[B, channels, m]` that are certain
        now, and the new state. Together the steps give what `decode` gives for the whole. Each frame gives
        its `hop_length` samples at once, but the first `kernel_size` frames (7) give theirs together, as in
        `encode_step`; the frames that come together there suffice here. Raises `UsageError` as it does."""
        self._check_causal()
        z_q = self.quantizer.decode(torch.stack(codes, 1))
        return self.decoder.step(z_q.transpose(1, 2), state, last)

    def _check_causal(self) -> None:
        if not self.config.causal:
            raise UsageError(f"{self.spec.name} is not causal: it cannot code step by step; use its segments")

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
    layers: list[nn.Module] = [PaddedConv(config.latent_width, width, config.kernel_size, **kind)]
    layers += _memory(config)
    for stride in reversed(config.strides):
        layers += [nn.ELU(), TrimmedTransposedConv(width, width // 2, 2 * stride, stride, **kind)]
        width //= 2
        layers += _residual_units(config, width)
    layers += [nn.ELU(), PaddedConv(width, config.channels, config.last_kernel_size, **kind)]
    return Chain(*layers)


def _residual_units(config: EncodecConfig, width: int) -> list[nn.Module]:
    return [
        ResidualUnit(
            width,
            width // config.compress,
            config.residual_kernel_size,
            config.dilation_base**number,
            causal=config.causal,
            norm=config.norm == "layer",
            conv_shortcut=config.conv_shortcut,
        )
        for number in range(config.residual_units)
    ]


def _memory(config: EncodecConfig) -> list[nn.Module]:
    return [ResidualLstm(config.widest, config.lstm_layers)] if config.lstm_layers else []
