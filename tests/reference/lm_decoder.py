"""Mode `lm`, as format_spec.md section 8.5 and Appendix B say: numpy's int64, no float, frame by frame."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np

from tests.reference.lm_model import Model
from tests.reference.range_decoder import RangeDecoder
from tests.reference.range_encoder import RangeEncoder

Choose = Callable[[int, int, list[int]], int]
"""The code at (frame, plane), given its table."""


def sat(x: np.ndarray, bound: int) -> np.ndarray:
    return np.minimum(np.maximum(x, -bound), bound)


def cap(x: np.ndarray) -> np.ndarray:
    return sat(x, 2**24 - 1)


def scale(x: np.ndarray, m: np.ndarray | int, s: int) -> np.ndarray:
    return (x * m + (1 << (s - 1))) >> s


def norm(x: np.ndarray, gain: np.ndarray, shift: int) -> np.ndarray:
    r = max(math.isqrt(int((x * x).sum())), 1)
    n = scale(x, 2**46 // r, 16)
    return sat(scale(n, gain, shift), 127)


def share(z: np.ndarray, total: int, exponential: np.ndarray) -> np.ndarray:
    e = exponential[np.minimum(z.max() - z, 1023)]
    return total * e // e.sum()


def frequencies(z: np.ndarray, exponential: np.ndarray) -> np.ndarray:
    freq = 1 + share(z, 65536 - z.size, exponential)
    freq[z.argmax()] += 65536 - freq.sum()  # argmax is the lowest of equals
    return freq


class LanguageModel:
    """Made of a file's bytes; passes its known-answer test or raises ValueError."""

    def __init__(self, data: bytes) -> None:
        model = Model(data)
        self.id, self.config, self.tensors = model.id, model.config, model.tensors
        self.sizes, self.strides = self.config["codebook_sizes"], self.config["strides"]
        self.planes = len(self.sizes)
        self.inputs = [self.embedding(f"input.{k}") for k in range(self.planes)]
        self.within = [self.embedding(f"within.{k}") for k in range(self.planes - 1)]
        self.known_answer_test()

    # the operations of B.4 that have parameters

    def scale(self, p: str, x: np.ndarray) -> np.ndarray:
        return scale(x, self.tensors[f"{p}.multiplier"], int(self.tensors[f"{p}.shift"][0]))

    def matrix(self, p: str, x: np.ndarray) -> np.ndarray:
        return self.scale(p, self.tensors[f"{p}.weight"] @ x + self.tensors[f"{p}.bias"])

    def norm(self, p: str, x: np.ndarray) -> np.ndarray:
        return norm(x, self.tensors[f"{p}.gain"], int(self.tensors[f"{p}.shift"][0]))

    def activate(self, p: str, x: np.ndarray) -> np.ndarray:
        return self.tensors[p][np.minimum(np.maximum(x + 512, 0), 1023)]

    def embedding(self, p: str) -> np.ndarray:
        rows = self.tensors[p]
        if self.config["embedding_rank"]:
            return cap(np.array([self.matrix(f"{p}.projection", row) for row in rows]))
        return cap(self.scale(p, rows))

    # B.5 and B.6

    def attention(self, p: str, x: np.ndarray, past: list[np.ndarray]) -> np.ndarray:
        """x after attention; `past` holds query, key and value of earlier frames, as far as the window reaches."""
        config = self.config
        projected = sat(self.matrix(f"{p}.qkv", self.norm(f"{p}.norm", x)), 127)
        past.append(projected.reshape(3, config["heads"], -1))
        del past[: -config["window"]]
        contexts = []
        for h in range(config["heads"]):
            keys, values = (np.array([frame[part, h] for frame in past]) for part in (1, 2))
            m, s = int(self.tensors[f"{p}.score.multiplier"][h]), int(self.tensors[f"{p}.score.shift"][0])
            z = scale(keys @ past[-1][0, h], m, s)
            z += self.tensors[f"{p}.position"][h, : len(past)][::-1]
            contexts.append(share(z, config["attention_total"], self.tensors["exponential"]) @ values)
        g = sat(self.scale(f"{p}.context", np.concatenate(contexts)), 127)
        return cap(x + cap(self.matrix(f"{p}.out", g)))

    def feed(self, p: str, x: np.ndarray) -> np.ndarray:
        hidden = self.activate(f"{p}.activation", self.matrix(f"{p}.up", self.norm(f"{p}.norm", x)))
        return cap(x + cap(self.matrix(f"{p}.down", hidden)))

    def table(self, k: int, b: np.ndarray) -> np.ndarray:
        j = 0 if self.config["shared_hidden"] else k
        b = cap(b + self.tensors["head.plane"][k])
        hidden = self.matrix(f"head.hidden.{j}", self.norm(f"head.norm.{k}", b))
        z = self.matrix(f"head.logits.{k}", self.activate(f"head.activation.{j}", hidden))
        return frequencies(z, self.tensors["exponential"])

    def walk(self, depths: list[int], choose: Choose) -> list[list[int]]:
        """Codes of each plane, those present, of a chunk whose frames have `depths`; `choose` picks each."""
        past: list[list[np.ndarray]] = [[] for _ in range(self.config["layers"])]
        codes: list[list[int]] = [[] for _ in self.sizes]
        before = None
        for t, depth in enumerate(depths):
            x = self.tensors["input.depth"][depth].copy()
            if before is None:
                x += self.tensors["input.start"]
            else:
                for k in range(self.planes):
                    x += self.inputs[k][before[k]]
            x = cap(x)
            for i in range(self.config["layers"]):
                x = self.attention(f"layers.{i}.attention", x, past[i])
                x = self.feed(f"layers.{i}.feed", x)
            before = list(self.sizes)  # the row of an absent code
            for k in range(self.planes):
                if depth > k and t % self.strides[k] == 0:
                    before[k] = choose(t, k, self.table(k, x).tolist())
                    codes[k].append(before[k])
                if k < self.planes - 1:
                    x = x + self.within[k][before[k]]
        return codes

    # B.7 and 8.5

    def known_answer_test(self) -> None:
        answer, codes = hashlib.sha256(), self.tensors["test.codes"]

        def choose(t: int, k: int, table: list[int]) -> int:
            answer.update(b"".join(entry.to_bytes(4, "little") for entry in table))
            if not 0 <= codes[k, t] < self.sizes[k]:
                raise ValueError("damaged: the codes of the known-answer test")
            return int(codes[k, t])

        found = self.walk(self.tensors["test.depths"].tolist(), choose)
        if sum(map(len, found)) != (codes >= 0).sum():
            raise ValueError("damaged: the codes of the known-answer test")
        if answer.digest() != bytes(self.tensors["test.sha256"].tolist()):
            raise ValueError("the known-answer test fails")

    def decode(self, stream: bytes, depths: list[int]) -> list[list[int]]:
        """Codes of each plane, those present in time order. Raises ValueError."""
        decoder, encoder = RangeDecoder(stream), RangeEncoder()

        def choose(t: int, k: int, table: list[int]) -> int:
            code = decoder.decode(table)
            encoder.encode(sum(table[:code]), table[code])
            return code

        codes = self.walk(depths, choose)
        if encoder.words() != stream:
            raise ValueError("corrupt: the words are not the ones that encode these codes")
        return codes
