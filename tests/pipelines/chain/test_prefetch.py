"""Short files decode their codes in one batch, and nothing else changes."""

from __future__ import annotations

import io

import numpy as np
import pytest

import nac_cli
from nac_cli.entropy.lm import LanguageModel
from nac_cli.pipelines.chain.prefetch import Prefetch
from tests.helpers.sounds import clear_music
from tests.helpers.streams import compressed


@pytest.fixture
def batches(monkeypatch):
    """How many streams each batch of the language model had."""
    seen = []
    decode = LanguageModel._decode

    def counting(self, streams, depths):
        seen.append(len(streams))
        return decode(self, streams, depths)

    monkeypatch.setattr(LanguageModel, "_decode", counting)
    return seen


def write_files(folder, tiny_lm, count):
    paths = []
    for number in range(count):
        sound = clear_music(2, 1 + 0.1 * number, 44_100)
        path = folder / f"{number}.nac"
        path.write_bytes(compressed(sound, tiny_lm, planes=3, entropy="lm" if number != 2 else "static"))
        paths.append(path)
    return paths


def test_files_of_a_second_share_one_batch(tiny_lm, tmp_path, batches):
    paths = write_files(tmp_path, tiny_lm, 5)
    alone = [nac_cli.decompress(path).samples for path in paths]
    batches.clear()
    prefetch = Prefetch(paths)
    for index, path in enumerate(paths):
        prefetch.advance_to(index)
        assert np.array_equal(nac_cli.decompress(path).samples, alone[index])
    assert [count for count in batches if count] == [8], "four files of two channels; one is in another mode"


def test_a_bad_file_has_its_error_in_its_turn(tiny_lm, tmp_path, batches):
    paths = write_files(tmp_path, tiny_lm, 4)
    paths[0].write_bytes(b"no nac file")
    data = bytearray(paths[1].read_bytes())
    data[len(data) // 2] ^= 1
    paths[1].write_bytes(data)
    prefetch = Prefetch([*paths[:2], None, tmp_path / "missing.nac", *paths[2:]])
    for index in range(6):
        prefetch.advance_to(index)
    with pytest.raises(nac_cli.NacError):
        nac_cli.decompress(paths[0])
    with pytest.raises(nac_cli.NacError):
        nac_cli.decompress(paths[1])
    assert nac_cli.decompress(paths[3]).num_samples


def test_long_files_and_single_ones_are_left_alone(tiny_lm, tmp_path, batches, monkeypatch):
    from nac_cli.pipelines.chain import prefetch as module

    monkeypatch.setattr(module, "SHORT", 1)
    paths = write_files(tmp_path, tiny_lm, 2)
    Prefetch(paths).advance_to(0)
    Prefetch(paths[:1]).advance_to(0)
    assert not batches
    assert nac_cli.verify(io.BytesIO(paths[0].read_bytes())).sound
