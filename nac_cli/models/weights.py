"""Weight files: safetensors with the network's config as JSON in the metadata, identified by their SHA-256.

Parameters are float16 on disk (models trained here) or float32 (imported ones, whose codes are to be those of
their origin), and float32 in use. The frequency tables of the `static` entropy mode travel in
the same file (int32 `entropy.frequencies` `[K, N]`), so that a model's id covers them. Reading a file's
description or its tables needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from nac_cli.errors import ModelError
from nac_cli.files import sha256_of, write_bytes
from nac_cli.values import CodecSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

    from nac_cli.models.codec import Codec

FORMAT = "nac-codec-1"
DTYPES = ("float16", "float32")
TABLES = "entropy.frequencies"
ID_BYTES = 8


@dataclass(frozen=True)
class WeightFile:
    """The description of a weight file: where it is, its spec and the network's config as a plain dictionary."""

    path: Path
    spec: CodecSpec
    config: dict
    num_parameters: int
    training: dict


def file_id(data: bytes) -> bytes:
    """The id by which a stream names a model file with these bytes: the first 8 bytes of their SHA-256."""
    return hashlib.sha256(data).digest()[:ID_BYTES]


def describe(path: Path) -> WeightFile:
    """Read the description of a weight file. Raises ModelError when it is missing, damaged or of another kind."""
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
    try:
        spec, config = json.loads(metadata["spec"]), json.loads(metadata["config"])
        parameters = sum(math.prod(shape) for shape in shapes.values())
        return WeightFile(path, _spec(spec, model_id), config, parameters, json.loads(metadata.get("training", "{}")))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: its description is incomplete ({error})") from error


def load_tables(path: Path) -> np.ndarray | None:
    """The frequency tables, integers `[K, N]`, or None when the file has none."""
    with safe_open(path, framework="numpy") as file:
        return file.get_tensor(TABLES).astype("int64") if TABLES in set(file.keys()) else None


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """As `load_state`, without torch."""
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name).astype("float32") for name in file.keys() if name != TABLES}  # noqa: SIM118


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """The network's parameters in float32."""
    with safe_open(path, framework="pt") as file:
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


def _spec(spec: dict, model_id: bytes) -> CodecSpec:
    return CodecSpec(
        name=spec["name"],
        family=spec["family"],
        model_id=model_id,
        sample_rate=int(spec["sample_rate"]),
        hop_length=int(spec["hop_length"]),
        codebook_sizes=tuple(map(int, spec["codebook_sizes"])),
        strides=tuple(map(int, spec["strides"])),
    )
