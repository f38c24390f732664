"""Speed: the stages are all there, the operations are those that arithmetic has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nac_cli.bench.memory import peak_bytes
from nac_cli.bench.speed import _ended, count_operations, measure, noise, peak_operations, sound_of
from nac_cli.errors import ModelError
from tests.helpers.codecs import write_tiny_lm, write_tiny_model

STAGES = {
    "compress": ["read", "prepare", "encode", "quantise", "entropy", "write"],
    "decompress": ["read", "entropy", "dequantise", "decode", "finish", "write"],
}


def test_operations_of_a_matrix_product_and_a_convolution():
    import torch

    a, b = torch.zeros(3, 5), torch.zeros(5, 7)
    assert count_operations(lambda: a @ b) == 2 * 3 * 5 * 7
    conv = torch.nn.Conv1d(2, 4, 3, bias=False)
    assert count_operations(lambda: conv(torch.zeros(1, 2, 12))) == 2 * 4 * 2 * 3 * 10


def test_the_peak_is_a_plausible_number():
    assert 1e8 < peak_operations("cpu", repeats=1) < 1e15


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    return write_tiny_model(tmp_path)


def test_every_stage_is_measured_with_and_without_a_language_model(model, tmp_path):
    write_tiny_lm(tmp_path)
    found = measure(noise(1.0), str(model), 3000, "cpu", 1, batches=(1, 2), repeats=1, cold=False)
    assert [(one.direction, one.entropy, one.temperature) for one in found.passes] == [
        (direction, entropy, "warm") for entropy in ("static", "lm") for direction in STAGES
    ]
    for one in found.passes:
        assert list(one.seconds) == STAGES[one.direction] or set(one.seconds) == set(STAGES[one.direction])
        assert all(seconds > -1e-3 for seconds in one.seconds.values())
        assert one.sound_seconds == 1 and one.speed == pytest.approx(1 / one.total)
    assert [(batch.direction, batch.size) for batch in found.batches] == [
        (direction, size) for size in (1, 2) for direction in STAGES
    ]
    assert found.batches[0].operations == pytest.approx(found.batches[2].operations)
    assert all(0 < batch.use < 5 for batch in found.batches)


def test_a_cold_start_is_a_process_with_memory(model):
    found = measure(noise(0.5), str(model), 3000, "cpu", 1, batches=(), repeats=1)
    cold = [one for one in found.passes if one.temperature == "cold"]
    assert [one.direction for one in cold] == ["compress", "decompress"]
    assert all(one.peak_bytes > 50_000_000 and one.total > 0.2 for one in cold)


@pytest.mark.skipif(peak_bytes() is None, reason="this system does not tell of peak memory")
def test_the_memory_of_a_cold_start_is_not_that_of_its_parent():
    here = bytearray(b"x") * 400_000_000
    command = [sys.executable, "-S", "-c", "import sys, time; sys.stderr.write('done'); time.sleep(0.3)"]
    said, memory = _ended(subprocess.Popen(command, stderr=subprocess.PIPE))
    assert said == "done" and 1_000_000 < memory < 100_000_000 < len(here) < peak_bytes()


def test_a_model_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="nowhere"):
        measure(noise(0.5), "nowhere")
    assert sound_of(None).channels == 2
