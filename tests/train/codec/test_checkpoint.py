"""Checkpoints come back whole, in parts or not, and say what is wrong when they cannot."""

from __future__ import annotations

import pytest
import torch

from nac_cli.errors import ModelError
from nac_cli.train import checkpoint


def state(step: int) -> dict:
    return {"step": step, "weights": torch.randn(5000, generator=torch.Generator().manual_seed(step))}


@pytest.mark.parametrize("part_size", [None, 1000, 7000, 10**6])
def test_what_is_saved_comes_back(tmp_path, part_size):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, state(1), part_size)
    assert checkpoint.exists(path)
    loaded = checkpoint.load(path)
    assert loaded["step"] == 1 and torch.equal(loaded["weights"], state(1)["weights"])
    if part_size:
        parts = [part for part in tmp_path.iterdir() if part.suffix != ".json"]
        assert all(part.stat().st_size <= part_size for part in parts) and len(parts) >= 20_000 // part_size


def test_a_new_state_leaves_nothing_of_the_old_one(tmp_path):
    path = tmp_path / "checkpoint.pt"
    for step, part_size in enumerate((1000, 3000, None, 1000)):
        checkpoint.save(path, state(step), part_size)
        assert checkpoint.load(path)["step"] == step
    assert not path.exists()
    names = {part.name for part in tmp_path.iterdir()}
    checkpoint.save(path, state(9), None)
    assert {part.name for part in tmp_path.iterdir()} == {"checkpoint.pt"} and len(names) > 20


def test_a_save_that_breaks_off_leaves_the_old_state(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, state(1), 1000)
    whole, written = checkpoint.write_bytes, []

    def write(target, data):
        written.append(target)
        if len(written) == 7:
            raise OSError("disk full")
        whole(target, data)

    monkeypatch.setattr(checkpoint, "write_bytes", write)
    with pytest.raises(OSError):
        checkpoint.save(path, state(2), 1000)
    assert checkpoint.load(path)["step"] == 1


def test_missing_and_damaged_parts_are_named(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, state(1), 9000)
    part = sorted(part for part in tmp_path.iterdir() if part.suffix != ".json")[0]
    data = part.read_bytes()
    part.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(ModelError, match=f"{part.name}.*damaged"):
        checkpoint.load(path)
    part.unlink()
    with pytest.raises(ModelError, match=f"{part.name}.*missing"):
        checkpoint.load(path)
    path.with_name("checkpoint.pt.json").write_text("{}")
    with pytest.raises(ModelError, match="index"):
        checkpoint.load(path)
