"""What training hears: balanced, augmented, repeatable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from nac_cli.train.codec.data import Augmentation, Excerpts, batches

RATE, LENGTH = 44_100, 44_100 // 2
NONE = Augmentation(0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Speech is a 440 Hz tone, not full-band; music is white noise; env a 1760 Hz tone in the right channel of two."""
    folder = tmp_path_factory.mktemp("corpus")
    time = np.arange(3 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * time)
    noise = np.random.default_rng(0).normal(0, 0.1, len(time))
    right = np.stack([0 * time, 0.3 * np.sin(2 * np.pi * 1760 * time)], 1)
    items = []
    for domain, sound, full in (("speech", tone, False), ("music", noise, True), ("env", right, False)):
        soundfile.write(folder / f"{domain}.wav", sound, RATE)
        items.append({
            "path": f"{domain}.wav", "domain": domain, "source": "made", "licence": "CC0", "seconds": 3.0,
            "channels": sound.ndim, "full_band": full,
        })  # fmt: skip
    (folder / "manifest.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


def draws(excerpts: Excerpts, count: int, full_band: bool = False) -> np.ndarray:
    return np.stack([excerpts.draw(np.random.default_rng(seed), full_band) for seed in range(count)])


def domains_of(signals: np.ndarray) -> dict[str, int]:
    """How many of the signals are the tones or the noise, by their strongest frequency."""
    spectra = np.abs(np.fft.rfft(signals * np.hanning(signals.shape[1])))
    peak = spectra.argmax(1) * RATE / signals.shape[1]
    tonal = spectra.max(1) > 30 * spectra.mean(1)
    return {
        "speech": int((tonal & (np.abs(peak - 440) < 5)).sum()),
        "env": int((tonal & (np.abs(peak - 1760) < 5)).sum()),
        "music": int((~tonal).sum()),
    }


def test_domains_count_alike(corpus):
    found = domains_of(draws(Excerpts(corpus, LENGTH, {}, 0.5, NONE), 150))
    assert sum(found.values()) == 150 and all(30 <= count <= 70 for count in found.values()), found


def test_the_first_item_of_every_batch_is_full_band(corpus):
    excerpts = Excerpts(corpus, LENGTH, {}, 0.0, NONE)
    first = np.concatenate([batch[:1, 0] for batch, _ in zip(batches(excerpts, range(2), 0, 0), range(8))])
    assert domains_of(first)["music"] == 8
    only_speech = Excerpts(corpus, LENGTH, {"speech": 1.0}, 0.0, NONE)
    assert domains_of(draws(only_speech, 3, full_band=True))["speech"] == 3


def test_a_mix_holds_two_sources(corpus):
    tones = {"speech": 1.0, "env": 1.0}
    mixed = draws(Excerpts(corpus, LENGTH, tones, 0.0, Augmentation(1.0, 0.0, 0.0)), 30)
    spectra = np.abs(np.fft.rfft(mixed * np.hanning(LENGTH)))
    both = np.minimum(spectra[:, round(440 * LENGTH / RATE)], spectra[:, round(1760 * LENGTH / RATE)])
    assert 5 <= (both > 0.1 * spectra.max(1)).sum() <= 25


def test_narrowing_leaves_nothing_on_top(corpus):
    narrow = draws(Excerpts(corpus, LENGTH, {"music": 1.0}, 0.0, Augmentation(0.0, 1.0, 0.0)), 10)
    power = np.abs(np.fft.rfft(narrow)) ** 2
    top = power[:, round(17_000 * LENGTH / RATE) :].sum(1) / power.sum(1)
    assert (top < 1e-4).all()


def test_turning_the_phase_keeps_the_spectrum_and_changes_the_wave(corpus):
    plain = draws(Excerpts(corpus, LENGTH, {"music": 1.0}, 0.0, NONE), 6)
    turned = draws(Excerpts(corpus, LENGTH, {"music": 1.0}, 0.0, Augmentation(0.0, 0.0, 1.0)), 6)
    level = lambda x: np.sqrt((x**2).mean(1, keepdims=True))  # noqa: E731
    a, b = np.abs(np.fft.rfft(plain / level(plain))), np.abs(np.fft.rfft(turned / level(turned)))
    inner = slice(1, -1)  # the ends of the spectrum are real and cannot turn
    assert np.abs(a - b)[:, inner].max() < 0.02 * a.max()
    likeness = np.abs((plain * turned).mean(1) / level(plain)[:, 0] / level(turned)[:, 0])
    assert (likeness < 0.98).sum() >= 4


def test_processes_that_read_ahead_give_the_same_batches(corpus):
    excerpts = Excerpts(corpus, 4096, {}, 0.5, Augmentation())
    here = [batch for batch, _ in zip(batches(excerpts, range(3), 1, 5), range(4))]
    there = [batch for batch, _ in zip(batches(excerpts, range(3), 1, 5, workers=2), range(4))]
    assert all(np.array_equal(a, b) for a, b in zip(here, there))
    second = next(iter(batches(excerpts, range(1, 3), 1, 5)))
    assert np.array_equal(second, here[0][1:])
