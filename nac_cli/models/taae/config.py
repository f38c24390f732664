"""The shape of a TAAE, and its presets."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from nac_cli.errors import ModelError
from nac_cli.models.fields import integer, integers, sample_rate

MAX_WIDTH = 8192
MAX_CODES = 2**16


@dataclass(frozen=True)
class TaaeConfig:
    """Everything that shapes the network, mirrored in encoder and decoder. `strides` (1 or even) and
    `transformer_depths` (numbers of transformer blocks) are the encoder's blocks in order; `window` are the
    steps before and after its own that a step attends to. `levels` are the points in each of the
    `latent_width` dimensions for each plane, all of which may be changed after training; `training_levels`
    are those that training draws from. Raises ModelError for values that make no network."""

    sample_rate: int = 16_000
    patch_size: int = 320
    width: int = 1024
    head_width: int = 128
    expansion: int = 4
    strides: tuple[int, ...] = (1, 2)
    transformer_depths: tuple[int, ...] = (8, 20)
    window: tuple[int, int] = (63, 64)
    causal: bool = False
    soft_clip: bool = False
    latent_width: int = 6
    levels: tuple[int, ...] = (5, 5)
    training_levels: tuple[int, ...] = (17, 9, 5)

    def __post_init__(self) -> None:
        sample_rate(self.sample_rate)
        integer("patch size", self.patch_size, 1, 2**16)
        integer("width", self.width, 4, MAX_WIDTH)
        integer("head width", self.head_width, 4, self.width)
        integer("expansion", self.expansion, 1, 16)
        integer("latent width", self.latent_width, 1, 64)
        for name, low, high, most in (
            ("strides", 1, 64, 8),
            ("transformer_depths", 0, 64, 8),
            ("window", 0, 2**16, 2),
            ("levels", 2, MAX_CODES, 64),
            ("training_levels", 2, 2**16, 64),
        ):
            checked = integers(name.replace("_", " "), getattr(self, name), low, high, most)
            object.__setattr__(self, name, checked)
        integer("hop length", self.hop_length, 1, 2**16)
        for holds, what in (
            (self.width % self.head_width == 0, f"width {self.width} is no multiple of that of its heads"),
            (self.head_width % 4 == 0, f"head width {self.head_width} is no multiple of 4"),
            (
                all(stride == 1 or stride % 2 == 0 for stride in self.strides),
                f"strides {self.strides} are odd, and would lose a step on the way back",
            ),
            (
                len(self.transformer_depths) == len(self.strides),
                f"strides {self.strides} have not one transformer depth each",
            ),
            (len(self.window) == 2, f"window {self.window} is not two numbers"),
            (
                max(self.levels) ** self.latent_width <= MAX_CODES,
                f"levels {self.levels} to the power of {self.latent_width} are over {MAX_CODES} codes",
            ),
            (
                all(level % 2 for level in self.levels[1:]),
                f"levels {self.levels} are not odd in every plane after the first",
            ),
            (isinstance(self.causal, bool), f"causal is {self.causal!r}, neither true nor false"),
            (isinstance(self.soft_clip, bool), f"soft clip is {self.soft_clip!r}, neither true nor false"),
            (not (self.causal and self.window[-1]), f"window {self.window} looks ahead, but it is causal"),
        ):
            if not holds:
                raise ModelError(f"the model's {what}")

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(level**self.latent_width for level in self.levels)

    @property
    def patches_per_frame(self) -> int:
        return prod(self.strides)

    @property
    def hop_length(self) -> int:
        return self.patch_size * self.patches_per_frame


PRESETS = {
    "taae-16k-400bps": TaaeConfig(levels=(6,)),
    "taae-16k-700bps": TaaeConfig(),
    "taae-16k-1000bps": TaaeConfig(levels=(3, 3, 3, 3)),
    "taae-16k-causal": TaaeConfig(window=(63, 0), causal=True),
    "taae-tiny": TaaeConfig(width=128, head_width=64, transformer_depths=(2, 4), window=(15, 16)),
}
"""The published model's three recommended bottlenecks (section 4.5, and stable-codec's presets), the causal
variant of appendix A.4 at 700 bit/s, and one for training on a CPU."""
