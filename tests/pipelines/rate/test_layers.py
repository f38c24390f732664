"""Detail that fills a budget."""

from __future__ import annotations

import pytest

from nac_cli.detail.analysis import GAIN_TRADE, Analysis
from nac_cli.detail_layer import DetailLayer
from nac_cli.entropy.detail import measure
from nac_cli.entropy.detail.channels import unpack_layers
from nac_cli.pipelines.rate.layers import GAIN_SHARE, SAMPLE, AnalysedChunk, FittedDetail, fit_layers, table_costs
from tests.detail.scenes import RATE, pair

SAMPLES = 44100
WORKERS = 2


@pytest.fixture(scope="module")
def analyses() -> list[Analysis]:
    return [Analysis(*pair(SAMPLES, seed=seed), RATE, 120, 0, table_costs()) for seed in range(2)]


@pytest.fixture(scope="module")
def chunks(analyses) -> list[AnalysedChunk]:
    return [AnalysedChunk(index, [analysis], [0]) for index, analysis in enumerate(analyses)]


def layers_of(fitted: FittedDetail) -> list[DetailLayer]:
    return [unpack_layers(record.payload, 1, SAMPLES, RATE)[0] for record in fitted.records]


@pytest.mark.parametrize("budget", [500, 1500, 4000])
@pytest.mark.parametrize("start", [None, 10, 250])
def test_a_budget_is_filled_from_wherever_the_search_starts(chunks, budget, start):
    like = None if start is None else FittedDetail([], 100, start, GAIN_TRADE, 400.0)
    fitted = fit_layers(chunks, budget, WORKERS, like)
    assert fitted.size == sum(len(record.payload) for record in fitted.records)
    assert 0.95 * budget <= fitted.size <= budget
    assert [layer.step for layer in layers_of(fitted)] == [fitted.step] * 2


@pytest.mark.parametrize("budget", [200, 500, 1500])
def test_gains_leave_something_for_levels(chunks, budget):
    fitted = fit_layers(chunks, budget, WORKERS)
    gains = sum(measure(layer, RATE).gains for layer in layers_of(fitted))
    assert 0 < gains <= (GAIN_SHARE + 0.15) * 8 * budget


def test_many_chunks_fill_a_budget_as_few_do(chunks):
    many = [AnalysedChunk(index, chunks[index % 2].channels, [0]) for index in range(3 * SAMPLE)]
    fitted = fit_layers(many, 9000, WORKERS)
    assert 0.95 * 9000 <= fitted.size <= 9000
    assert {layer.step for layer in layers_of(fitted)} == {fitted.step}


def test_too_small_a_budget_has_no_layers(chunks):
    fitted = fit_layers(chunks, 3, WORKERS)
    assert fitted.records == [None, None]
    assert fitted.size == 0


def test_any_number_of_workers_finds_the_same(chunks):
    assert fit_layers(chunks, 2000, WORKERS) == fit_layers(chunks, 2000, 1)


def test_offsets_divide_the_budget(analyses, chunks):
    coarser = [chunks[0], AnalysedChunk(1, [analyses[1]], [16])]
    plain, offset = fit_layers(chunks, 2000, WORKERS), fit_layers(coarser, 2000, WORKERS)
    assert len(offset.records[1].payload) < len(plain.records[1].payload)
    assert [layer.step - offset.step for layer in layers_of(offset)] == [0, 16]


def test_channels_of_a_chunk_share_a_record(analyses):
    both = fit_layers([AnalysedChunk(0, analyses, [0, 0])], 2000, WORKERS)
    assert [layer.step for layer in unpack_layers(both.records[0].payload, 2, SAMPLES, RATE)] == [both.step] * 2


def test_a_channel_that_has_nothing_to_say_has_no_layer(analyses):
    sound, _ = pair(SAMPLES)
    met = Analysis(sound, sound, RATE, 120, 0, table_costs())
    fitted = fit_layers([AnalysedChunk(0, [met, analyses[0]], [0, 0])], 1000, WORKERS)
    first, second = unpack_layers(fitted.records[0].payload, 2, SAMPLES, RATE)
    assert first is None
    assert second is not None
