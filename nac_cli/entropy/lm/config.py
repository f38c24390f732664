"""Shape of the language model: what its file says as JSON, and the limits within which nothing can overflow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

import numpy as np

from nac_cli.errors import ModelError

INT8 = 127
"""Largest magnitude of an activation."""
WEIGHT = 64
"""Largest magnitude of a weight: 7 bits, as int8 products saturate on x86 processors without VNNI."""
EXACT_FLOAT32 = 1 << 24
"""Sums of integers below this are exact in float32, in any order."""

MAX_JSON = 1 << 16
LIMITS = {
    "codebook_sizes": (2, 1 << 15),
    "strides": (1, 64),
    "layers": (1, 32),
    "width": (1, 2048),
    "heads": (1, 64),
    "feed_width": (1, 8192),
    "window": (1, 4096),
    "head_width": (1, 8192),
    "embedding_rank": (0, 2048),
    "attention_total": (1, (EXACT_FLOAT32 - 1) // INT8),
}
MAX_PLANES = 127


@dataclass(frozen=True)
class LmConfig:
    """Shape of an integer language model over codes `[K, F]`. Raises `ModelError` outside of `LIMITS`.

    - `codebook_sizes`: N of each plane. `strides`: a code of plane k occurs at frames divisible by `strides[k]`.
    - `layers`, `width` (D), `heads` (H), `feed_width`: the transformer over frames.
    - `window` (W): how many frames attention sees, the present one included.
    - `head_width` (M): hidden width of the depth head. `shared_hidden`: its first matrix serves all planes.
    - `embedding_rank` (E): embeddings are stored as `[N_k + 1, E]` times `[E, D]`, and multiplied out when a model is
      made ready; 0 stores them whole. With many planes they are most of a file otherwise.
    - `attention_total` (A): attention weights are floor(A e / sum e). They never sum to more than A, which keeps
      the sum over values exact in float32 up to A = 2^24 / 127; 65535 leaves even attention that is flat over
      the whole window 8 bits for each weight.
    """

    codebook_sizes: tuple[int, ...]
    strides: tuple[int, ...]
    layers: int = 4
    width: int = 256
    heads: int = 8
    feed_width: int = 1024
    window: int = 256
    head_width: int = 512
    shared_hidden: bool = False
    embedding_rank: int = 0
    attention_total: int = 65535

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            for item in value if isinstance(value, tuple) else (value,):
                if type(item) is not int or not low <= item <= high:
                    raise ModelError(f"language model: {name} must be integers in {low}..{high}")
        if type(self.shared_hidden) is not bool:
            raise ModelError("language model: shared_hidden must be true or false")
        if not 1 <= len(self.codebook_sizes) <= MAX_PLANES or len(self.strides) != len(self.codebook_sizes):
            raise ModelError(f"language model: 1..{MAX_PLANES} codebook sizes and as many strides expected")
        if self.width % self.heads:
            raise ModelError(f"language model: width {self.width} is no multiple of {self.heads} heads")
        if self.key_width * INT8 * INT8 >= EXACT_FLOAT32:
            raise ModelError(f"language model: {self.key_width} channels per attention head are not exact in float32")

    @property
    def planes(self) -> int:
        """K."""
        return len(self.codebook_sizes)

    @property
    def key_width(self) -> int:
        """Channels of one attention head, D / H."""
        return self.width // self.heads

    def embeddings(self, plane: int) -> tuple[str, ...]:
        """Names of the embeddings of a plane's codes: for the next frame and, but for the last plane, for the later
        planes of the same frame."""
        return (f"input.{plane}", f"within.{plane}")[: 2 if plane + 1 < self.planes else 1]

    @property
    def hidden_groups(self) -> dict[int, list[int]]:
        """The planes that each first matrix of the depth head serves."""
        groups: dict[int, list[int]] = {}
        for plane in range(self.planes):
            groups.setdefault(self.hidden_index(plane), []).append(plane)
        return groups

    def hidden_index(self, plane: int) -> int:
        """Which first matrix of the depth head serves `plane`."""
        return 0 if self.shared_hidden else plane

    def occurs(self, depths: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Boolean `[K, F]`: which codes are there, given the depth `[F]` of each of `frames` `[F]`."""
        planes, strides = np.arange(self.planes)[:, None], np.array(self.strides)[:, None]
        return (planes < depths) & (frames % strides == 0)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def from_json(text: str) -> LmConfig:
    """Inverse of `LmConfig.to_json`. Raises `ModelError` on anything else: every key must be there, and no other."""
    try:
        if len(text) > MAX_JSON:
            raise ValueError(f"{len(text)} characters")
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"language model: its configuration is no JSON ({error})") from error
    names = {field.name for field in fields(LmConfig)}
    if not isinstance(entries, dict) or set(entries) != names:
        raise ModelError(f"language model: its configuration must have the keys {', '.join(sorted(names))}")
    for name in ("codebook_sizes", "strides"):
        if not isinstance(entries[name], list):
            raise ModelError(f"language model: {name} must be a list")
        entries[name] = tuple(entries[name])
    return LmConfig(**entries)
