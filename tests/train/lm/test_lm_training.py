"""A language model learns the codes it is shown, resumes where it was, and becomes integers that cost hardly more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from nac_cli.entropy.lm import load, measure, prepare
from nac_cli.entropy.lm.reference import FloatNetwork
from nac_cli.errors import AudioError, ModelError, UsageError
from nac_cli.models import zoo
from nac_cli.train.corpus.prepare import SourceFile
from nac_cli.train.corpus.prepare import prepare as prepare_corpus
from nac_cli.train.lm import tokens as tokens_module
from nac_cli.train.lm.config import PRESETS, LmTrainConfig
from nac_cli.train.lm.export import export
from nac_cli.train.lm.loop import LmTrainer, train
from nac_cli.train.lm.tokens import Tokens, tokenise
from nac_cli.train.records import from_json, to_json
from nac_cli.values import ABSENT
from tests.helpers.codecs import write_tiny_model

RATE = 44_100
SMALL = replace(
    PRESETS["nac-lm-tiny"],
    width=16,
    heads=2,
    feed_width=32,
    head_width=16,
    embedding_rank=8,
    steps=40,
    batch_size=2,
    sequence_frames=64,
    warmup_steps=2,
    adam_rate=1e-2,
    muon_rate=1e-2,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six short recordings, one of them stereo, one with a silence in its middle."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    files = []
    for number in range(6):
        time = np.arange(2 * RATE) / RATE
        sound = 0.3 * np.sin(2 * np.pi * 110 * (number + 1) * time) + 0.05 * rng.normal(size=time.size)
        if number == 1:
            sound[RATE // 2 : 3 * RATE // 2] = 0
        if number == 2:
            sound = np.stack([sound, sound[::-1] / 2], axis=1)
        path = folder / f"{number}.wav"
        soundfile.write(path, sound, RATE)
        files.append(SourceFile(str(path), "music" if number % 2 else "speech", "test"))
    target = tmp_path_factory.mktemp("corpus")
    prepare_corpus(files, target, RATE, workers=1)
    return target


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    return zoo.load(zoo.find(write_tiny_model(tmp_path_factory.mktemp("models"))))


@pytest.fixture(scope="module")
def folder(corpus, codec, tmp_path_factory):
    target = tmp_path_factory.mktemp("tokens")
    assert tokenise(corpus, target, codec) == 6
    return target


@pytest.fixture
def tokens(folder, monkeypatch):
    monkeypatch.setattr(tokens_module, "HELD_OUT", 3)
    return Tokens(folder)


def test_tokens_are_those_of_the_codec_with_silence_left_out(tokens, codec):
    assert tokens.codec == codec.spec
    assert len(tokens.codes) == 7, "a pair gives two sequences"
    assert all(codes.max() < 64 and codes.min() >= ABSENT for codes in tokens.codes)
    absent = [(codes == ABSENT).any() for codes in tokens.codes]
    assert sum(absent) == 1, "only the recording with a silence has absent codes"


def test_an_interrupted_folder_is_completed(corpus, codec, folder, tmp_path):
    assert tokenise(corpus, tmp_path, codec, progress=lambda done, whole: done >= 2) == 2
    assert tokenise(corpus, tmp_path, codec) == 6
    assert {p.name: p.read_bytes() for p in tmp_path.glob("*.npy")} == {
        p.name: p.read_bytes() for p in folder.glob("*.npy")
    }


def test_tokens_of_another_codec_do_not_mix(corpus, codec, folder, tmp_path):
    other = zoo.load(zoo.find(write_tiny_model(tmp_path, seed=1)))
    with pytest.raises(ModelError, match="another codec"):
        tokenise(corpus, folder, other)
    with pytest.raises(AudioError, match="nac train tokens"):
        Tokens(tmp_path)


def test_sequences_have_codes_up_to_their_depth_and_nothing_above(tokens):
    rng, depths_seen = np.random.default_rng(0), set()
    for _ in range(30):
        codes, depths = tokens.draw(rng, 96, steady_share=0.5)
        present = np.arange(4)[:, None] < depths
        assert np.array_equal(codes != ABSENT, present)
        depths_seen |= set(depths.tolist())
    assert depths_seen == set(range(5))


def test_the_torch_network_is_the_one_that_is_quantised(tokens, tmp_path):
    trainer = LmTrainer(SMALL, tokens, tmp_path, "cpu")
    for parameter in trainer.network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    codes, depths = trainer.batch()
    with torch.no_grad():
        nats = trainer.network(codes, depths)[0].numpy()
    reference = FloatNetwork(trainer.network.config, trainer.network.arrays())
    expected = reference.cost_bits(codes[0].numpy(), depths[0].numpy())
    np.testing.assert_allclose(nats / np.log(2), expected, atol=1e-4)


def test_it_starts_from_what_the_codes_stand_for(tokens, tmp_path):
    trainer = LmTrainer(SMALL, tokens, tmp_path, "cpu")
    network = trainer.network
    for plane, vectors in enumerate(tokens.vectors):
        with torch.no_grad():
            rows = network._table(f"input.{plane}")[:-1].numpy()
        alike = np.corrcoef(_distances(rows), _distances(vectors))[0, 1]
        logits = network[f"head.logits.{plane}.weight"].detach().numpy()
        assert alike > 0.8 and np.corrcoef(_distances(logits), _distances(vectors))[0, 1] > 0.3


def _distances(rows):
    """Of all pairs."""
    return np.linalg.norm(rows[:, None] - rows, axis=2)[np.triu_indices(len(rows), 1)]


def test_it_learns_and_its_integers_cost_hardly_more(tokens, tmp_path):
    trainer = LmTrainer(replace(SMALL, steps=120), tokens, tmp_path, "cpu")
    first = trainer.train_step()[0]
    report = train(trainer)
    assert first == pytest.approx(6, abs=0.3), "64 codes, nothing learnt yet"
    assert report.bits < 5.6 and report.stopped_by == "steps" and set(report.held_out_bits) == {1, 4}
    written = export(tmp_path, tmp_path / "tiny.lm.safetensors", tokens)
    assert abs(written.loss) < 0.02
    network = prepare(load(written.path))
    seen = next(i for i in range(len(tokens.codes)) if i not in tokens.held_out)
    codes, depths = tokens.cut(tokens.codes[seen][:, :64], 64, np.full(64, 3))
    assert measure(network, codes, depths).bits().sum() < 5.7 * (codes >= 0).sum()


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tokens, tmp_path):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = LmTrainer(replace(SMALL, steps=6), tokens, tmp_path / "whole", "cpu")
    train(whole)
    part = LmTrainer(replace(SMALL, steps=6), tokens, tmp_path / "parts", "cpu")
    for _ in range(3):
        part.train_step()
    part.save()
    resumed = LmTrainer.resume(tokens, tmp_path / "parts", "cpu")
    train(resumed)
    for a, b in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_run_of_another_codec_is_not_resumed(tokens, tmp_path):
    trainer = LmTrainer(SMALL, tokens, tmp_path, "cpu")
    trainer.save()
    tokens.codec = replace(tokens.codec, model_id=bytes(8))
    with pytest.raises(ModelError, match="learns the codes of model"):
        LmTrainer.resume(tokens, tmp_path, "cpu")


def test_configs_are_records_like_a_codec_s():
    config = PRESETS["nac-lm"]
    assert from_json(to_json(config), LmTrainConfig) == config
    with pytest.raises(UsageError, match="unknown"):
        from_json('{"depth": 3}', LmTrainConfig)
    with pytest.raises(UsageError, match="positive"):
        replace(config, steps=0)
