"""Training batches: excerpts drawn from a prepared corpus, balanced over its domains."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.errors import AudioError
from nac_cli.train.corpus import Item, read_manifest

MARGIN_SECONDS = 0.6
"""The level of an excerpt is taken from this much more on each side, as the codec's gain nodes do."""
FLOOR_RMS = 1e-3
JITTER_DB = 4.0


class Excerpts:
    """Draws mono excerpts `[length]` float32 at about unit RMS.

    Domains are drawn with the given weights, files by the square root of their length (a long file counts more,
    but not in proportion), `full_band_share` of the draws from full-band files only. Of a stereo file the left,
    right, mid or side signal is taken, since the codec meets all four.
    """

    def __init__(self, corpus: Path, length: int, domain_weights: dict[str, float], full_band_share: float):
        items = read_manifest(corpus)
        self.corpus, self.length = corpus, length
        self.pools = {}
        for domain in sorted({item.domain for item in items}):
            for only_full_band in (False, True):
                pool = [x for x in items if x.domain == domain and (x.full_band or not only_full_band)]
                if pool:
                    odds = np.sqrt([item.seconds for item in pool])
                    self.pools[domain, only_full_band] = (pool, odds / odds.sum())
        self.domains = sorted({domain for domain, _ in self.pools})
        weights = np.array([domain_weights.get(domain, 1.0 if not domain_weights else 0.0) for domain in self.domains])
        if weights.sum() <= 0:
            raise AudioError(f"{corpus}: none of its domains ({', '.join(self.domains)}) has a weight in the config")
        self.weights = weights / weights.sum()
        self.full_band_share = full_band_share

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One excerpt; silent places are drawn again."""
        while True:
            domain = self.domains[rng.choice(len(self.domains), p=self.weights)]
            wanted = domain, bool(rng.random() < self.full_band_share)
            pool, odds = self.pools.get(wanted) or self.pools[domain, False]
            excerpt = self._read(pool[rng.choice(len(pool), p=odds)], rng)
            if excerpt is not None:
                return excerpt

    def _read(self, item: Item, rng: np.random.Generator) -> np.ndarray | None:
        with soundfile.SoundFile(self.corpus / item.path) as sound:
            margin = round(MARGIN_SECONDS * sound.samplerate)
            start = int(rng.integers(-min(margin, self.length), max(sound.frames - self.length // 2, 1)))
            first = max(start - margin, 0)
            sound.seek(first)
            samples = sound.read(start + self.length + margin - first, dtype="float32", always_2d=True)
        mono = _one_signal(samples, rng)
        rms = float(np.sqrt(np.mean(mono**2)))
        if rms < FLOOR_RMS:
            return None
        excerpt = np.zeros(self.length, np.float32)
        part = mono[max(start - first, 0) :][: self.length - max(-start, 0)]
        excerpt[max(-start, 0) : max(-start, 0) + len(part)] = part
        gain = 10 ** (rng.uniform(-JITTER_DB, JITTER_DB) / 20) / rms
        return excerpt * np.float32(gain * rng.choice((-1, 1)))


def _one_signal(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[T, C]` -> left, right, mid or side `[T]`; a nearly silent side is left alone."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    left, right = samples.T
    choice = rng.random()
    if choice < 0.2:
        return (left - right) / 2
    return (left + right) / 2 if choice < 0.6 else left if choice < 0.8 else right


def batches(excerpts: Excerpts, batch_size: int, seed: int, start: int) -> Iterator[np.ndarray]:
    """Endless batches `[B, 1, length]`, read ahead in a thread. Batch n depends on (seed, n) alone, so that a resumed
    run sees what an uninterrupted one would have."""
    ready: queue.Queue = queue.Queue(maxsize=4)

    def fill() -> None:
        number = start
        try:
            while True:
                rng = np.random.default_rng((seed, number))
                ready.put(np.stack([excerpts.draw(rng) for _ in range(batch_size)])[:, None])
                number += 1
        except Exception as error:  # handed to the consumer, which raises it where a person sees it
            ready.put(error)

    threading.Thread(target=fill, daemon=True).start()
    while True:
        batch = ready.get()
        if isinstance(batch, Exception):
            raise batch
        yield batch
