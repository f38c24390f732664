"""How codebooks are used: frequencies and dependences that are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from nac_cli.bench.clips import clips_in
from nac_cli.bench.codes import (
    GROUPS,
    Coded,
    bitrate_efficiency,
    codes_of,
    entropy,
    huffman_length,
    like,
    mutual_information,
    use,
)
from nac_cli.errors import UsageError
from nac_cli.values import CodecSpec
from tests.helpers.codecs import write_tiny_lm, write_tiny_model

RNG = np.random.default_rng(0)


def coded(*planes: np.ndarray, size: int = 16, strides: tuple[int, ...] | None = None) -> Coded:
    spec = CodecSpec("x", "spectral", bytes(8), 44_100, 441, (size,) * len(planes), strides or (1,) * len(planes))
    return Coded(spec, [list(planes)], [np.arange(size)] * len(planes))


def test_entropy_and_huffman_of_known_frequencies():
    assert entropy(np.array([1, 1, 1, 1])) == 2 and entropy(np.array([5, 0])) == 0
    assert entropy(np.array([4, 2, 1, 1])) == 1.75 == huffman_length(np.array([4, 2, 1, 1]))
    assert huffman_length(np.array([1, 1, 1])) == pytest.approx(5 / 3)
    assert huffman_length(np.array([7, 0])) == 1 and huffman_length(np.array([0, 0])) == 0


def test_a_codebook_used_evenly_and_one_used_little():
    even = np.tile(np.arange(16), 100)
    few = np.tile([0, 1], 800)
    planes = use(coded(even, few))
    assert [plane.used for plane in planes] == [1, 1 / 8]
    assert [plane.normalised for plane in planes] == [1, 0.25]
    assert [plane.huffman for plane in planes] == [4, 1]
    assert (planes[0].packed_rate, planes[1].huffman_rate) == (400, 100)
    assert bitrate_efficiency(planes) == 0.625 and bitrate_efficiency(planes[:1]) == 1
    slow = use(coded(even, np.repeat(few, 2)[:800], strides=(1, 2)))
    assert bitrate_efficiency(slow) == pytest.approx((2 * 1 + 0.25) / 3)
    assert planes[0].table is planes[0].language_model is None


def test_mutual_information_of_copies_and_of_strangers():
    codes = RNG.integers(0, 16, 20_000)
    assert mutual_information(codes, codes) == pytest.approx(4, abs=0.01)
    assert mutual_information(codes, codes % 2) == pytest.approx(1, abs=0.01)
    copies, strangers = use(coded(codes, codes)), use(coded(codes, RNG.permutation(codes)))
    assert copies[1].below == pytest.approx(4, abs=0.03) and abs(strangers[1].below) < 0.01
    repeated = use(coded(np.repeat(codes, 2)))[0].before
    assert repeated == pytest.approx(
        1.17, abs=0.05
    )  # every other code repeats the one before: 4 bits less H(17/32, 1/32 ...)


def test_planes_of_unlike_strides_are_compared_at_the_same_time():
    slow = RNG.integers(0, 16, 10_000)
    planes = use(coded(slow, np.repeat(slow, 2), strides=(2, 1)))
    assert planes[1].below == pytest.approx(4, abs=0.05)
    assert planes[0].packed_rate == planes[1].packed_rate / 2


def test_like_codes_are_in_one_group():
    centres = RNG.standard_normal((GROUPS, 8)) * 100
    groups = like(np.repeat(centres, 4, axis=0) + RNG.standard_normal((4 * GROUPS, 8)) * 0.01)
    assert groups.shape == (4 * GROUPS,) and all(len(set(groups[i : i + 4])) == 1 for i in range(0, 4 * GROUPS, 4))
    assert like(np.zeros((5, 2))).tolist() == [0, 1, 2, 3, 4]


def test_silence_has_no_codes():
    with pytest.raises(UsageError, match="silent"):
        use(coded(np.zeros(0, np.int64)))


def test_a_model_is_measured_with_its_tables_and_its_language_model(tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    path = write_tiny_model(tmp_path)
    samples = 0.1 * np.random.default_rng(0).standard_normal((44_100, 2))
    samples[22_050:] = 0
    soundfile.write(tmp_path / "a.wav", samples, 44_100)
    found = codes_of(clips_in([tmp_path / "a.wav"]), str(path))
    assert len(found.streams) == 2 and len(found.streams[0]) == found.spec.num_codebooks
    planes = use(found, str(path))
    assert planes[0].count < 0.9 * 2 * 44_100 / found.spec.hop_length  # silence does not count
    size = found.spec.codebook_sizes[0]
    assert planes[0].table == pytest.approx(np.log2(size), abs=0.05)  # the tiny model holds all codes for alike
    assert planes[0].language_model is None
    write_tiny_lm(tmp_path)
    assert all(plane.language_model > 0 for plane in use(found, str(path)))
