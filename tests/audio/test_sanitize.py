from __future__ import annotations

import numpy as np

from nac_cli.audio import Sanitizer
from tests.helpers.sounds import tones


def test_clean_sound_passes_untouched_and_says_nothing():
    sanitizer, sound = Sanitizer(), tones(100)
    assert sanitizer.push(sound) is sound
    assert sanitizer.messages() == []


def test_nan_and_infinity_become_silence_in_any_split():
    sound = tones(100)
    sound[0, [3, 50]] = np.nan, np.inf
    sound[1, 99] = -np.inf
    for size in (1, 7, 100):
        sanitizer = Sanitizer()
        parts = [sanitizer.push(sound[:, at : at + size]) for at in range(0, 100, size)]
        assert np.array_equal(np.concatenate(parts, axis=1), np.where(np.isfinite(sound), sound, 0))
        assert sanitizer.messages() == ["3 samples were NaN or infinite; silence took their place"]
    assert np.isnan(sound[0, 3]), "the caller's array is not written to"


def test_samples_beyond_full_scale_stay_but_are_told():
    sanitizer, sound = Sanitizer(), tones(100)
    sound[0, 10], sound[1, 20] = 2.0, -1.5
    assert np.array_equal(sanitizer.push(sound), sound)
    assert sanitizer.beyond == 2
    assert "2 samples were beyond full scale (peak +6.0 dBFS)" in sanitizer.messages()[0]


def test_silence_is_told_only_if_all_is_silent():
    sanitizer = Sanitizer()
    sanitizer.push(np.zeros((2, 0), np.float32))
    assert not sanitizer.silent and sanitizer.messages() == []
    sanitizer.push(np.zeros((2, 10), np.float32))
    assert sanitizer.messages() == ["the sound is silent throughout"]
    sanitizer.push(np.full((2, 1), 1e-6, np.float32))
    assert not sanitizer.silent


def test_one_of_a_kind_is_singular():
    sanitizer = Sanitizer()
    sanitizer.push(np.array([[np.nan]], np.float32))
    assert sanitizer.messages()[0].startswith("1 sample was NaN")
    assert sanitizer.silent, "what is left is silence"
