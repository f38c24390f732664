"""Speed: everything is measured, the operations are those that arithmetic has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nac_cli.bench import rivals as rivals_module
from nac_cli.bench.floors import Machine, disk_rate, lm_operations, network_operations, peak_operations
from nac_cli.bench.lengths import ended
from nac_cli.bench.memory import peak_bytes
from nac_cli.bench.speed import count_operations, measure, noise, sound_of
from nac_cli.bench.stages import stages
from nac_cli.bench.stopwatch import under_way
from nac_cli.entropy.lm import LmConfig
from nac_cli.errors import ModelError
from nac_cli.models import zoo
from nac_cli.models.spectral_config import SpectralConfig
from nac_cli.pipelines.models.opening import open_model
from tests.helpers.codecs import write_family_model, write_tiny_lm, write_tiny_model

WITH_TORCH = {
    "compress": ["read", "prepare", "encode", "quantise", "entropy", "decode", "detail", "write"],
    "decompress": ["read", "entropy", "dequantise", "decode", "finish", "write"],
}
STAGES = {
    "compress": ["read", "prepare", "encode", "entropy", "decode", "detail", "write"],
    "decompress": ["read", "entropy", "decode", "finish", "write"],
}


def test_operations_of_a_matrix_product_and_a_convolution():
    import torch

    a, b = torch.zeros(3, 5), torch.zeros(5, 7)
    assert count_operations(lambda: a @ b) == 2 * 3 * 5 * 7
    conv = torch.nn.Conv1d(2, 4, 3, bias=False)
    assert count_operations(lambda: conv(torch.zeros(1, 2, 12))) == 2 * 4 * 2 * 3 * 10


def test_operations_of_the_network_are_those_that_torch_counts():
    import torch

    from nac_cli.models.spectral import SpectralCodec

    config = SpectralConfig(fine_width=32, coarse_width=48, num_codebooks=3, codebook_size=64, noise=True)
    codec = SpectralCodec(config, "counted", bytes(8)).eval()
    wav, counted = torch.zeros(1, 1, 100 * config.hop_length), network_operations(config)
    seconds = wav.shape[2] / config.sample_rate
    with torch.inference_mode():
        codes = codec.encode(wav).codes
        assert count_operations(lambda: codec.encode(wav)) == pytest.approx(counted["encode"] * seconds, rel=0.1)
        assert count_operations(lambda: codec.decode(codes)) == pytest.approx(counted["decode"] * seconds, rel=0.1)


def test_operations_of_a_language_model_grow_with_its_planes():
    config = LmConfig((8, 8), (1, 1), layers=1, width=4, heads=1, feed_width=8, window=2, head_width=3)
    layer, head = 4 * 16 + 2 * 32 + 3 * 8, 3 * 4 + 3 * 8
    assert lm_operations(config, 0, 10.0) == 20 * layer
    assert lm_operations(config, 1.5, 10.0) == 20 * (layer + 1.5 * head)


def test_the_machine_is_plausible(tmp_path):
    assert 1e8 < peak_operations("cpu", repeats=1) < 1e15
    assert 1e5 < disk_rate(tmp_path) < 1e12 and not list(tmp_path.iterdir())


def test_calls_that_overlap_count_once():
    import threading

    class Sleeper:
        def sleep(self, seconds: float) -> None:
            threading.Event().wait(seconds)

    sleeper = Sleeper()
    with under_way(sleeper, "sleep") as seconds:
        threads = [threading.Thread(target=sleeper.sleep, args=(0.2,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 0.2 <= seconds() < 0.8
    assert "sleep" not in vars(sleeper)


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    return write_tiny_model(tmp_path)


def test_everything_is_measured_with_and_without_a_language_model(model, tmp_path):
    write_tiny_lm(tmp_path)
    found = measure(noise(2.0), str(model), 6000, "cpu", 1, (3,), 2, batches=(1, 2), repeats=1)
    directions = [(direction, entropy) for entropy in ("static", "lm") for direction in STAGES]
    assert [(one.direction, one.entropy) for one in found.passes] == directions
    for one in found.passes:
        assert list(one.seconds) == STAGES[one.direction] and set(one.floors) <= set(one.seconds)
        assert ("entropy" in one.floors) == (one.entropy == "lm") and all(one.floors.values())
        assert all(seconds > -1e-3 for seconds in one.seconds.values())
        assert one.sound_seconds == 2 and one.speed == pytest.approx(2 / one.total)
    lengths = [(files, seconds) for files, seconds in ((1, 3), (2, 1))]
    assert [(one.entropy, one.files, one.sound_seconds, one.direction) for one in found.runs] == [
        (entropy, *length, direction) for entropy in ("static", "lm") for length in lengths for direction in STAGES
    ]
    assert all(one.process > 0.1 and 0 < one.inside < one.process for one in found.runs)
    assert all(one.peak_bytes > 30_000_000 for one in found.runs if peak_bytes() is not None)
    assert [(batch.direction, batch.size) for batch in found.batches] == [
        (direction, size) for size in (1, 2) for direction in STAGES
    ]
    assert found.batches[0].operations == pytest.approx(found.batches[2].operations)
    assert all(0 < batch.use < 5 for batch in found.batches)
    assert [one.direction for one in found.rivals[:2]] == ["compress", "decompress"]
    assert all("Opus" in one.codec and one.speed > 1 for one in found.rivals[:2])


def test_stages_of_a_network_in_torch(tmp_path, monkeypatch):
    import soundfile

    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    sound, source = noise(1.0), tmp_path / "sound.wav"
    soundfile.write(source, sound.samples.T, sound.sample_rate)
    file = zoo.find(str(write_family_model(tmp_path, "dac-tiny")))
    passes = stages(source, open_model(file, "cpu"), file, "packed", 6000, "cpu", 1, Machine(1e9, 1e9))
    assert {one.direction: list(one.seconds) for one in passes} == WITH_TORCH


@pytest.mark.skipif(peak_bytes() is None, reason="this system does not tell of peak memory")
def test_the_memory_of_a_cold_start_is_not_that_of_its_parent():
    here = bytearray(b"x") * 400_000_000
    command = [sys.executable, "-S", "-c", "import sys, time; sys.stderr.write('done'); time.sleep(0.3)"]
    said, memory = ended(subprocess.Popen(command, stderr=subprocess.PIPE))
    assert said == "done" and 1_000_000 < memory < 100_000_000 < len(here) < peak_bytes()


def test_a_codec_that_does_not_work_is_left_out_and_told_of(monkeypatch):
    monkeypatch.setattr(rivals_module, "find_spec", lambda name: name == "encodec")
    monkeypatch.setitem(sys.modules, "encodec", None)
    told = []
    found = rivals_module.rivals(noise(0.5, channels=1), 6000, 1, 1, told.append)
    assert len(found) == 2 and "EnCodec is left out" in told[0]


def test_a_model_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="nowhere"):
        measure(noise(0.5), "nowhere")
    assert sound_of(None).channels == 2
