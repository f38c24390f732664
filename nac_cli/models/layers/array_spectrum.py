"""Waveform to spectrum and back in numpy: as `layers.spectrum`, and the noise of `layers.noise`."""

from __future__ import annotations

import numpy as np

SEED, STEP = 0x6E616331, 0x9E3779B1
CENTRE, DEVIATION = np.float32(127.5), np.float32(73.9)


class ArraySpectrum:
    """As `layers.spectrum.Spectrum`, for one signal."""

    def __init__(self, n_fft: int, hop_length: int) -> None:
        self.n_fft, self.hop_length = n_fft, hop_length
        self.padding = (n_fft - hop_length) // 2
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)  # Hann, periodic
        self.window = (window / np.sqrt(np.square(window).sum())).astype(np.float32)

    def forward(self, wav: np.ndarray) -> np.ndarray:
        """`[F * hop_length]` -> complex64 `[F, n_fft // 2 + 1]`."""
        padded = np.pad(wav, self.padding)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        return np.fft.rfft(frames * self.window).astype(np.complex64, copy=False)

    def inverse(self, spectrum: np.ndarray) -> np.ndarray:
        """Complex64 `[F, n_fft // 2 + 1]` -> `[F * hop_length]`."""
        frames = np.fft.irfft(spectrum, self.n_fft).astype(np.float32, copy=False)
        frames *= self.window
        power = np.broadcast_to(np.square(self.window), frames.shape)
        wav = self._overlap_add(frames)
        wav /= np.maximum(self._overlap_add(power), np.float32(1e-8))
        return wav[self.padding : len(wav) - self.padding]

    def _overlap_add(self, frames: np.ndarray) -> np.ndarray:
        """Each hop of a frame in turn: hop number i of all frames lies in a row."""
        count, hop = len(frames), self.hop_length
        parts = -(-self.n_fft // hop)
        wav = np.zeros(((count + parts - 1), hop), np.float32)
        for part in range(parts):
            piece = frames[:, part * hop : (part + 1) * hop]
            wav[part : part + count, : piece.shape[1]] += piece
        return wav.reshape(-1)[: (count - 1) * hop + self.n_fft]


def compress(spectrum: np.ndarray, power: float = 0.3) -> np.ndarray:
    """As `layers.spectrum.compress`, real and imaginary parts in turn: complex64 `[F, N]` -> float32 `[F, 2 N]`."""
    factor = np.square(spectrum.real) + np.square(spectrum.imag)
    factor += np.float32(1e-7)
    np.power(factor, np.float32((power - 1) / 2), out=factor)
    return (spectrum * factor).view(np.float32)


def code_noise(codes: np.ndarray, count: int) -> np.ndarray:
    """As `layers.noise.code_noise`, for one signal: codes `[K, F]` -> float32 `[F, count]`, `count` a multiple of 4."""
    state = np.full(codes.shape[1], SEED, np.uint32)
    for plane in codes:
        state = _mix(state ^ (plane + 2).astype(np.uint32))
    words = np.arange(count // 4, dtype=np.uint32) * np.uint32(STEP)
    words = _mix(state[:, None] + words)
    octets = words.astype("<u4", copy=False).view(np.uint8)
    return (octets.astype(np.float32) - CENTRE) / DEVIATION


def _mix(x: np.ndarray) -> np.ndarray:
    """Modulo 2^32, as uint32 is."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97)
    return x ^ (x >> np.uint32(15))
