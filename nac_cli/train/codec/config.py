"""The configuration of a codec's training: frozen records. `presets` has named ones, `records` writes them as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from nac_cli.errors import UsageError
from nac_cli.models.encodec.config import EncodecConfig
from nac_cli.models.spectral_config import SpectralConfig
from nac_cli.train.codec import families
from nac_cli.train.codec.augmentation import Augmentation
from nac_cli.train.codec.level import Level

DEPTHS = ("varying", "mostly low", "by item", "by bitrate")
"""Ways to draw how many planes the decoder hears; `depths` has the functions."""


@dataclass(frozen=True)
class AdversaryConfig:
    """Which discriminators there are and how they learn. `kinds` out of "period", "bands", "stft" and "golden";
    `channels` is the width of the STFT discriminators, in proportion to which those of periods have theirs (32 is their
    paper's); empty `windows` are the paper's. For the first `warmup_steps` they learn at every step and the decoder
    does not listen to them yet; later they learn with `probability`. Their AdamW works at `rate` with `betas`."""

    kinds: tuple[str, ...] = ()
    windows: tuple[int, ...] = ()
    channels: int = 32
    rate: float = 8e-4
    betas: tuple[float, float] = (0.8, 0.99)
    probability: float = 1.0
    warmup_steps: int = 100


@dataclass(frozen=True)
class TrainConfig:
    """How a codec is trained. Lengths in latent frames, rates per step; `model` is the network's own config, of any
    family.

    - What it hears: excerpts at a `level`, augmented, their domains weighted.
    - Optimizers: Muon at `muon_rate` (0: none) for the default model's matrices, AdamW at `adam_rate` with `betas` for
      all else; `weight_norm` trains gains and directions of convolutions; with `autocast` in bfloat16 but for quantizer
      and losses. All rates warm up and cool down, and are multiplied by `rate_decay` at each step. A `gradient_clip` of
      0 is none.
    - Quantizer: from step `quantizer_start` on, its codebooks from the latents before it if `quantizer_from_data`;
      `depths` is one of DEPTHS. Dead codes are revived every `revive_every` steps (0: never).
    - Losses: a weight of 0 is none. `encodec_mel_weight` is for EnCodec's form of the mel loss, `magnitude_weight` for
      TAAE's STFT. All but those of the adversary fade by `reconstruction_decay` at each step. `loss_level` brings sound
      to a listening level, as the mel loss has an absolute floor; it is 1 for natural levels.
      With `shared_spectra` two windows a step serve mel, complex and log distances (`spectra`), complex bins only up to
      `phase_up_to` Hz (0: all) and single bins only above `lines_above`; else each has windows of its own (`losses`).
      `latent_weight` brings the planes nearer to z (`ResidualQuantized.latent`).
      `energy_weight` is the share of the repulsion in the energy score: 0 compares one decode with the recording, 1 is
      the proper score of two decodes with different noise, whose phases repel each other above `energy_from` Hz. With
      `shared_spectra` complex bins above that are compared with the recording as well, with `energy_stft_weight`.
      `balance`, if not empty, holds the weights of EnCodec's balancer by loss name and replaces the `..._weight`s.
    """

    name: str = "nac-44k"
    about: str = ""
    model: families.ModelConfig = field(default_factory=SpectralConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    level: Level = field(default_factory=Level)
    steps: int = 8_500
    batch_size: int = 12
    excerpt_frames: int = 86
    seed: int = 0
    domain_weights: dict[str, float] = field(default_factory=dict)
    full_band_share: float = 0.75

    train_encoder: bool = True
    weight_norm: bool = False
    autocast: bool = True
    muon_rate: float = 1.5e-3
    adam_rate: float = 8e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    cooldown_share: float = 0.7
    rate_decay: float = 1.0
    gradient_clip: float = 5.0
    ema_decay: float = 0.999

    quantizer_start: int = 250
    quantizer_from_data: bool = True
    depths: str = "varying"
    full_depth_share: float = 0.2
    revive_every: int = 50
    revive_below: float = 0.03

    loss_level: float = 0.1
    shared_spectra: bool = True
    phase_up_to: float = 6_000.0
    lines_above: float = 5_000.0
    mel_weight: float = 15.0
    mel_scales_per_step: int = 3
    encodec_mel_weight: float = 0.0
    stft_weight: float = 300.0
    magnitude_weight: float = 0.0
    log_stft_weight: float = 40.0
    waveform_weight: float = 20.0
    reconstruction_decay: float = 1.0
    codebook_weight: float = 1.0
    commitment_weight: float = 0.25
    latent_weight: float = 0.0
    energy_weight: float = 0.0
    energy_from: float = 3_000.0
    energy_stft_weight: float = 150.0
    adversarial_weight: float = 1.0
    feature_weight: float = 2.0
    balance: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.steps > 0 and self.batch_size > 0 and self.excerpt_frames > 0):
            raise UsageError("steps, batch_size and excerpt_frames must be positive")
        if self.energy_weight and not families.has_noise(self.model):
            raise UsageError("energy_weight compares decodes of different noise, so the model needs noise=true")
        if self.energy_weight and self.batch_size % 2:
            raise UsageError("energy_weight decodes every item twice, so batch_size must be even")
        if self.energy_weight and self.balance:
            raise UsageError("energy_weight and balance exclude each other")
        if self.excerpt_frames % families.frame_multiple(self.model):
            raise UsageError(f"excerpt_frames must be a multiple of the model's {families.frame_multiple(self.model)}")
        if self.depths not in DEPTHS:
            raise UsageError(f"depths are one of {', '.join(DEPTHS)}, not {self.depths!r}")
        if (self.depths == "by bitrate") != isinstance(self.model, EncodecConfig):
            raise UsageError("EnCodec, and it alone, is trained with depths 'by bitrate'")

    @property
    def channels(self) -> int:
        """Channels of an excerpt."""
        return families.channels(self.model)
