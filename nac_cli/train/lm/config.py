"""How a language model is trained: a frozen record with named presets."""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.entropy.lm import LmConfig
from nac_cli.errors import UsageError
from nac_cli.values import CodecSpec


@dataclass(frozen=True)
class LmTrainConfig:
    """Shape and schedule of a language model. The codec whose codes it learns gives the rest of the shape (`LmConfig`);
    `window_seconds` of attention become frames there.

    Sequences of `sequence_frames` start as chunks do, without a past. `steady_share` of them have one depth, the others
    a random walk from depth step to depth step. Matrices are Muon's at `muon_rate`, everything else is AdamW's.
    """

    name: str = "nac-lm"
    about: str = ""
    layers: int = 4
    width: int = 256
    heads: int = 4
    feed_width: int = 1024
    window_seconds: float = 3.0
    head_width: int = 256
    shared_hidden: bool = True
    embedding_rank: int = 32

    steps: int = 4_000
    batch_size: int = 8
    sequence_frames: int = 512
    steady_share: float = 0.3
    seed: int = 0
    muon_rate: float = 4e-3
    adam_rate: float = 6e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 50
    cooldown_share: float = 0.7
    gradient_clip: float = 1.0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.sequence_frames) < 1 or self.window_seconds <= 0:
            raise UsageError("steps, batch_size, sequence_frames and window_seconds must be positive")

    def shape(self, codec: CodecSpec) -> LmConfig:
        """The network for the codes of `codec`. Raises ModelError for sizes out of its limits."""
        return LmConfig(
            codec.codebook_sizes,
            codec.strides,
            self.layers,
            self.width,
            self.heads,
            self.feed_width,
            max(round(self.window_seconds * codec.frame_rate), 1),
            self.head_width,
            self.shared_hidden,
            self.embedding_rank,
        )


PRESETS = {
    "nac-lm": LmTrainConfig(about="for the default model; under 10 MB as an integer model"),
    "encodec-lm": LmTrainConfig(
        name="encodec-lm",
        about="the size of EnCodec's: 5 layers, 8 heads, 200 wide, 3.5 s of context",
        layers=5,
        width=200,
        heads=8,
        feed_width=800,
        window_seconds=3.5,
        head_width=200,
    ),
    "nac-lm-tiny": LmTrainConfig(
        name="nac-lm-tiny",
        about="a small one that learns in minutes",
        layers=2,
        width=64,
        heads=2,
        feed_width=128,
        window_seconds=1.0,
        head_width=64,
        embedding_rank=16,
        steps=500,
        batch_size=4,
        sequence_frames=128,
    ),
}
