"""TAAE, the Transformer Audio AutoEncoder (Scaling Transformers for Low-Bitrate High-Quality Speech Coding,
Parker et al. 2024), published as Stable Codec.

    wav -> patches of 320 samples -> convolution -> [strided convolution, transformer blocks] x 2
        -> convolution -> z
    z -> tanh, finite scalar quantizer -> z_q
    z_q -> convolution -> [transformer blocks, transposed convolution] x 2 -> convolution -> patches
        -> wav_hat

Where the paper leaves open how, or the official code (stable-codec 0.1.2 with the stable-audio-tools 0.0.17
that it requires) differs, the network follows the code, since published weights do:

- Patching is the package's "pretransform", outside of the encoder: the samples of a patch become channels.
- The first block has no strided convolution at all (the paper draws one in every block): it neither
  strides nor widens. A strided one has a kernel of two strides.
- The convolutions at either end have kernels of 7 (patches) and 3 (latent), the one that makes patches has no
  bias.
- Layer norms have a gain and no bias; those of queries and keys have both and an epsilon of 1e-6, and only
  half of each head's channels turn with position.
- A window of "128 steps" is 63 before and 64 after the present. The package needs FlashAttention for it;
  without, it attends to everything. Ours is exact everywhere.
- No tanh at the output, unless `soft_clip`.
- The quantizer rounds half to even (`quantizers.fsq`, which also says where training follows the paper
  instead).

The causal variant (appendix A.4) is not in the official code: ours attends to 64 steps that end with the
present, and pads convolutions before the signal alone. All shapes stay, so published weights can be finetuned
to it.
"""

from __future__ import annotations

import torch
from torch import nn

from nac_cli.errors import UsageError
from nac_cli.models.codec import Encoded, TrainableCodec
from nac_cli.models.layers.padded import TrimmedTransposedConv
from nac_cli.models.layers.streaming import Chain, State
from nac_cli.models.layers.weight_norm import add_weight_norm
from nac_cli.models.layers.window_transformer import WindowTransformer
from nac_cli.models.layers.zero_padded import ZeroPaddedConv
from nac_cli.models.quantizers.fsq import ResidualFsq
from nac_cli.models.quantizers.rvq import ResidualQuantized
from nac_cli.models.taae.config import TaaeConfig
from nac_cli.values import CodecSpec

PATCH_KERNEL, LATENT_KERNEL = 7, 3


class TaaeCodec(TrainableCodec):
    """See the module. `quantize` and `synthesise` are the halves of the training pass, `encode` and `decode`
    the contract, `encode_step` and `decode_step` code a stream (causal models). Sound goes in at its natural
    level; the official weights were trained on speech at -20 +- 5 LUFS.

    Windows add up from layer to layer, so a frame depends on a minute of sound on either side (1539 frames;
    see appendix B.2).
    """

    config: TaaeConfig
    encoder: Chain
    quantizer: ResidualFsq
    decoder: Chain
    unit_level = False
    all_planes = True
    heavy = True

    def __init__(self, config: TaaeConfig, name: str, model_id: bytes = bytes(8)):
        super().__init__()
        self.config = config
        self.encoder = _encoder(config)
        self.quantizer = ResidualFsq(config.latent_width, config.levels, config.training_levels)
        self.decoder = _decoder(config)
        self.spec = CodecSpec(
            name,
            "taae",
            model_id,
            config.sample_rate,
            config.hop_length,
            config.codebook_sizes,
            (1,) * len(config.levels),
        )
        patches = config.patches_per_frame
        first, last = self.encoder.sources(0, 0)
        self.encode_context = max(-(first // patches), last // patches)
        first, last = self.decoder.sources(0, patches - 1)
        self.decode_context = max(-first, last)

    def quantize(self, wav: torch.Tensor, depths: torch.Tensor | None = None) -> ResidualQuantized:
        """The first half of training: `wav` `[B, 1, F * hop_length]`. Level counts are drawn here, and stand
        in for the `depths` of other families, which are ignored."""
        return self.quantizer(self.latents(wav))

    def synthesise(self, z_q: torch.Tensor) -> torch.Tensor:
        """The second half: z_q `[B, F, D]` -> wav_hat `[B, 1, F * hop_length]`."""
        return self._wav(self.decoder(z_q.transpose(1, 2)))

    def latents(self, wav: torch.Tensor) -> torch.Tensor:
        """`wav` `[B, 1, F * hop_length]` -> z `[B, F, D]`, before tanh and quantizer."""
        return self.encoder(self._patches(wav)).transpose(1, 2)

    def prepare_training(self) -> None:
        """Weight-normalise all convolutions (section 3.1); `remove_weight_norm` before export."""
        add_weight_norm(self)

    def encode(self, wav: torch.Tensor) -> Encoded:
        return self._quantized(self.latents(wav))

    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return self.synthesise(self.quantizer.decode(torch.stack(codes, 1)))

    def code_vectors(self) -> tuple[torch.Tensor, ...]:
        return self.quantizer.vectors()

    def encode_step(self, wav: torch.Tensor, state: State = None, last: bool = False) -> tuple[Encoded, State]:
        """The next samples `[B, 1, n]`, n >= 0, of a stream -> the frames that they complete, and the new
        state.

        `state` is None at first. All steps together give what `encode` gives for the whole, up to rounding,
        which can decide a near tie. Every `hop_length` samples (640, 40 ms) give a frame at once. With
        `last`, nothing follows, and what has begun is filled up with zeros to a whole frame. Raises
        UsageError for a model that is not causal.
        """
        self._check_causal()
        waiting, layers = state or (wav[..., :0], None)
        wav = torch.cat([waiting, wav], -1)
        if last:
            wav = nn.functional.pad(wav, (0, -wav.shape[-1] % self.config.hop_length))
        whole = wav.shape[-1] // self.config.hop_length * self.config.hop_length
        z, layers = self.encoder.step(self._patches(wav[..., :whole]), layers, last)
        return self._quantized(z.transpose(1, 2)), (wav[..., whole:], layers)

    def decode_step(
        self, codes: tuple[torch.Tensor, ...], state: State = None, last: bool = False
    ) -> tuple[torch.Tensor, State]:
        """The next codes, `codes[k]` `[B, n]`, n >= 0, -> their samples `[B, 1, n * hop_length]`, and the new
        state. Together the steps give what `decode` gives for the whole, up to rounding. Raises UsageError as
        `encode_step` does."""
        self._check_causal()
        z_q = self.quantizer.decode(torch.stack(codes, 1))
        patches, state = self.decoder.step(z_q.transpose(1, 2), state, last)
        return self._wav(patches), state

    def _check_causal(self) -> None:
        if not self.config.causal:
            raise UsageError(f"{self.spec.name} is not causal: it cannot code step by step")

    def _quantized(self, z: torch.Tensor) -> Encoded:
        codes, distortion = self.quantizer.encode(z)
        return Encoded(codes.unbind(1), distortion)

    def _patches(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, 1, T]` -> `[B, patch_size, T / patch_size]`: every sample of a patch a channel."""
        size = self.config.patch_size
        return wav.reshape(len(wav), wav.shape[-1] // size, size).transpose(1, 2)

    def _wav(self, patches: torch.Tensor) -> torch.Tensor:
        """The inverse, with the soft clip."""
        wav = patches.transpose(1, 2).flatten(1).unsqueeze(1)
        return torch.tanh(wav) if self.config.soft_clip else wav


def _encoder(config: TaaeConfig) -> Chain:
    """`[B, patch_size, P] -> [B, D, F]`."""
    width, causal = config.width, config.causal
    layers: list[nn.Module] = [ZeroPaddedConv(config.patch_size, width, PATCH_KERNEL, causal=causal)]
    for stride, depth in zip(config.strides, config.transformer_depths):
        if stride > 1:
            layers.append(ZeroPaddedConv(width, width, 2 * stride, stride, causal=causal))
        layers.append(_transformer(config, depth))
    return Chain(*layers, ZeroPaddedConv(width, config.latent_width, LATENT_KERNEL, causal=causal))


def _decoder(config: TaaeConfig) -> Chain:
    """`[B, D, F] -> [B, patch_size, P]`."""
    width, causal = config.width, config.causal
    layers: list[nn.Module] = [ZeroPaddedConv(config.latent_width, width, LATENT_KERNEL, causal=causal)]
    for stride, depth in zip(reversed(config.strides), reversed(config.transformer_depths)):
        layers.append(_transformer(config, depth))
        if stride > 1:
            layers.append(TrimmedTransposedConv(width, width, 2 * stride, stride, causal=causal))
    return Chain(*layers, ZeroPaddedConv(width, config.patch_size, PATCH_KERNEL, causal=causal, bias=False))


def _transformer(config: TaaeConfig, depth: int) -> WindowTransformer:
    return WindowTransformer(depth, config.width, config.head_width, config.expansion, config.window)
