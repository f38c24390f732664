"""The shape of an EnCodec network, and the published ones by name."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from nac_cli.errors import ModelError

NORMS = ("weight", "layer")
LIMITS = {
    "sample_rate": (1, 768_000),
    "channels": (1, 2),
    "strides": (1, 64),
    "width": (1, 1024),
    "latent_width": (1, 4096),
    "kernel_size": (1, 64),
    "last_kernel_size": (1, 64),
    "residual_kernel_size": (1, 64),
    "residual_units": (0, 8),
    "dilation_base": (1, 3),
    "compress": (1, 64),
    "lstm_layers": (0, 8),
    "num_codebooks": (1, 64),
    "codebook_size": (2, 1 << 15),
    "segment_length": (0, 1 << 24),
    "segment_stride": (0, 1 << 24),
    "bitrates": (1, 1 << 24),
    "hop_length": (1, 1 << 16),
    "widest": (1, 8192),
}


@dataclass(frozen=True)
class EncodecConfig:
    """Everything that shapes the network. Raises `ModelError` outside of `LIMITS`.

    - `strides`: of the encoder, in order; `width`: channels after the first convolution, doubled by each
      stride.
    - `residual_units` between two strides, of `compress` times fewer channels inside, the dilation multiplied
      by `dilation_base` from one to the next; `conv_shortcut`: see `ResidualUnit`.
    - `norm`: "weight" (of training alone, see `weight_norm`) or "layer".
    - `segment_length`, `segment_stride`: in samples; 0 for a model that codes its input whole. `normalise`
      divides a segment by its level.
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
            value = getattr(self, name)
            if not isinstance(value, (tuple, list)) or not 1 <= len(value) <= 8:
                raise ModelError(f"EnCodec: {name} must be a list of 1 to 8 integers, not {value!r}")
            object.__setattr__(self, name, tuple(value))  # JSON has lists
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            for item in value if isinstance(value, tuple) else (value,):
                if type(item) is not int or not low <= item <= high:
                    raise ModelError(f"EnCodec: {name} must be integers in {low}..{high}, not {value!r}")
        for name in ("conv_shortcut", "causal", "normalise"):
            if type(getattr(self, name)) is not bool:
                raise ModelError(f"EnCodec: {name} must be true or false, not {getattr(self, name)!r}")
        if self.norm not in NORMS or (self.causal and self.norm == "layer"):
            raise ModelError(f"EnCodec: norm must be in {NORMS}, and 'weight' if causal, not {self.norm!r}")
        if self.width < self.compress:
            raise ModelError(f"EnCodec: width {self.width} cannot be divided by compress {self.compress}")
        if not self.segment_stride <= self.segment_length <= self.segment_stride << 24:
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
        sample_rate=48_000,
        channels=2,
        causal=False,
        norm="layer",
        num_codebooks=16,
        normalise=True,
        segment_length=48_000,
        segment_stride=47_520,
        bitrates=(3_000, 6_000, 12_000, 24_000),
    ),
    "encodec-24k-tiny": EncodecConfig(
        width=8, latent_width=32, num_codebooks=4, codebook_size=64, bitrates=(900, 1_800)
    ),
}
