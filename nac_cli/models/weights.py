"""Weight files: safetensors with the network's config as JSON in the metadata, identified by their SHA-256.

Parameters are float16 on disk (models trained here) or float32 (imported ones, whose codes are to be those of
their origin), and float32 in use. The frequency tables of the `static` entropy mode travel in
the same file (int32 `entropy.frequencies` `[K, N]`), so that a model's id covers them. Reading a file's
description or its tables needs no torch.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from nac_cli.errors import ModelError
from nac_cli.files import sha256_of, write_bytes
from nac_cli.models.fields import integer, integers, sample_rate
from nac_cli.values import MAX_PLANES, CodecSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

    from nac_cli.models.codec import Codec

FORMAT = "nac-codec-1"
DTYPES = ("float16", "float32")
_STORED = ("F16", "F32")
"""DTYPES as safetensors calls them."""
TABLES = "entropy.frequencies"
ID_BYTES = 8
MAX_CODEBOOK, MAX_STRIDE, MAX_HOP = 1 << 16, 256, 1 << 16
"""What streams can say of a model (format_spec.md, section 5)."""


@dataclass(frozen=True)
class WeightFile:
    """The description of a weight file: where it is, its spec and the network's config as a plain dictionary."""

    path: Path
    spec: CodecSpec
    config: dict
    num_parameters: int
    training: dict


def describe(path: Path) -> WeightFile:
    """Read the description of a weight file. Raises ModelError when it is missing, damaged or of another kind."""
    if path.exists() and not path.is_file():  # a pipe would never end
        raise ModelError(f"{path}: not a regular file")
    try:
        model_id = sha256_of(path)[:ID_BYTES]
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            shapes = {name: file.get_slice(name).get_shape() for name in _parameters(file)}
    except FileNotFoundError:
        raise ModelError(f"{path}: no such weight file") from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable weight file ({error})") from error
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path}: not a weight file of this version of nac (format {metadata.get('format')!r})")
    parameters = sum(math.prod(shape) for shape in shapes.values())
    try:
        spec, config = _spec(_object(metadata, "spec"), model_id), _object(metadata, "config")
        return WeightFile(path, spec, config, parameters, _training(metadata))
    except ModelError as error:
        raise ModelError(f"{path}: its description is none ({error})") from error


def load_tables(path: Path) -> np.ndarray | None:
    """The frequency tables, integers `[K, N]`, or None when the file has none. Raises ModelError."""
    with safe_open(path, framework="numpy") as file:
        if TABLES not in set(file.keys()):
            return None
        if (kind := file.get_slice(TABLES).get_dtype()) != "I32":
            raise ModelError(f"{path}: {TABLES} is of the type {kind}, not of I32")
        return file.get_tensor(TABLES).astype("int64")


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """As `load_state`, without torch."""
    import numpy as np

    with safe_open(path, framework="numpy") as file:
        _require_types(path, file)
        arrays = {name: file.get_tensor(name).astype(np.float32) for name in _parameters(file)}
    for name, value in arrays.items():
        if not np.isfinite(value).all():
            raise ModelError(f"{path}: {name} has values that are not finite; the file is damaged")
    return arrays


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """The network's parameters in float32. Raises ModelError for others than DTYPES, and for values that are not
    finite."""
    with safe_open(path, framework="pt") as file:
        _require_types(path, file)
        return {name: file.get_tensor(name).float() for name in _parameters(file)}


def save(
    path: Path, model: Codec, config: dict, tables: np.ndarray | None, training: dict, dtype: str = "float16"
) -> WeightFile:
    """Write `model` in `dtype` (one of DTYPES) with its config, tables and a summary of where it comes from; the
    description of the result. Weight norm is multiplied out. Raises ModelError for weights that are not finite there,
    AudioError if the file cannot be written."""
    import numpy as np
    import torch

    from nac_cli.models.layers.weight_norm import fold_state

    kind = {"float16": torch.float16, "float32": torch.float32}[dtype]
    state = fold_state(model.state_dict())
    tensors = {name: value.detach().to("cpu", kind).contiguous().numpy() for name, value in state.items()}
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ModelError(
                f"{path}: not written, as {name} has no finite values in {dtype}; has the training diverged?"
            )
    return _write(path, tensors, model.spec, config, tables, training)


def save_again(path: Path, file: WeightFile, tables: np.ndarray | None) -> WeightFile:
    """Write the parameters of `file.path` once more, with what `file` says now of name, network and training, and with
    these tables; the description of the result, which is another model as files have it. Raises AudioError if it
    cannot be written."""
    with safe_open(file.path, framework="numpy") as source:
        tensors = {key: source.get_tensor(key) for key in _parameters(source)}
    return _write(path, tensors, file.spec, file.config, tables, file.training)


def _write(
    path: Path,
    tensors: dict[str, np.ndarray],
    spec: CodecSpec,
    config: dict,
    tables: np.ndarray | None,
    training: dict,
) -> WeightFile:
    import numpy as np
    from safetensors.numpy import save as to_bytes

    described = {
        "name": spec.name,
        "family": spec.family,
        "sample_rate": spec.sample_rate,
        "hop_length": spec.hop_length,
        "codebook_sizes": spec.codebook_sizes,
        "strides": spec.strides,
    }
    metadata = {
        "format": FORMAT,
        "spec": json.dumps(described),
        "config": json.dumps(config),
        "training": json.dumps(training),
    }
    if tables is not None:
        tensors = tensors | {TABLES: np.ascontiguousarray(tables, dtype=np.int32)}
    write_bytes(path, _in_order(to_bytes(tensors, metadata)))
    return describe(path)


def _require_types(path: Path, file: safe_open) -> None:
    for name in _parameters(file):
        if (kind := file.get_slice(name).get_dtype()) not in _STORED:
            raise ModelError(f"{path}: {name} is of the type {kind}, not of {' or '.join(_STORED)}")


def _parameters(file: safe_open) -> list[str]:
    """The names of a weight file's tensors without the entropy coder's tables."""
    return [name for name in list(file.keys()) if name != TABLES]


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order: they come in any order, and the bytes are the id.

    The header is JSON after its length (u64, little-endian), padded with spaces.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _object(metadata: dict[str, str], name: str) -> dict:
    """A JSON object of the metadata. Raises ModelError."""
    try:
        values = json.loads(metadata[name])
    except KeyError:
        raise ModelError(f"{name!r} is missing") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name!r} is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{name!r} is no JSON object")
    return values


def _spec(spec: dict, model_id: bytes) -> CodecSpec:
    """A spec such as streams can have. Raises ModelError."""
    sizes = integers("codebook sizes", spec.get("codebook_sizes"), 2, MAX_CODEBOOK, MAX_PLANES)
    strides = integers("strides", spec.get("strides"), 1, MAX_STRIDE, MAX_PLANES)
    if len(strides) != len(sizes):
        raise ModelError(f"{len(strides)} strides for {len(sizes)} codebooks")
    return CodecSpec(
        name=_word("name", spec.get("name")),
        family=_word("family", spec.get("family")),
        model_id=model_id,
        sample_rate=sample_rate(spec.get("sample_rate")),
        hop_length=integer("hop length", spec.get("hop_length"), 1, MAX_HOP),
        codebook_sizes=sizes,
        strides=strides,
    )


def _word(what: str, value: object) -> str:
    """A name that a stream can have. Raises ModelError."""
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value.encode("utf-8", "replace")) <= 32:
        raise ModelError(f"the model's {what} is {repr(value)[:80]}, not 1 to 32 printable characters")
    return value


def _training(metadata: dict[str, str]) -> dict:
    """What the file says of its origin; nothing where it says nothing. Raises ModelError for what cannot be told."""
    training = _object(metadata, "training") if "training" in metadata else {}
    runs = training.get("before", [])
    told = isinstance(runs, list) and all(
        isinstance(run, dict) and isinstance(run.get("steps"), int | None) for run in [*runs, training]
    )
    if not told or not all(isinstance(training.get(name), str | None) for name in ("licence", "imported")):
        raise ModelError("'training' does not say where the model is from")
    return training
