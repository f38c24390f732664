"""An integer model in the flat arrays that kernels take: see `nac_cli.kernels.parts`."""

from __future__ import annotations

import numpy as np

from nac_cli.entropy.lm.arithmetic import BACKENDS
from nac_cli.entropy.lm.layers import embedding
from nac_cli.entropy.lm.weights import IntegerModel
from nac_cli.kernels.parts import PADDED, TILE_ROWS


class Parameters:
    """Collects a model's parts, in the order of `parts`."""

    def __init__(self, model: IntegerModel) -> None:
        self._model, config = model, model.config
        self._weights, self._wide = _Flat(np.int8), _Flat(np.int32)
        self._parts: list[list[int]] = []
        self._widest_sum = 3 * config.width
        self._places: dict[str, list[int]] = {}
        for layer in range(config.layers):
            self._add_layer(f"layers.{layer}")
        planes_from = len(self._parts)
        for plane in range(config.planes):
            self._add_plane(plane)
        places = [self._wide.add(model[name]) for name in ("exponential", "input.start", "input.depth", "head.plane")]
        names_of = [f"input.{plane}" for plane in range(config.planes)]
        names_of += [f"within.{plane}" for plane in range(config.planes - 1)]
        places.append(self._wide.add(np.concatenate([self._absent(name) for name in names_of])))
        widest = max(config.width, config.feed_width, config.head_width, config.embedding_rank)
        self._shape = [
            config.planes, config.layers, config.width, config.heads, config.window, config.attention_total,
            config.embedding_rank, planes_from, *places, _up(widest, PADDED), _up(self._widest_sum, TILE_ROWS),
            max(config.codebook_sizes),
        ]  # fmt: skip

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """`weights` int8, `wide` int32, `parts` int64 `[parts, 7]`, `shape` int64."""
        return (
            self._weights.array(),
            self._wide.array(),
            np.array(self._parts, np.int64),
            np.array(self._shape, np.int64),
        )

    def _add_layer(self, name: str) -> None:
        attention, feed = f"{name}.attention", f"{name}.feed"
        self._norm(f"{attention}.norm")
        self._matrix(f"{attention}.qkv")
        self._scale(f"{attention}.score")
        self._part(bias=self._wide.add(self._model[f"{attention}.position"]))
        self._scale(f"{attention}.context")
        self._matrix(f"{attention}.out")
        self._norm(f"{feed}.norm")
        self._matrix(f"{feed}.up")
        self._table(f"{feed}.activation")
        self._matrix(f"{feed}.down")

    def _add_plane(self, plane: int) -> None:
        config = self._model.config
        self._embedding(f"input.{plane}")
        self._embedding(f"within.{plane}") if plane + 1 < config.planes else self._parts.extend([[0] * 7] * 2)
        self._norm(f"head.norm.{plane}")
        self._matrix(f"head.hidden.{config.hidden_index(plane)}")
        self._table(f"head.activation.{config.hidden_index(plane)}")
        self._matrix(f"head.logits.{plane}")

    def _absent(self, name: str) -> np.ndarray:
        """The embedding of an absent code, int32 `[D]`."""
        return embedding(self._model, name, BACKENDS[-1], slice(-1, None))[0]

    def _embedding(self, name: str) -> None:
        entries = self._model[name]
        self._part(*self._rows(entries), outputs=len(entries))
        self._matrix(f"{name}.projection") if self._model.config.embedding_rank else self._scale(name)

    def _matrix(self, name: str) -> None:
        if name not in self._places:
            weight = self._model[f"{name}.weight"]
            self._widest_sum = max(self._widest_sum, len(weight))
            scale = self._wide.add(self._model[f"{name}.bias"]), self._wide.add(self._model[f"{name}.multiplier"])
            shift = int(self._model[f"{name}.shift"][0])
            self._places[name] = [*self._rows(weight), *scale, shift, len(weight)]
        self._parts.append(self._places[name])

    def _norm(self, name: str) -> None:
        self._part(multiplier=self._wide.add(self._model[f"{name}.gain"]), shift=int(self._model[f"{name}.shift"][0]))

    def _scale(self, name: str) -> None:
        multiplier = self._wide.add(self._model[f"{name}.multiplier"])
        self._part(multiplier=multiplier, shift=int(self._model[f"{name}.shift"][0]))

    def _table(self, name: str) -> None:
        self._part(self._weights.add(self._model[name]))

    def _part(
        self,
        weight: int = 0,
        rows: int = 0,
        columns: int = 0,
        bias: int = 0,
        multiplier: int = 0,
        shift: int = 1,
        outputs: int = 0,
    ) -> None:
        self._parts.append([weight, rows, columns, bias, multiplier, shift, outputs])

    def _rows(self, matrix: np.ndarray) -> tuple[int, int, int]:
        """Where a matrix is, and its padded form."""
        rows, columns = _up(matrix.shape[0], TILE_ROWS), _up(matrix.shape[1], PADDED)
        if (rows, columns) != matrix.shape:
            matrix = np.pad(matrix, ((0, rows - matrix.shape[0]), (0, columns - matrix.shape[1])))
        return self._weights.add(matrix), rows, columns


class _Flat:
    """Arrays one after the other."""

    def __init__(self, dtype: type) -> None:
        self._dtype, self._size = dtype, 0
        self._arrays: list[np.ndarray] = []

    def add(self, array: np.ndarray) -> int:
        """Where `array` begins."""
        self._arrays.append(array.ravel())
        self._size += array.size
        return self._size - array.size

    def array(self) -> np.ndarray:
        return np.concatenate(self._arrays, dtype=self._dtype)


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
