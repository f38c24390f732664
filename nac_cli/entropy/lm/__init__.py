"""Language model for codes whose arithmetic is exact everywhere: integers from tokens to frequency tables.

Train in floats, `quantise`, `save`; then `load`, `prepare`, and `encode`, `decode` or `measure` chunks.
"""

from nac_cli.entropy.lm.coding import Intervals, decode, encode, measure
from nac_cli.entropy.lm.config import LmConfig
from nac_cli.entropy.lm.dequantise import dequantise
from nac_cli.entropy.lm.language_model import LanguageModel
from nac_cli.entropy.lm.network import Network
from nac_cli.entropy.lm.quantise import quantise
from nac_cli.entropy.lm.self_test import prepare
from nac_cli.entropy.lm.weights import IntegerModel, load, model_id, save

__all__ = [
    "IntegerModel",
    "Intervals",
    "LanguageModel",
    "LmConfig",
    "Network",
    "decode",
    "dequantise",
    "encode",
    "load",
    "measure",
    "model_id",
    "prepare",
    "quantise",
    "save",
]
