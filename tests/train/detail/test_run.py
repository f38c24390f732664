"""Tables of the detail coder: what is learnt helps, and is measured on what was not learnt from."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from nac_cli.entropy.detail import load_tables, measure, pack, unpack
from nac_cli.entropy.detail.tables import LEARNT, PATH, read_tables, save_tables, untrained
from nac_cli.errors import AudioError
from nac_cli.kernels.detail.fields import MOST_COUNT
from nac_cli.train.corpus.prepare import Item
from nac_cli.train.detail import clips, run
from nac_cli.train.detail.learning import HELD_COUNT, learnt
from tests.entropy.detail.layers import random_layer, same
from tests.helpers.codecs import write_tiny_model

RATE = 44100


def items(count: int = 40) -> list[Item]:
    seconds = np.random.default_rng(0).uniform(0.5, 60, count).tolist()
    return [Item(f"{i:06d}.wav", "music", "", "", length, 1, True) for i, length in enumerate(seconds)]


def test_clips_of_one_recording_are_all_held_out_or_none_and_lie_within_it():
    drawn = clips.draw(items(), 100, 10.0, seed=3)
    assert drawn == clips.draw(items(), 100, 10.0, seed=3) != clips.draw(items(), 100, 10.0, seed=4)
    assert len(drawn) == 100
    held_out = {clip.item.path for clip in drawn if clip.held_out}
    known = {clip.item.path for clip in drawn if not clip.held_out}
    assert held_out and known and not held_out & known
    for clip in drawn:
        assert clip.item.seconds >= 1 and clip.start + clip.seconds <= clip.item.seconds + 1e-9


def test_long_recordings_are_drawn_in_proportion():
    long, short = Item("a", "music", "", "", 90.0, 1, True), Item("b", "music", "", "", 10.0, 1, True)
    drawn = clips.draw([long, short], 1000, 5.0, seed=0)
    assert 850 < sum(clip.item is long for clip in drawn) < 950


def test_one_recording_is_too_few():
    with pytest.raises(AudioError, match="two at least"):
        clips.draw(items(1)[:1] + [Item("b", "music", "", "", 0.5, 1, True)], 5, 10.0, seed=0)


def test_a_layer_like_those_that_were_learnt_takes_fewer_bits():
    layers = [random_layer(40_000, RATE, seed) for seed in range(4)]
    before, tables = untrained(), learnt(layers[:3], RATE, untrained())
    assert measure(layers[3], RATE, tables).total < 0.98 * measure(layers[3], RATE, before).total
    assert (tables.level_entries & MOST_COUNT).max() == HELD_COUNT
    assert same(unpack(pack(layers[3], RATE, tables), 40_000, RATE, tables), layers[3])


def test_what_is_frequent_costs_the_encoder_little():
    tables = learnt([random_layer(40_000, RATE, 0, density=0.01)], RATE, load_tables())
    assert tables.level_costs.shape == (16, 11, 18) and tables.gain_costs.shape == (9, 9, 9)
    assert tables.level_costs[0, 9, 0] < 0.1 < 4 < tables.level_costs[0, 9, 1]


def test_learning_leaves_the_start_as_it_was():
    start = untrained()
    learnt([random_layer(5000, RATE, 0)], RATE, start)
    for name in LEARNT:
        assert np.array_equal(getattr(start, name), getattr(untrained(), name))


def test_tables_that_are_read_and_written_again_are_the_same_file(tmp_path):
    copy = tmp_path / "tables.safetensors"
    save_tables(copy, read_tables(PATH))
    assert copy.read_bytes() == PATH.read_bytes()


def test_from_a_folder_of_recordings_to_tables(tmp_path):
    recordings = tmp_path / "recordings" / "music"
    recordings.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in "abc":
        soundfile.write(recordings / f"{name}.flac", 0.1 * random.standard_normal((3 * RATE, 2)), RATE)
    trained = run.train(
        tmp_path / "recordings", tmp_path / "tables.safetensors", model=write_tiny_model(tmp_path), clips=4,
        bitrates=(8000,), seconds=2.0, device="cpu",
    )  # fmt: skip
    (row,) = trained.held_out
    assert (row.domain, row.bitrate) == ("music", 8000) and trained.layers + row.layers == 4
    assert row.new_bits < row.old_bits and trained.saved == pytest.approx(row.saved)
