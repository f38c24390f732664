"""Training batches: excerpts drawn from a prepared corpus, balanced over its domains and augmented."""

from __future__ import annotations

import itertools
import math
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import soundfile
import soxr

from nac_cli.errors import AudioError
from nac_cli.train.codec.augmentation import NARROW_RATES, Augmentation, narrowed, turned
from nac_cli.train.codec.level import Level
from nac_cli.train.corpus.prepare import Item, read_manifest

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from nac_cli.train.codec.config import TrainConfig

MARGIN_SECONDS = 0.6
"""The level of an excerpt is taken from this much more on each side, as the codec's gain nodes do."""
FLOOR_RMS = 1e-3
AHEAD = 4
"""Batches that are read before they are wanted."""


class Excerpts:
    """Draws excerpts float32 at `sample_rate` (by default the corpus') and `level`: `[length]` of one channel, or
    `[2, length]` of two.

    Domains are drawn with the given weights (all alike when there are none), files by the square root of their length
    (a long file counts more, but not in proportion), `full_band_share` of the draws from full-band files only. Of a
    stereo file the left, right, mid or side signal is taken, since the codec meets all four, or both channels if two
    are wanted; those of a mono file are alike.
    """

    def __init__(
        self,
        corpus: Path,
        length: int,
        domain_weights: dict[str, float],
        full_band_share: float,
        augmentation: Augmentation = Augmentation(0.0, 0.0, 0.0),
        level: Level = Level(),
        channels: int = 1,
        sample_rate: int = 0,
    ):
        items = read_manifest(corpus)
        self.corpus, self.length, self.channels = corpus, length, channels
        self.augmentation, self.level = augmentation, level
        with soundfile.SoundFile(corpus / items[0].path) as sound:
            self.sample_rate = sample_rate or sound.samplerate
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

    @classmethod
    def of(cls, corpus: Path, config: TrainConfig) -> Excerpts:
        """Excerpts as `config` wants them."""
        return cls(
            corpus,
            config.excerpt_frames * config.model.hop_length,
            config.domain_weights,
            config.full_band_share,
            config.augmentation,
            config.level,
            config.channels,
            config.model.sample_rate,
        )

    def draw(self, rng: np.random.Generator, full_band: bool = False) -> np.ndarray:
        """One excerpt, augmented; with `full_band` from a full-band file, if one has a weight."""
        augmentation = self.augmentation
        excerpt, rms = self._plain(rng, full_band)
        if rng.random() < augmentation.mix:
            excerpt = excerpt + self._plain(rng)[0] * np.float32(10 ** (rng.uniform(-15, 0) / 20))
        if not full_band and rng.random() < augmentation.narrow:
            excerpt = narrowed(excerpt, self.sample_rate, int(rng.choice(NARROW_RATES)))
        if rng.random() < augmentation.phase:
            excerpt = turned(excerpt, rng.uniform(-np.pi, np.pi))
        return self.level.apply(excerpt, rms, self.sample_rate, rng)

    def _plain(self, rng: np.random.Generator, full_band: bool = False) -> tuple[np.ndarray, float]:
        """One excerpt at about unit RMS, and what its RMS was; silent places are drawn again."""
        while True:
            domain = self.domains[rng.choice(len(self.domains), p=self.weights)]
            wanted = domain, bool(full_band or rng.random() < self.full_band_share)
            if full_band and wanted not in self.pools and self._any_full_band():
                continue
            pool, odds = self.pools.get(wanted) or self.pools[domain, False]
            sound, start = self._read(pool[rng.choice(len(pool), p=odds)], rng)
            rms = float(np.sqrt(np.mean(sound**2)))
            if rms >= FLOOR_RMS:
                return self._cut(sound, start) / np.float32(rms), rms

    def _any_full_band(self) -> bool:
        return any(w > 0 and (domain, True) in self.pools for domain, w in zip(self.domains, self.weights, strict=True))

    def _read(self, item: Item, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """A stretch `[..., n]` of a recording, and where in it an excerpt begins: before it, if negative."""
        with soundfile.SoundFile(self.corpus / item.path) as sound:
            rate = sound.samplerate
            length = math.ceil(self.length * rate / self.sample_rate)
            margin = round(MARGIN_SECONDS * rate)
            start = int(rng.integers(-min(margin, length), max(sound.frames - length // 2, 1)))
            first = max(start - margin, 0)
            sound.seek(first)
            samples = sound.read(start + length + margin - first, dtype="float32", always_2d=True)
        stretch = _one_signal(samples, rng) if self.channels == 1 else _two_signals(samples, rng)
        if rate == self.sample_rate:
            return stretch, start - first
        stretch = soxr.resample(stretch.T, rate, self.sample_rate).T
        return stretch, round((start - first) * self.sample_rate / rate)

    def _cut(self, stretch: np.ndarray, start: int) -> np.ndarray:
        """`length` samples of `stretch` `[..., n]` from `start` on; silence beyond either end."""
        excerpt = np.zeros((*stretch.shape[:-1], self.length), np.float32)
        part = stretch[..., max(start, 0) :][..., : self.length - max(-start, 0)]
        excerpt[..., max(-start, 0) : max(-start, 0) + part.shape[-1]] = part
        return excerpt


def _one_signal(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[T, C]` -> left, right, mid or side `[T]`; a nearly silent side is left alone."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    left, right = samples.T
    choice = rng.random()
    if choice < 0.2:
        return (left - right) / 2
    return (left + right) / 2 if choice < 0.6 else left if choice < 0.8 else right


def _two_signals(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[T, C]` -> the first two channels `[2, T]` in either order; a mono recording's twice."""
    first = rng.integers(2)
    return np.stack([samples[:, min(channel, samples.shape[1] - 1)] for channel in (first, 1 - first)])


def batches(excerpts: Excerpts, items: range, seed: int, start: int, workers: int = 0) -> Iterator[np.ndarray]:
    """Endless batches `[len(items), channels, length]`, read ahead in a thread, or in as many processes as `workers`
    says.

    Item i of batch n depends on (seed, n, i) alone: a resumed run sees what an uninterrupted one would have, and
    parallel processes that take different `items` see together what a single one would have.
    """
    numbered = _Numbered(excerpts, items, seed)
    if not workers:
        yield from _read_ahead(numbered, start)
    from torch.utils.data import DataLoader

    # a fork would copy locks that other threads hold, and hang on them
    yield from DataLoader(
        cast("Dataset[np.ndarray]", numbered),  # has all that one needs
        batch_size=None,
        sampler=itertools.count(start),
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=AHEAD,
        multiprocessing_context="spawn",
        worker_init_fn=_leave_interrupts,
    )


class _Numbered:
    """Batches by number."""

    def __init__(self, excerpts: Excerpts, items: range, seed: int):
        self.excerpts, self.items, self.seed = excerpts, items, seed

    def __getitem__(self, number: int) -> np.ndarray:
        draws = (self.excerpts.draw(np.random.default_rng((self.seed, number, i)), i == 0) for i in self.items)
        return np.stack(list(draws)).reshape(len(self.items), self.excerpts.channels, -1)


def _read_ahead(numbered: _Numbered, start: int) -> Iterator[np.ndarray]:
    reader = ThreadPoolExecutor(1, "reader")
    ready = deque(reader.submit(numbered.__getitem__, number) for number in range(start, start + AHEAD))
    try:
        for number in itertools.count(start + AHEAD):
            yield ready.popleft().result()
            ready.append(reader.submit(numbered.__getitem__, number))
    finally:  # also when nobody wants more
        reader.shutdown(wait=False, cancel_futures=True)


def _as_it_is(batch: Any) -> Any:
    return batch


def _leave_interrupts(worker: int) -> None:
    """Ctrl-C is the trainer's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
