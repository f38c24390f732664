"""Model files: what is written is what is read, and nothing else is believed. The known-answer test knows its
answer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from nac_cli.entropy.lm import IntegerModel, load, model_id, prepare, save
from nac_cli.entropy.lm import self_test as self_test_module
from nac_cli.entropy.lm.arithmetic import Backend
from nac_cli.entropy.lm.config import from_json
from nac_cli.errors import ModelError, TokenMismatch
from tests.entropy.lm.models import quantised, small

MODEL = quantised(small())


def changed(name: str, value: np.ndarray) -> dict[str, np.ndarray]:
    return {**MODEL.tensors, name: value}


def write(path, tensors, config=None, kind="nac-lm-1"):
    save_file(dict(tensors), path, {kind: MODEL.config.to_json() if config is None else config})
    return path


def test_round_trip(tmp_path):
    path = tmp_path / "lm.safetensors"
    save(path, MODEL)
    loaded = load(path)
    assert loaded.config == MODEL.config and set(loaded.tensors) == set(MODEL.tensors)
    assert all(np.array_equal(loaded[name], MODEL[name]) for name in MODEL.tensors)
    assert len(model_id(path)) == 8 and [each.name for each in tmp_path.iterdir()] == [path.name]
    assert not np.issubdtype(np.result_type(*loaded.tensors.values()), np.floating)


def test_same_model_same_bytes(tmp_path):
    save(tmp_path / "a", MODEL)
    save(tmp_path / "b", quantised(small()))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_model_is_read_only():
    with pytest.raises(ValueError):
        MODEL["exponential"][0] = 3
    with pytest.raises(TypeError):
        MODEL.tensors["exponential"] = np.zeros(3)


@pytest.mark.parametrize(
    "name, entry, value",
    [
        ("layers.0.feed.up.weight", (0, 0), 65),
        ("head.logits.1.shift", 0, 0),
        ("head.logits.1.shift", 0, 63),
        ("layers.0.attention.score.multiplier", 0, -1),
        ("head.norm.0.gain", 0, -(2**31)),
        ("input.1", (3, 3), -128),
        ("input.start", 0, 2**30),
        ("layers.1.attention.position", (0, 0), 2**21),
        ("exponential", 1023, 1),
        ("exponential", 0, 0),
        ("test.codes", (0, 0), 30),
        ("test.depths", 0, 4),
        ("head.hidden.0.bias", 0, -(2**31)),
    ],
)
def test_entries_outside_of_their_range(tmp_path, name, entry, value):
    tensor = MODEL[name].copy()
    tensor[entry] = value
    with pytest.raises(ModelError):
        load(write(tmp_path / "bad", changed(name, tensor)))


def test_tensors_of_another_form(tmp_path):
    wide = MODEL["input.start"].astype(np.int64)
    for tensors in [
        changed("input.start", wide),
        changed("input.start", wide.astype(np.float32)),
        changed("input.start", MODEL["input.start"][:-1].copy()),
        changed("input.start", MODEL["input.start"].reshape(1, -1)),
        changed("another", np.zeros(3, np.int8)),
        {name: tensor for name, tensor in MODEL.tensors.items() if name != "exponential"},
    ]:
        with pytest.raises(ModelError):
            load(write(tmp_path / "bad", tensors))


@pytest.mark.parametrize(
    "change",
    [
        {"layers": 10**9},
        {"layers": "2"},
        {"layers": True},
        {"layers": 2.0},
        {"width": 17},
        {"window": 0},
        {"codebook_sizes": []},
        {"codebook_sizes": [7, 16, 2**20]},
        {"codebook_sizes": [2] * 128},
        {"strides": [1]},
        {"codebook_sizes": 7},
        {"strides": [1, 1, "1"]},
        {"attention_total": 132105},
        {"shared_hidden": 1},
        {"unknown": 1},
        {"head_width": None},
        {"width": 2048, "heads": 1},
    ],
)
def test_configs_that_make_no_sense(tmp_path, change):
    entries = {**json.loads(MODEL.config.to_json()), **change}
    with pytest.raises(ModelError):
        load(write(tmp_path / "bad", MODEL.tensors, json.dumps(entries)))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 60000, "1" * 5000, " " * 70000, "{}"])
def test_configs_that_are_none(text):
    with pytest.raises(ModelError):
        from_json(text)


def test_files_that_are_no_models(tmp_path):
    path = tmp_path / "lm"
    with pytest.raises(ModelError):
        load(path)
    with pytest.raises(ModelError):
        load(tmp_path)
    with pytest.raises(ModelError):
        load(write(path, MODEL.tensors, kind="nac-codec-1"))
    save(path, MODEL)
    data = path.read_bytes()
    for bad in [b"", data[:7], data[:2000], data[:-1], data + b"\0", b"\xff" * 8 + data[8:], bytes(100)]:
        path.write_bytes(bad)
        with pytest.raises(ModelError):
            load(path)


def test_rows_whose_sums_float32_cannot_hold():
    config = small((2, 3), layers=1, width=16, feed_width=4096)
    tensors = dict(quantised(config, frames=5).tensors)
    tensors["layers.0.feed.down.weight"] = np.full((16, 4096), 64, np.int8)
    with pytest.raises(ModelError, match="2\\^24"):
        IntegerModel(config, tensors)


@pytest.mark.parametrize(
    "name", ["input.1", "layers.0.attention.qkv.weight", "layers.1.feed.down.weight", "head.logits.2.weight"]
)
def test_known_answer_fails_when_one_weight_changes(name):
    tensor = MODEL[name].copy()
    row = MODEL["test.codes"][1, 0] if name == "input.1" else 2
    tensor[row, 0] += 20 if tensor[row, 0] < 0 else -20
    with pytest.raises(TokenMismatch):
        prepare(replace(MODEL, tensors=changed(name, tensor)))


class Inexact(Backend):
    """A machine whose products are off by one now and then."""

    def product(self, left, right):
        sums = super().product(left, right)
        sums[..., 0] += 9
        return sums


def test_the_next_backend_serves_where_one_is_not_exact(monkeypatch):
    monkeypatch.setattr(self_test_module, "load_kernels", lambda name: None)
    exact = Backend(np.int64)
    monkeypatch.setattr(self_test_module, "BACKENDS", (Inexact(np.float32), Inexact(np.float64), exact))
    assert prepare(MODEL).backend is exact
    monkeypatch.setattr(self_test_module, "BACKENDS", (Inexact(np.float32), Inexact(np.float64)))
    with pytest.raises(TokenMismatch):
        prepare(MODEL)
