"""The families of codecs as a training run sees them: what builds one, and in what their networks differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from nac_cli.models.codec import TrainableCodec
from nac_cli.models.dac import DacCodec, DacConfig
from nac_cli.models.encodec.config import EncodecConfig
from nac_cli.models.encodec.network import EncodecCodec
from nac_cli.models.layers.weight_norm import fold_state
from nac_cli.models.snac import SnacCodec, SnacConfig
from nac_cli.models.spectral import SpectralCodec, SpectralConfig
from nac_cli.models.taae.config import TaaeConfig
from nac_cli.models.taae.network import TaaeCodec
from nac_cli.train.codec.codebooks import AveragedCodebooks, Codebooks, FactorisedCodebooks, FixedCodebooks
from nac_cli.train.codec.initialisation import scale_convolutions

ModelConfig = SpectralConfig | EncodecConfig | DacConfig | SnacConfig | TaaeConfig
"""A network's config."""


@dataclass(frozen=True)
class Family:
    """`gain` is for convolutions at the start (`scale_convolutions`), 0 if they stay as torch draws them."""

    config: type[ModelConfig]
    codec: type[TrainableCodec]
    codebooks: type[Codebooks]
    gain: float = 0.0

    def fresh(self, config: ModelConfig, name: str) -> TrainableCodec:
        """A network to train."""
        model = self.codec(config, name)
        if self.gain:
            scale_convolutions(model, self.gain)
        return model


FAMILIES = {
    "spectral": Family(SpectralConfig, SpectralCodec, FactorisedCodebooks),
    "encodec": Family(EncodecConfig, EncodecCodec, AveragedCodebooks, gain=3**0.5),
    "dac": Family(DacConfig, DacCodec, FactorisedCodebooks, gain=1.0),
    "snac": Family(SnacConfig, SnacCodec, FactorisedCodebooks, gain=1.0),
    "taae": Family(TaaeConfig, TaaeCodec, FixedCodebooks),
}
"""The families by the name in a model's spec."""


def family_name(config: ModelConfig) -> str:
    """The name of the family that `config` makes a network of."""
    return next(name for name, family in FAMILIES.items() if isinstance(config, family.config))


def family_of(config: ModelConfig) -> Family:
    return FAMILIES[family_name(config)]


def restored(config: ModelConfig, name: str, state: Mapping[str, torch.Tensor]) -> TrainableCodec:
    """The network with weights from a training's `state`, weight normalisation folded in, ready for inference."""
    model = family_of(config).codec(config, name)
    model.load_state_dict(fold_state(dict(state)))
    return model.eval().requires_grad_(False)


def channels(config: ModelConfig) -> int:
    """Channels that the network codes together."""
    return config.channels if isinstance(config, EncodecConfig) else 1


def frame_multiple(config: ModelConfig) -> int:
    """Frames of which an excerpt has to be a multiple."""
    return config.frame_multiple if isinstance(config, SnacConfig) else 1


def has_noise(config: ModelConfig) -> bool:
    """Whether two decodes of the same codes may differ in training."""
    return isinstance(config, SpectralConfig | SnacConfig) and config.noise
