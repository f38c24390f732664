"""What `constriction` and `safetensors` do for entropy coding, done by the reference decoder."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.reference.detail_decoder import read_tensors
from tests.reference.lm_model import Model
from tests.reference.range_decoder import RangeDecoder as ReferenceDecoder
from tests.reference.range_encoder import RangeEncoder as ReferenceEncoder

PARTS = 256
"""Parts of 2^24 in one of 65536."""


class RangeDecoder:
    def __init__(self, words: np.ndarray) -> None:
        self._decoder = ReferenceDecoder(words.astype("<u4").tobytes())

    def decode(self, family: object, weights: np.ndarray) -> np.ndarray:
        tables = (weights.astype(np.int64) + 1) // PARTS
        try:
            return np.array([self._decoder.decode(table.tolist()) for table in tables])
        except ValueError as error:
            raise AssertionError from error


class RangeEncoder:
    def __init__(self) -> None:
        self._encoder = ReferenceEncoder()

    def encode(self, symbols: np.ndarray, family: object, weights: np.ndarray) -> None:
        for symbol, parts in zip(symbols.tolist(), (weights.astype(np.int64) + 1).tolist()):
            self._encoder.encode(sum(parts[:symbol]) // PARTS, parts[symbol] // PARTS)

    def get_compressed(self) -> np.ndarray:
        return np.frombuffer(self._encoder.words(), "<u4").astype(np.uint32)


def install(name: str) -> None:
    """Make `import name` give the stand-in."""
    module = ModuleType(name)
    if name == "constriction":
        module.stream = ModuleType("stream")
        module.stream.model, module.stream.queue = ModuleType("model"), ModuleType("queue")
        module.stream.model.Categorical = lambda *values, perfect: None
        module.stream.queue.RangeDecoder, module.stream.queue.RangeEncoder = RangeDecoder, RangeEncoder
    else:
        module.SafetensorError, module.safe_open = OSError, None
        module.numpy = ModuleType(f"{name}.numpy")
        module.numpy.load_file = load_tensors
        module.numpy.save = module.numpy.save_file = None
        sys.modules[f"{name}.numpy"] = module.numpy
    sys.modules[name] = module


def load_tensors(path: Path) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in read_tensors(path).items()}


def load(path: Path):
    """An `IntegerModel` of a file that the reference decoder reads."""
    from nac_cli.entropy.lm.config import LmConfig
    from nac_cli.entropy.lm.weights import IntegerModel, layout

    model = Model(path.read_bytes())
    lists = {name: tuple(model.config[name]) for name in ("codebook_sizes", "strides")}
    config = LmConfig(**(model.config | lists))
    return IntegerModel(config, {
        name: model.tensors[name].astype(field.dtype) for name, field in layout(config).items()
    })  # fmt: skip
