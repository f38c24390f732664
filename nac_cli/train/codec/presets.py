"""Networks and schedules by name."""

from __future__ import annotations

from dataclasses import replace

from nac_cli.models import dac, snac
from nac_cli.models.encodec import config as encodec_config
from nac_cli.models.spectral_config import SpectralConfig
from nac_cli.models.taae import config as taae_config
from nac_cli.train.codec.augmentation import Augmentation
from nac_cli.train.codec.config import AdversaryConfig, TrainConfig
from nac_cli.train.codec.level import Level

TINY_MODEL = SpectralConfig(
    fine_width=32,
    coarse_width=48,
    encoder_fine_blocks=1,
    encoder_coarse_blocks=1,
    decoder_coarse_blocks=1,
    decoder_fine_blocks=1,
    num_codebooks=4,
    codebook_size=64,
    codebook_dim=4,
)
MODEL = SpectralConfig(num_codebooks=8, noise=True)
"""The default model. Beyond eight planes bits are worth more in the layer of detail."""

FINISH = TrainConfig(
    model=MODEL,
    steps=6_000,
    batch_size=6,
    train_encoder=False,
    warmup_steps=50,
)
"""Values of the finishing presets: encoder and codes stay, the decoder learns to draw what it cannot know."""

SPECTRAL = {
    "nac-44k": TrainConfig(
        about="the default model, reconstruction, sized for a CPU",
        model=MODEL,
        depths="mostly low",
        steps=30_000,
        batch_size=16,
        excerpt_frames=96,
        warmup_steps=500,
        cooldown_share=0.3,
        latent_weight=10.0,
    ),
    "nac-44k-finish": replace(
        FINISH,
        about="a decoder that does not buzz, from a run of nac-44k that has cooled down",
        depths="mostly low",
        cooldown_share=1.0,
        muon_rate=3e-4,
        adam_rate=1.5e-4,
        ema_decay=0.998,
        energy_weight=0.8,
        energy_from=4_000.0,
        energy_stft_weight=100.0,
    ),
    "nac-44k-adversarial": TrainConfig(
        about="from a run of nac-44k, with the discriminators of Improved RVQGAN; for a GPU",
        model=MODEL,
        adversary=AdversaryConfig(kinds=("bands", "period"), rate=2e-4),
        steps=50_000,
        batch_size=32,
        warmup_steps=500,
        cooldown_share=0.4,
        muon_rate=5e-4,
        adam_rate=2e-4,
    ),
    "nac-44k-adversarial-cpu": replace(
        FINISH,
        about="a decoder that does not buzz, by three small discriminators instead; for a CPU",
        batch_size=4,
        cooldown_share=0.4,
        muon_rate=9e-4,
        adam_rate=5e-4,
        ema_decay=0.995,
        shared_spectra=False,
        stft_weight=150.0,
        log_stft_weight=30.0,
        adversary=AdversaryConfig(kinds=("stft",), windows=(1024, 512, 256), channels=8, rate=4e-3),
        excerpt_frames=43,
    ),
    "nac-44k-tiny": TrainConfig(
        name="nac-44k-tiny",
        about="a small network that learns in minutes",
        model=TINY_MODEL,
        batch_size=4,
        excerpt_frames=24,
        steps=1_500,
        warmup_steps=20,
        quantizer_start=20,
    ),
}

PUBLISHED = TrainConfig(
    weight_norm=True,
    autocast=False,
    muon_rate=0.0,
    warmup_steps=0,
    cooldown_share=0.0,
    gradient_clip=0.0,
    quantizer_start=0,
    loss_level=1.0,
    shared_spectra=False,
    mel_weight=0.0,
    stft_weight=0.0,
    log_stft_weight=0.0,
    waveform_weight=0.0,
    mel_scales_per_step=7,
)
"""Values of the published families unless a preset differs: one optimizer, the quantizer from the first step on,
natural levels, float32."""


def _tiny(config: TrainConfig) -> TrainConfig:
    """A published family's config as its small version has it: a schedule of minutes, and codebooks from data, once
    there is something to see."""
    return replace(
        config,
        batch_size=4,
        steps=1_500,
        adam_rate=1e-3,
        betas=(0.8, 0.99),
        warmup_steps=20,
        cooldown_share=0.5,
        rate_decay=1.0,
        gradient_clip=5.0,
        ema_decay=0.99,
        quantizer_start=50,
        quantizer_from_data=True,
        augmentation=Augmentation(),
        level=Level("unit", -30.0, -14.0),
    )


def _tiny_factorised(config: TrainConfig) -> TrainConfig:
    """The same for codebooks learned by gradient, which in so few steps follow no encoder: the encoder has to stay with
    them."""
    return replace(_tiny(config), mel_scales_per_step=3, adam_rate=5e-4, commitment_weight=10.0)


ENCODEC_SHARES = {"waveform/loss": 0.1, "mel/encodec": 1.0, "adv/gen": 3.0, "adv/feature": 3.0}
ENCODEC = replace(
    PUBLISHED,
    name="encodec-24k",
    about="EnCodec, 24 kHz, causal, 1.5 to 24 kbit/s, as in its paper; for GPUs",
    model=encodec_config.PRESETS["encodec-24k"],
    steps=600_000,
    batch_size=64,
    excerpt_frames=75,
    level=Level("recording", -10.0, 6.0),
    augmentation=Augmentation(mix=0.4, narrow=0.0, phase=0.0),
    adam_rate=3e-4,
    betas=(0.5, 0.9),
    weight_decay=0.0,
    depths="by bitrate",
    ema_decay=0.99,
    adversary=AdversaryConfig(kinds=("stft",), rate=3e-4, betas=(0.5, 0.9), probability=2 / 3, warmup_steps=0),
    balance=ENCODEC_SHARES,
    codebook_weight=0.0,
    commitment_weight=1.0,
    encodec_mel_weight=1.0,
    waveform_weight=1.0,
)
"""Sections 3.4, 4.1 and 4.4. The paper gives no weight for the commitment loss, and a discriminator of its own to each
bitrate, where ours serve all. Weights are averaged as slowly as the codebooks, which are averages."""

DAC = replace(
    PUBLISHED,
    name="dac-44k-8kbps",
    about="DAC, 44.1 kHz, 8 kbit/s, as in its paper; for GPUs",
    model=dac.PRESETS["dac-44k-8kbps"],
    steps=400_000,
    batch_size=72,
    excerpt_frames=33,
    level=Level("loudness", -16.0, -16.0),
    augmentation=Augmentation(mix=0.0, narrow=0.0, phase=1.0),
    adam_rate=1e-4,
    betas=(0.8, 0.99),
    rate_decay=0.999996,
    quantizer_from_data=False,
    revive_every=0,
    depths="by item",
    full_depth_share=0.5,
    adversary=AdversaryConfig(kinds=("period", "bands"), rate=1e-4, warmup_steps=0),
    mel_weight=15.0,
    gradient_clip=1e3,
)
"""Improved RVQGAN, sections 3.5 and 4.3; level, second beta and clipping of its code (the paper has -24 dB LUFS, 0.9
and none). Adversarial losses are those of EnCodec (hinge, relative features, means instead of sums)."""

SNAC = replace(
    DAC,
    name="snac-44k",
    about="SNAC, 44.1 kHz, 2.6 kbit/s, as in its paper; for a GPU",
    model=snac.PRESETS["snac-44k"],
    steps=800_000,
    batch_size=16,
    excerpt_frames=96,
    adam_rate=6e-4,
    rate_decay=0.999994,
    gradient_clip=0.0,
    full_depth_share=1.0,
    adversary=replace(DAC.adversary, rate=6e-4),
)
"""SNAC, section 4.2, which is silent on levels, betas and loss weights: DAC's, on whose training it builds. Excerpts of
0.8 s, rounded to what windows and planes can share."""

TAAE = replace(
    PUBLISHED,
    name="taae-16k-700bps",
    about="TAAE, 16 kHz speech, 700 bit/s, its pretraining as in its paper; for GPUs",
    model=taae_config.PRESETS["taae-16k-700bps"],
    steps=500_000,
    batch_size=128,
    excerpt_frames=128,
    level=Level("loudness", -25.0, -15.0),
    augmentation=Augmentation(mix=0.0, narrow=0.0, phase=0.0),
    adam_rate=8e-4,
    betas=(0.9, 0.999),
    quantizer_from_data=False,
    depths="by item",
    full_depth_share=1.0,
    revive_every=0,
    adversary=AdversaryConfig(("golden",), channels=256, rate=8e-4, betas=(0.9, 0.999), warmup_steps=0),
    reconstruction_decay=0.9999,
    adversarial_weight=0.0,
    feature_weight=1.0,
    autocast=True,
    magnitude_weight=1.0,
    waveform_weight=1.0,
)
"""Sections 3.4 and 4.2, level from the official code. The other bitrates are other divisions of the same weights. Its
finetuning, by features of WavLM, is not here."""

FAMILIES = (
    ENCODEC,
    replace(
        ENCODEC, name="encodec-48k", about="EnCodec, 48 kHz, stereo, 3 to 24 kbit/s, as in its paper; for GPUs",
        model=encodec_config.PRESETS["encodec-48k"], excerpt_frames=150, level=Level("segment", 0.0, 0.0),
        weight_norm=False,
        adversary=replace(ENCODEC.adversary, windows=(4096, 2048, 1024, 512, 256), probability=0.5),
        balance=ENCODEC_SHARES | {"adv/gen": 4.0, "adv/feature": 4.0},
    ),
    replace(
        _tiny(ENCODEC), name="encodec-24k-tiny", about="a small EnCodec that learns in minutes",
        model=encodec_config.PRESETS["encodec-24k-tiny"], excerpt_frames=38,
        adversary=AdversaryConfig(("stft",), (512, 256), 8, 1e-3, probability=2 / 3, warmup_steps=500),
    ),
    DAC,
    replace(
        DAC, name="dac-44k-16kbps", about="DAC, 44.1 kHz, 16 kbit/s; for GPUs", model=dac.PRESETS["dac-44k-16kbps"]
    ),
    replace(
        DAC, name="dac-24k", about="DAC, 24 kHz; for GPUs", model=dac.PRESETS["dac-24k"], excerpt_frames=29
    ),
    replace(
        DAC, name="dac-16k", about="DAC, 16 kHz; for GPUs", model=dac.PRESETS["dac-16k"], excerpt_frames=19
    ),
    replace(
        _tiny_factorised(DAC), name="dac-tiny", about="a small DAC that learns in minutes",
        model=dac.PRESETS["dac-tiny"],
        excerpt_frames=25, adversary=AdversaryConfig(("bands",), (512, 256), 8, 1e-3, warmup_steps=500),
        revive_every=50,
    ),
    SNAC,
    replace(
        SNAC, name="snac-32k", about="SNAC, 32 kHz, 1.9 kbit/s; for a GPU", model=snac.PRESETS["snac-32k"],
        excerpt_frames=64,
    ),
    replace(
        SNAC, name="snac-24k", about="SNAC, 24 kHz, 1 kbit/s, for speech; for a GPU", model=snac.PRESETS["snac-24k"],
        excerpt_frames=36,
    ),
    replace(
        _tiny_factorised(SNAC), name="snac-tiny", about="a small SNAC that learns in minutes",
        model=snac.PRESETS["snac-tiny"],
        excerpt_frames=24, adversary=AdversaryConfig(("bands",), (512, 256), 8, 1e-3, warmup_steps=500),
        revive_every=50,
    ),
    TAAE,
    replace(
        TAAE, name="taae-16k-causal", about="a causal TAAE, 16 kHz speech, 700 bit/s; for GPUs",
        model=taae_config.PRESETS["taae-16k-causal"],
    ),
    replace(
        _tiny(TAAE), name="taae-tiny", about="a small TAAE that learns in minutes",
        model=taae_config.PRESETS["taae-tiny"],
        excerpt_frames=32, adversary=AdversaryConfig(("golden",), (542, 334), 8, 1e-3, warmup_steps=500),
        reconstruction_decay=1.0, autocast=False, quantizer_start=0, quantizer_from_data=False,
    ),
)  # fmt: skip

PRESETS = SPECTRAL | {config.name: config for config in FAMILIES}
