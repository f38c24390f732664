"""Models from files: workers change nothing but time, errors and Ctrl-C end them, and numpy keeps its threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nac_cli.entropy.lm import LanguageModel, Network, language_model, model_id, save
from nac_cli.entropy.lm.compiled import CompiledNetwork
from nac_cli.errors import CorruptStream, ModelError, NacError
from nac_cli.kernels import blas
from tests.entropy.lm.models import quantised, random_chunk, small


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("lm") / "lm.safetensors"
    save(path, quantised(small()))
    return path


def chunks_of(model: LanguageModel, lengths: list[int]):
    rng = np.random.default_rng(0)
    return [random_chunk(rng, model.config, length) for length in lengths]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("batch", [3, 64])
def test_round_trip_with_any_number_of_workers(path, workers, batch, monkeypatch):
    monkeypatch.setattr(CompiledNetwork, "side_by_side", (1, batch))
    monkeypatch.setattr(Network, "side_by_side", (4, batch))
    with LanguageModel(path, workers) as model:
        assert model.model_id == model_id(path)
        chunks = chunks_of(model, [30, 0, 12, 30, 30, 7, 1, 30, 20, 20, 3, 30, 15])
        streams = [intervals.encode() for intervals in model.measure(chunks)]
        with LanguageModel(path) as alone:
            assert streams == [intervals.encode() for intervals in alone.measure(chunks)]
        depths = [depths for _, depths in chunks]
        streams[4] = streams[4][:-4]
        decoded = model.decode(streams, depths)
        assert isinstance(decoded.pop(4), CorruptStream)
        codes = [codes for index, (codes, _) in enumerate(chunks) if index != 4]
        assert all(np.array_equal(left, right) for left, right in zip(decoded, codes, strict=True))
        assert model.measure([]) == [] and model.decode([], []) == []


@pytest.mark.parametrize("count, workers", [(1, 4), (7, 2), (48, 2), (200, 2), (1000, 3)])
@pytest.mark.parametrize("network", [Network, CompiledNetwork])
def test_batches_share_the_work_evenly(count, workers, network):
    fewest, most = network.side_by_side
    rng = np.random.default_rng(count)
    depths = [np.full(rng.choice([864, 864, 864, 100]), rng.choice([2, 6])) for _ in range(count)]
    batches = language_model._batches(depths, workers, fewest, most)
    assert sorted(index for batch in batches for index in batch) == list(range(count))
    assert max(map(len, batches)) <= most and (len(batches) == 1 or min(map(len, batches)) >= fewest)
    work = [sum(depths[index].size for index in batch) for batch in batches]
    if count >= 48:
        shares = [sum(work[worker::workers]) for worker in range(workers)]
        assert len(batches) % workers == 0 and max(shares) < 1.1 * min(shares)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_ends_all_workers(path, error, monkeypatch):
    model = LanguageModel(path, 2)
    chunks = chunks_of(model, [30] * 3 + [20000] * 5)
    steps, real = [], language_model.decode

    def failing(network, streams, depths, stop):
        if not steps:
            steps.append(0)
            raise error
        return real(network, streams, depths, stop)

    monkeypatch.setattr(language_model, "decode", failing)
    with pytest.raises(error):
        model.decode([b""] * len(chunks), [depths for _, depths in chunks])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("language model")]


def test_bad_input_is_an_error_with_workers_too(path, tmp_path):
    model = LanguageModel(path, 2)
    codes, depths = chunks_of(model, [5])[0]
    with pytest.raises(NacError, match="depths"):
        model.decode([b""] * 8, [depths + 9] * 8)
    with pytest.raises(NacError):
        model.measure([(codes, depths + 1)] * 8)
    with pytest.raises(ModelError):
        LanguageModel(tmp_path / "none.safetensors")


def test_numpy_gets_its_threads_back():
    controls = blas._controls()
    before = [get() for get, _ in controls]
    with blas.one_thread():
        with blas.one_thread():
            pass
        assert all(get() == 1 for get, _ in controls)
    assert [get() for get, _ in controls] == before
