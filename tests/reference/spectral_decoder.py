"""The `spectral` family's decoder in numpy, written from format_spec.md Appendix A alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

SEED, STEP = 0x6E616331, 0x9E3779B1
MULTIPLIERS = 0x21F0AAAD, 0x735A2D97

erf = np.vectorize(math.erf)


class SpectralDecoder:
    """Codes of one coded channel to mono sound."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        self.config = json.loads(header.pop("__metadata__")["config"])
        types = {"F16": np.float16, "I32": np.int32}
        self.tensors = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            raw = np.frombuffer(data[8 + size + begin : 8 + size + end], types[entry["dtype"]])
            self.tensors[name] = raw.reshape(entry["shape"]).astype(np.float64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes `[K, F]`, negative where absent -> samples `[F * hop]`."""
        config, tensors = self.config, self.tensors
        z = np.zeros((codes.shape[1], config["coarse_width"]))
        for plane, row in enumerate(codes):
            name = f"quantizer.planes.{plane}"
            there = row >= 0
            z[there] += self.linear(f"{name}.project_out", tensors[f"{name}.codebook"][row[there]])
        x = self.linear("decoder.from_latent", z)
        for i in range(config["decoder_coarse_blocks"]):
            x = self.block(f"decoder.coarse.{i}", x)
        x = self.linear("decoder.stride", x).reshape(-1, config["fine_width"])
        noise = self.noise(codes) if config.get("noise", False) else None
        for i in range(config["decoder_fine_blocks"]):
            if noise is not None:
                x = x + noise[:, i] * self.linear(f"decoder.noise.{i}.gate", x)
            x = self.block(f"decoder.fine.{i}", x)
        head = self.linear("decoder.head", self.norm("decoder.norm", x))
        bins = config["n_fft"] // 2 + 1
        return self.sound(np.exp(np.minimum(head[:, :bins], 6) + 1j * head[:, bins:]))

    def noise(self, codes: np.ndarray) -> np.ndarray:
        """Noise `[fine frames, blocks, entries]`."""
        config = self.config
        blocks, width = config["decoder_fine_blocks"], config["fine_width"]
        count = config["hop_length"] // config["stft_hop"] * blocks * width
        numbers = [frame_noise(frame, count // 4) for frame in codes.T.tolist()]
        return np.reshape(numbers, (-1, blocks, width))

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
        return x * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def block(self, name: str, x: np.ndarray) -> np.ndarray:
        weight = self.tensors[f"{name}.depthwise.weight"][:, 0]
        half = weight.shape[1] // 2
        padded = np.pad(x, ((half, half), (0, 0)))
        y = sum(weight[:, j] * padded[j : j + len(x)] for j in range(weight.shape[1]))
        y = self.linear(f"{name}.up", self.norm(f"{name}.norm", y + self.tensors[f"{name}.depthwise.bias"]))
        return x + self.linear(f"{name}.down", y * (1 + erf(y / math.sqrt(2))) / 2)

    def sound(self, spectrum: np.ndarray) -> np.ndarray:
        n_fft, hop = self.config["n_fft"], self.config["stft_hop"]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        window /= math.sqrt((window**2).sum())
        total = np.zeros((2, len(spectrum) * hop + n_fft))
        for frame, bins in enumerate(spectrum):
            span = slice(frame * hop, frame * hop + n_fft)
            total[0, span] += window * np.fft.irfft(bins, n_fft)
            total[1, span] += window**2
        first = (n_fft - hop) // 2
        return (total[0] / np.maximum(total[1], 1e-8))[first : first + len(spectrum) * hop]


def mix(x: int) -> int:
    x = (x ^ (x >> 16)) * MULTIPLIERS[0] % 2**32
    x = (x ^ (x >> 15)) * MULTIPLIERS[1] % 2**32
    return x ^ (x >> 15)


def frame_states(codes: list[int]) -> list[int]:
    """The state at the start and after each plane; absent codes are -1."""
    states = [SEED]
    for code in codes:
        states.append(mix(states[-1] ^ (code + 2)))
    return states


def frame_words(codes: list[int], count: int) -> list[int]:
    state = frame_states(codes)[-1]
    return [mix((state + j * STEP) % 2**32) for j in range(count)]


def frame_noise(codes: list[int], words: int) -> list[float]:
    """The numbers of a frame's first words."""
    return [(byte - 127.5) / 73.9 for word in frame_words(codes, words) for byte in word.to_bytes(4, "little")]
