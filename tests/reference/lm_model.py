"""A language model file, as format_spec.md B.1 to B.3 say: its config and its tensors, checked, in int64."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np

TYPES = {"I8": "<i1", "U8": "<u1", "I32": "<i4"}
LIMITS = {
    "codebook_sizes": (2, 32768), "strides": (1, 64), "layers": (1, 32), "width": (1, 2048), "heads": (1, 64),
    "feed_width": (1, 8192), "window": (1, 4096), "head_width": (1, 8192), "embedding_rank": (0, 2048),
    "attention_total": (1, 132104),
}  # fmt: skip
Form = tuple[str, str, list[int], int, int]
"""Name, type, shape, least and most of a tensor."""


class Model:
    """`config` and `tensors` by name. Raises ValueError for a file that breaks a rule."""

    def __init__(self, data: bytes) -> None:
        self.id = hashlib.sha256(data).digest()[:8].hex()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        self.config = config = json.loads(header.pop("__metadata__")["nac-lm-1"])
        check_config(config)
        self.tensors = {}
        for name, dtype, shape, least, most in forms(config):
            entry = header.pop(name, None)
            if entry is None or (entry["dtype"], entry["shape"]) != (dtype, shape):
                raise ValueError(f"damaged: {name} is not {dtype} {shape}")
            begin, end = entry["data_offsets"]
            raw = np.frombuffer(data[8 + size + begin : 8 + size + end], TYPES[dtype])
            tensor = raw.astype(np.int64).reshape(shape)
            if tensor.size and not least <= tensor.min() <= tensor.max() <= most:
                raise ValueError(f"damaged: {name} is not within {least}..{most}")
            if name.endswith(".weight") and 127 * int(abs(tensor).sum(axis=1).max()) >= 2**24:
                raise ValueError(f"damaged: a row of {name} is too heavy")
            self.tensors[name] = tensor
        if header:
            raise ValueError(f"damaged: unknown tensors {sorted(header)}")
        if self.tensors["exponential"][0] < 1 or self.tensors["exponential"][-1]:
            raise ValueError("damaged: the table of exponentials")


def check_config(config: dict) -> None:
    if set(config) != {*LIMITS, "shared_hidden"} or type(config["shared_hidden"]) is not bool:
        raise ValueError("damaged: the config's keys")
    for key, (least, most) in LIMITS.items():
        listed = key in ("codebook_sizes", "strides")
        for value in config[key] if listed else [config[key]]:
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"damaged: {key}")
    planes, width, heads = len(config["codebook_sizes"]), config["width"], config["heads"]
    if not 1 <= planes <= 127 or len(config["strides"]) != planes:
        raise ValueError("damaged: planes")
    if width % heads or width // heads * 127**2 >= 2**24:
        raise ValueError("damaged: heads")


def forms(config: dict) -> Iterator[Form]:
    """The tensors of B.3."""
    sizes, width, rank = config["codebook_sizes"], config["width"], config["embedding_rank"]
    planes, feed, hidden = len(sizes), config["feed_width"], config["head_width"]

    def scale(name: str, n: int) -> Iterator[Form]:
        yield f"{name}.multiplier", "I32", [n], 0, 2**31 - 1
        yield f"{name}.shift", "I32", [1], 1, 62

    def matrix(name: str, out: int, columns: int) -> Iterator[Form]:
        yield f"{name}.weight", "I8", [out, columns], -64, 64
        yield f"{name}.bias", "I32", [out], -(2**30), 2**30
        yield from scale(name, out)

    def norm(name: str) -> Iterator[Form]:
        yield f"{name}.gain", "I32", [width], 1 - 2**31, 2**31 - 1
        yield f"{name}.shift", "I32", [1], 1, 62

    def embedding(name: str, size: int) -> Iterator[Form]:
        yield name, "I8", [size + 1, rank or width], -127, 127
        yield from matrix(f"{name}.projection", width, rank) if rank else scale(name, 1)

    for k, size in enumerate(sizes):
        yield from embedding(f"input.{k}", size)
        if k < planes - 1:
            yield from embedding(f"within.{k}", size)
    yield "input.start", "I32", [width], -(2**24), 2**24
    yield "input.depth", "I32", [planes + 1, width], -(2**24), 2**24
    for i in range(config["layers"]):
        yield from norm(f"layers.{i}.attention.norm")
        yield from matrix(f"layers.{i}.attention.qkv", 3 * width, width)
        yield from scale(f"layers.{i}.attention.score", config["heads"])
        yield f"layers.{i}.attention.position", "I32", [config["heads"], config["window"]], -(2**20), 2**20
        yield from scale(f"layers.{i}.attention.context", width)
        yield from matrix(f"layers.{i}.attention.out", width, width)
        yield from norm(f"layers.{i}.feed.norm")
        yield from matrix(f"layers.{i}.feed.up", feed, width)
        yield f"layers.{i}.feed.activation", "I8", [1024], -127, 127
        yield from matrix(f"layers.{i}.feed.down", width, feed)
    yield "head.plane", "I32", [planes, width], -(2**24), 2**24
    for k, size in enumerate(sizes):
        yield from norm(f"head.norm.{k}")
        yield from matrix(f"head.logits.{k}", size, hidden)
    for j in range(1 if config["shared_hidden"] else planes):
        yield from matrix(f"head.hidden.{j}", hidden, width)
        yield f"head.activation.{j}", "I8", [1024], -127, 127
    yield "exponential", "I32", [1024], 0, 2**20
    yield "test.codes", "I32", [planes, 8], -1, max(sizes) - 1
    yield "test.depths", "I32", [8], 0, planes
    yield "test.sha256", "U8", [32], 0, 255
