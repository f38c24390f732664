"""The integer parameters as a record and as a file: safetensors with integer tensors only, the config as JSON.

`layout` is the one list of what a model consists of; reading, writing and checking all follow it. The ranges are
chosen so that, with the sums that `check_row_sums` looks at, no intermediate of `network` can leave int64.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from nac_cli.entropy.lm.config import EXACT_FLOAT32, INT8, WEIGHT, LmConfig, from_json
from nac_cli.errors import ModelError
from nac_cli.files import sha256_of, write_bytes

FORMAT = "nac-lm-1"
ID_BYTES = 8
MAX_FILE = 1 << 28
TEST_FRAMES = 8
EXPONENTIAL_SIZE = 1024
ACTIVATION_SIZE = 1024
HASH_BYTES = 32
FILE_TYPES = {"I8": np.int8, "U8": np.uint8, "I32": np.int32}


@dataclass(frozen=True)
class Field:
    """The shape and the type of a tensor, and the range low..high of its entries."""

    dtype: type
    shape: tuple[int, ...]
    low: int
    high: int


@dataclass(frozen=True)
class IntegerModel:
    """A language model: its config and its tensors by name, read-only. Raises `ModelError` unless they fit `layout`."""

    config: LmConfig
    tensors: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        fields = layout(self.config)
        _require_names(set(self.tensors), set(fields))
        tensors = {name: _checked(name, self.tensors[name], field) for name, field in fields.items()}
        for name, tensor in tensors.items():
            if name.endswith(".weight"):
                check_row_sums(name, tensor)
        _check_tables(tensors, self.config)
        object.__setattr__(self, "tensors", MappingProxyType(tensors))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tensors[name]

    @property
    def num_parameters(self) -> int:
        return sum(tensor.size for tensor in self.tensors.values())


def layout(config: LmConfig) -> dict[str, Field]:
    """Name and form of every tensor of a model.

    - `input.{k}`, `within.{k}` `[N_k + 1, D]`: embeddings of plane k for the next frame, and for the later planes
      of the same frame; the last row stands for an absent code. `multiplier`, `shift` `[1]` bring them to residual
      units; with an `embedding_rank` they are `[N_k + 1, E]`, and a matrix `projection` `[D, E]` does. `input.start`
      `[D]`, `input.depth` `[K + 1, D]`, `head.plane` `[K, D]`: in residual units.
    - matrices: `weight` `[out, in]`, `bias` `[out]` in units of the sum, `multiplier` `[out]`, `shift` `[1]`.
    - `position` `[H, W]`: added to the scores of a key that is 0, 1, ... frames old, in steps of `exponential`.
    - `activation` `[1024]`: of inputs -512..511; `exponential` `[1024]`: e of 0, 1, ... steps below the largest.
    - `test.*`: the known-answer test, see `self_test`.
    """
    return dict(_fields(config))


def save(path: Path, model: IntegerModel) -> None:
    """Write `model` to a file, whole or not at all. Raises AudioError where it cannot be written."""
    # one entry only: safetensors writes several in any order, and the bytes are the model's identity
    write_bytes(path, to_bytes(dict(model.tensors), {FORMAT: model.config.to_json()}))


def load(path: Path) -> IntegerModel:
    """Read what `save` wrote. Raises `ModelError` when the file is missing, damaged or of another kind.

    Shapes and types are compared before any tensor is read, and no file over 256 MiB is opened.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise ModelError(f"{path}: over {MAX_FILE} bytes, no language model")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise ModelError(f"{path}: not a language model of this version of nac")
            config = from_json(metadata[FORMAT])
            fields = layout(config)
            _require_names(set(file.keys()), set(fields))
            for name, field in fields.items():
                view = file.get_slice(name)
                _require_form(name, FILE_TYPES.get(view.get_dtype()), tuple(view.get_shape()), field)
            return IntegerModel(config, {name: file.get_tensor(name) for name in fields})
    except FileNotFoundError:
        raise ModelError(f"{path}: no such language model") from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable language model ({error})") from error


def model_id(path: Path) -> bytes:
    """The id by which a stream names a model: the first 8 bytes of the SHA-256 of its file."""
    return sha256_of(path)[:ID_BYTES]


def check_row_sums(name: str, weight: np.ndarray) -> None:
    """Raise `ModelError` unless every row's product with int8 activations is exact in float32."""
    if weight.shape[1] * (INT8 + 1) * INT8 < EXACT_FLOAT32:  # whatever they are
        return
    sums = np.abs(weight.astype(np.int64)).sum(axis=1) * INT8
    if sums.size and sums.max() >= EXACT_FLOAT32:
        raise ModelError(f"language model: {name} row {sums.argmax()} can sum to {sums.max()}, not below 2^24")


def _fields(config: LmConfig) -> Iterator[tuple[str, Field]]:
    width, planes, sizes = config.width, config.planes, config.codebook_sizes
    for plane, size in enumerate(sizes):
        for name in config.embeddings(plane):
            yield from _embedding(name, size, config)
    yield "input.start", _residual(width)
    yield "input.depth", _residual(planes + 1, width)
    for layer in range(config.layers):
        name = f"layers.{layer}.attention"
        yield from _norm(f"{name}.norm", width)
        yield from _matrix(f"{name}.qkv", 3 * width, width)
        yield from _scale(f"{name}.score", config.heads)
        yield f"{name}.position", Field(np.int32, (config.heads, config.window), -(1 << 20), 1 << 20)
        yield from _scale(f"{name}.context", width)
        yield from _matrix(f"{name}.out", width, width)
        name = f"layers.{layer}.feed"
        yield from _norm(f"{name}.norm", width)
        yield from _matrix(f"{name}.up", config.feed_width, width)
        yield f"{name}.activation", Field(np.int8, (ACTIVATION_SIZE,), -INT8, INT8)
        yield from _matrix(f"{name}.down", width, config.feed_width)
    yield "head.plane", _residual(planes, width)
    for plane in range(planes):
        yield from _norm(f"head.norm.{plane}", width)
    for index in config.hidden_groups:
        yield from _matrix(f"head.hidden.{index}", config.head_width, width)
        yield f"head.activation.{index}", Field(np.int8, (ACTIVATION_SIZE,), -INT8, INT8)
    for plane, size in enumerate(sizes):
        yield from _matrix(f"head.logits.{plane}", size, config.head_width)
    yield "exponential", Field(np.int32, (EXPONENTIAL_SIZE,), 0, 1 << 20)
    yield "test.codes", Field(np.int32, (planes, TEST_FRAMES), -1, max(sizes) - 1)
    yield "test.depths", Field(np.int32, (TEST_FRAMES,), 0, planes)
    yield "test.sha256", Field(np.uint8, (HASH_BYTES,), 0, 255)


def _embedding(name: str, size: int, config: LmConfig) -> Iterator[tuple[str, Field]]:
    yield name, Field(np.int8, (size + 1, config.embedding_rank or config.width), -INT8, INT8)
    if config.embedding_rank:
        yield from _matrix(f"{name}.projection", config.width, config.embedding_rank)
    else:
        yield from _scale(name, 1)


def _residual(*shape: int) -> Field:
    return Field(np.int32, shape, -(1 << 24), 1 << 24)


def _norm(name: str, width: int) -> Iterator[tuple[str, Field]]:
    yield f"{name}.gain", Field(np.int32, (width,), 1 - (1 << 31), (1 << 31) - 1)
    yield f"{name}.shift", Field(np.int32, (1,), 1, 62)


def _scale(name: str, size: int) -> Iterator[tuple[str, Field]]:
    yield f"{name}.multiplier", Field(np.int32, (size,), 0, (1 << 31) - 1)
    yield f"{name}.shift", Field(np.int32, (1,), 1, 62)


def _matrix(name: str, rows: int, columns: int) -> Iterator[tuple[str, Field]]:
    yield f"{name}.weight", Field(np.int8, (rows, columns), -WEIGHT, WEIGHT)
    yield f"{name}.bias", Field(np.int32, (rows,), -(1 << 30), 1 << 30)
    yield from _scale(name, rows)


def _require_names(names: set[str], expected: set[str]) -> None:
    if names != expected:
        example = min(names ^ expected)
        state = "lacks" if example in expected else "has an unknown"
        raise ModelError(f"language model: {state} tensor {example!r} ({len(names ^ expected)} such names)")


def _require_form(name: str, dtype: type | None, shape: tuple[int, ...], field: Field) -> None:
    if dtype is not field.dtype or shape != field.shape:
        raise ModelError(f"language model: {name} must be {field.dtype.__name__} {field.shape}, not of {shape}")


def _checked(name: str, tensor: np.ndarray, field: Field) -> np.ndarray:
    _require_form(name, tensor.dtype.type, tensor.shape, field)
    if tensor.size and (tensor.min() < field.low or tensor.max() > field.high):
        raise ModelError(f"language model: {name} must lie in {field.low}..{field.high}")
    tensor = np.array(tensor, order="C")
    tensor.setflags(write=False)
    return tensor


def _check_tables(tensors: Mapping[str, np.ndarray], config: LmConfig) -> None:
    exponential = tensors["exponential"]
    if exponential[0] < 1 or exponential[-1] != 0:
        raise ModelError("language model: the exponential table must start above zero and end in zero")
    codes, depths = tensors["test.codes"], tensors["test.depths"]
    occurs = config.occurs(depths, np.arange(TEST_FRAMES))
    sizes = np.array(config.codebook_sizes)[:, None]
    if not np.array_equal(codes >= 0, occurs) or (codes >= sizes).any():
        raise ModelError("language model: the codes of its known-answer test contradict their depths or codebooks")
