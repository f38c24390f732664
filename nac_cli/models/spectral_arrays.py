"""The default family in numpy, for inference on a CPU: no torch, whose import takes longer than a short sound.

The same steps as `models.spectral`, in its order and under its names, on one signal at a time. Sound and codes are
those of torch but for rounding: sound within 1e-4 of full scale, codes but for those where two are equally good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from nac_cli.errors import ModelError
from nac_cli.kernels.blas import one_thread
from nac_cli.models.layers.array_spectrum import ArraySpectrum, code_noise, compress
from nac_cli.models.layers.arrays import LayerNorm, Linear, State, blocks
from nac_cli.models.spectral_config import SpectralConfig
from nac_cli.models.weights import WeightFile, load_arrays
from nac_cli.parallel import each
from nac_cli.values import ABSENT, CodecSpec

Item = TypeVar("Item")
Result = TypeVar("Result")


class Encoder:
    """`[F * hop_length]` -> z `[F, D]` with D = coarse_width."""

    def __init__(self, state: State, config: SpectralConfig) -> None:
        self.spectrum = ArraySpectrum(config.n_fft, config.stft_hop)
        self.project = Linear(state, "encoder.project")
        self.fine = blocks(state, "encoder.fine", config.encoder_fine_blocks)
        self.stride = Linear(state, "encoder.stride")
        self.coarse = blocks(state, "encoder.coarse", config.encoder_coarse_blocks)
        self.norm = LayerNorm(state, "encoder.norm")
        self.to_latent = Linear(state, "encoder.to_latent")

    def __call__(self, wav: np.ndarray) -> np.ndarray:
        x = self.project(compress(self.spectrum.forward(wav)))
        for block in self.fine:
            x = block(x)
        x = self.stride(x.reshape(-1, len(self.stride.weight)))
        for block in self.coarse:
            x = block(x)
        return self.to_latent(self.norm(x))


class Decoder:
    """z_q `[F, D]` and noise `[F, noise_per_frame]` -> wav_hat `[F * hop_length]`."""

    def __init__(self, state: State, config: SpectralConfig) -> None:
        self.width = config.fine_width
        self.from_latent = Linear(state, "decoder.from_latent")
        self.coarse = blocks(state, "decoder.coarse", config.decoder_coarse_blocks)
        self.stride = Linear(state, "decoder.stride")
        self.fine = blocks(state, "decoder.fine", config.decoder_fine_blocks)
        gates = range(config.decoder_fine_blocks if config.noise else 0)
        self.gates = [Linear(state, f"decoder.noise.{number}.gate") for number in gates]
        self.norm = LayerNorm(state, "decoder.norm")
        self.head = Linear(state, "decoder.head")
        self.spectrum = ArraySpectrum(config.n_fft, config.stft_hop)

    def __call__(self, z_q: np.ndarray, noise: np.ndarray) -> np.ndarray:
        x = self.from_latent(z_q)
        for block in self.coarse:
            x = block(x)
        x = self.stride(x).reshape(-1, self.width)
        noise = noise.reshape(len(x), len(self.gates), self.width)
        for number, block in enumerate(self.fine):
            if self.gates:
                gate = self.gates[number](x)
                gate *= noise[:, number]
                x += gate
            x = block(x)
        log_magnitude, phase = np.split(self.head(self.norm(x)), 2, axis=1)
        magnitude = np.exp(np.minimum(log_magnitude, np.float32(6.0)))
        spectrum = np.empty(phase.shape, np.complex64)
        np.multiply(magnitude, np.cos(phase), out=spectrum.real)
        np.multiply(magnitude, np.sin(phase), out=spectrum.imag)
        return self.spectrum.inverse(spectrum)


class Plane:
    """As `quantizers.vq.VectorQuantizer`. `vectors` `[N, D]`: what each code adds to z_q."""

    def __init__(self, state: State, name: str) -> None:
        self.project_in = Linear(state, f"{name}.project_in")
        self._project_out, self._codebook = Linear(state, f"{name}.project_out"), state[f"{name}.codebook"]

    @cached_property
    def vectors(self) -> np.ndarray:
        return self._project_out(self._codebook)

    @cached_property
    def directions(self) -> np.ndarray:
        """The codebook's, `[dim, N]`."""
        lengths = np.linalg.norm(self._codebook, axis=1, keepdims=True)
        return np.ascontiguousarray((self._codebook / np.maximum(lengths, np.float32(1e-12))).T)

    def encode(self, z: np.ndarray) -> np.ndarray:
        """`[F, D]` -> codes `[F]`."""
        return (self.project_in(z) @ self.directions).argmax(axis=1)


class SpectralArrays:
    """The codec of a weight file, in numpy; attributes are those of `models.codec.Codec`. For any number of threads.

    `workers`: signals of a batch that are coded at the same time.
    """

    channels, unit_level, all_planes, heavy, frame_multiple = 1, True, False, False, 1

    def __init__(self, file: WeightFile, workers: int = 1) -> None:
        config, state = _config(file), load_arrays(file.path)
        require_form(file.path, state, config)
        self.config, self.spec, self.workers = config, file.spec, workers
        self._encoder, self._decoder = Encoder(state, config), Decoder(state, config)
        self._planes = [Plane(state, f"quantizer.planes.{plane}") for plane in range(config.num_codebooks)]

    def chunked(self) -> SpectralArrays:
        """As `Codec.chunked`."""
        return self

    def context(self, half: str) -> tuple[int, int]:
        """As `Codec.context`."""
        coarse, fine = (getattr(self.config, f"{half}_{part}_blocks") for part in ("coarse", "fine"))
        reach = self.config.kernel_size // 2
        fine_frames = fine * reach - (-self.config.n_fft // (2 * self.config.stft_hop))
        frames = coarse * reach - (-fine_frames // self.config.frames_per_latent)
        return frames, frames

    def encode_arrays(self, wav: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """`wav` float32 `[B, 1, F * hop_length]` -> codes, int64 `[B, F]` of each plane, and distortion
        `[B, K + 1, F]`, as `Encoded` has them."""
        codes, distortion = zip(*self._each(self._encode, [item[0] for item in wav]))
        return tuple(np.stack(planes) for planes in zip(*codes)), np.stack(distortion)

    def decode_arrays(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        """Codes int64 `[B, F]` of each plane, ABSENT where one was not sent -> wav_hat `[B, 1, F * hop_length]`."""
        return np.stack(self._each(self._decode, list(np.stack(codes, axis=1))))[:, None]

    def vector_arrays(self) -> list[np.ndarray]:
        """The vectors that codes of each plane add to the latent: float32 `[N, D]`."""
        return [plane.vectors for plane in self._planes]

    def _encode(self, wav: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        residual = self._encoder(wav)
        codes, shares = [], []
        for plane in self._planes:
            codes.append(plane.encode(residual))
            shares.append(plane.vectors[codes[-1]])
            residual = residual - shares[-1]
        distortion, missing = [np.zeros(len(residual), np.float32)], np.zeros_like(residual)
        for share in reversed(shares):
            missing += share
            distortion.insert(0, np.einsum("fd,fd->f", missing, missing))
        return codes, np.stack(distortion)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes `[K, F]` -> `[F * hop_length]`."""
        z_q = np.zeros((codes.shape[1], self.config.coarse_width), np.float32)
        for plane, row in zip(self._planes, codes):
            present = row != ABSENT
            if present.any():
                z_q[present] += plane.vectors[row[present]]
        return self._decoder(z_q, code_noise(codes, self.config.noise_per_frame))

    def _each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        with one_thread():
            return each(lambda item, _: work(item), items, self.workers, "network")


def _config(file: WeightFile) -> SpectralConfig:
    """Raises ModelError."""
    try:
        config = SpectralConfig(**file.config)
    except TypeError as error:
        raise ModelError(f"{file.path}: weights and config do not fit together ({error})") from error
    sizes = (config.codebook_size,) * config.num_codebooks
    said = CodecSpec(
        file.spec.name, "spectral", file.spec.model_id, config.sample_rate, config.hop_length, sizes, (1,) * len(sizes)
    )
    if said != file.spec:
        raise ModelError(f"{file.path}: its description does not fit its config")
    return config


def require_form(path: Path, state: State, config: SpectralConfig) -> None:
    """Raise ModelError unless every parameter is there, of the form that `config` gives it, and no other."""
    expected = dict(_forms(config))
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise ModelError(f"{path}: {name} is missing")
        if name not in expected:
            raise ModelError(f"{path}: {name} is unknown")
        if state[name].shape != expected[name]:
            raise ModelError(f"{path}: {name} has the shape {list(state[name].shape)}, not {list(expected[name])}")


Forms = Iterator[tuple[str, tuple[int, ...]]]


def _forms(config: SpectralConfig) -> Forms:
    """Name and shape of every parameter."""
    fine, coarse, bins = config.fine_width, config.coarse_width, 2 * config.num_bins
    strided = config.frames_per_latent * fine

    def linear(name: str, outputs: int, inputs: int) -> Forms:
        yield f"{name}.weight", (outputs, inputs)
        yield f"{name}.bias", (outputs,)

    def norm(name: str, width: int) -> Forms:
        yield f"{name}.weight", (width,)
        yield f"{name}.bias", (width,)

    def stack(name: str, count: int, width: int) -> Forms:
        for block in (f"{name}.{number}" for number in range(count)):
            yield f"{block}.depthwise.weight", (width, 1, config.kernel_size)
            yield f"{block}.depthwise.bias", (width,)
            yield from norm(f"{block}.norm", width)
            yield from linear(f"{block}.up", config.expansion * width, width)
            yield from linear(f"{block}.down", width, config.expansion * width)

    yield from linear("encoder.project", fine, bins)
    yield from stack("encoder.fine", config.encoder_fine_blocks, fine)
    yield from linear("encoder.stride", coarse, strided)
    yield from stack("encoder.coarse", config.encoder_coarse_blocks, coarse)
    yield from norm("encoder.norm", coarse)
    yield from linear("encoder.to_latent", coarse, coarse)
    for plane in (f"quantizer.planes.{number}" for number in range(config.num_codebooks)):
        yield from linear(f"{plane}.project_in", config.codebook_dim, coarse)
        yield from linear(f"{plane}.project_out", coarse, config.codebook_dim)
        yield f"{plane}.codebook", (config.codebook_size, config.codebook_dim)
    yield from linear("decoder.from_latent", coarse, coarse)
    yield from stack("decoder.coarse", config.decoder_coarse_blocks, coarse)
    yield from linear("decoder.stride", strided, coarse)
    yield from stack("decoder.fine", config.decoder_fine_blocks, fine)
    for number in range(config.decoder_fine_blocks if config.noise else 0):
        yield from linear(f"decoder.noise.{number}.gate", fine, fine)
    yield from norm("decoder.norm", fine)
    yield from linear("decoder.head", bins, fine)
