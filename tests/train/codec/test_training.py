"""Training learns, resumes where it was, and ends in a weight file that works."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

import nac_cli
from nac_cli.errors import AudioError, ModelError, NacError, UsageError
from nac_cli.train import optimizers
from nac_cli.train.codec.config import AdversaryConfig
from nac_cli.train.codec.data import Excerpts, batches
from nac_cli.train.codec.export import export
from nac_cli.train.codec.loop import LOG, train
from nac_cli.train.codec.losses import MEL_SCALES, complex_stft_loss, log_stft_loss, mel_loss, waveform_loss
from nac_cli.train.codec.objective import energy_score
from nac_cli.train.codec.presets import PRESETS
from nac_cli.train.codec.trainer import Trainer
from nac_cli.train.corpus.prepare import find_audio, prepare, read_manifest
from nac_cli.train.records import from_json, merged, override, to_json

TINY = PRESETS["nac-44k-tiny"]
RATE = 44_100


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two domains, one full-band; one file that is silent, one that is no sound."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    time = np.arange(3 * 22_050) / 22_050
    (folder / "speech").mkdir()
    (folder / "music").mkdir()
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(5 * time))
    soundfile.write(folder / "speech" / "a.wav", tone, 22_050)
    soundfile.write(folder / "music" / "b.flac", rng.normal(0, 0.1, (4 * RATE, 2)).clip(-1, 1), RATE)
    soundfile.write(folder / "music" / "silent.wav", np.zeros(RATE), RATE)
    (folder / "music" / "broken.wav").write_bytes(b"RIFF but nothing else")
    said = []
    target = tmp_path_factory.mktemp("corpus")
    prepare(find_audio(folder), target, RATE, workers=1, report=said.append)
    assert len(said) == 2 and any("silent" in line for line in said) and any("broken" in line for line in said)
    return target


def test_the_manifest_knows_domain_length_and_band(corpus):
    items = {item.domain: item for item in read_manifest(corpus)}
    assert set(items) == {"speech", "music"}
    assert items["music"].full_band and not items["speech"].full_band
    assert items["music"].channels == 2 and items["speech"].seconds == pytest.approx(3, abs=0.01)


def test_a_folder_without_manifest_is_a_clear_error(tmp_path):
    with pytest.raises(AudioError, match="manifest"):
        read_manifest(tmp_path)


def test_batches_are_level_and_depend_on_seed_and_number_alone(corpus):
    excerpts = Excerpts(corpus, 24 * 512, {}, 0.5)
    first = [batch for batch, _ in zip(batches(excerpts, range(4), 7, 0), range(3))]
    later = next(iter(batches(excerpts, range(4), 7, 2)))
    assert first[0].shape == (4, 1, 24 * 512) and first[0].dtype == np.float32
    assert (first[2] == later).all()
    rms = np.sqrt((np.concatenate(first) ** 2).mean(axis=2))
    assert 0.6 < np.median(rms) < 1.7 and (rms < 4).all()


def test_a_domain_without_weight_is_never_drawn(corpus):
    excerpts = Excerpts(corpus, 512, {"speech": 1.0}, 0.5)
    assert {excerpts.domains[i] for i in np.flatnonzero(excerpts.weights)} == {"speech"}
    with pytest.raises(AudioError, match="speech"):
        Excerpts(corpus, 512, {"whales": 1.0}, 0.5)


def mel_distance_of(model, corpus, config) -> float:
    """Over all scales, on the same excerpts each time, with all planes."""
    batch = torch.from_numpy(next(iter(batches(_excerpts(corpus, config), range(8), 99, 0))))
    with torch.inference_mode():
        wav_hat = model.decode(model.encode(batch).codes)
    return sum(mel_loss(wav_hat * 0.1, batch * 0.1, RATE, *scale).item() for scale in MEL_SCALES)


def test_training_brings_the_sound_nearer(corpus, tmp_path):
    trainer = Trainer(override(TINY, steps=120), tmp_path, "cpu")
    before = mel_distance_of(trainer.model, corpus, trainer.config)
    steps = []
    report = train(trainer, corpus, progress=lambda step, losses: steps.append(step))
    assert steps == list(range(1, 121))
    assert report.step == 120 and report.stopped_by == "steps"
    after = mel_distance_of(trainer.ema_model(), corpus, trainer.config)
    assert after < 0.75 * before
    line = json.loads((tmp_path / LOG).read_text().splitlines()[-1])
    assert line["step"] == 100 and len(line["entropy"]) == 4


NOISY = replace(TINY, model=replace(TINY.model, noise=True))
GAME = AdversaryConfig(kinds=("stft", "golden"), windows=(512, 334), channels=4, warmup_steps=2, probability=0.7)
SHARES = {
    "mel/loss": 1.0,
    "stft/complex": 1.0,
    "waveform/loss": 0.1,
    "stft/log": 1.0,
    "adv/gen": 3.0,
    "adv/feature": 3.0,
}
VARIANTS = {
    "reconstruction": TINY,
    "energy": replace(NOISY, energy_weight=1.0),
    "adversarial": replace(NOISY, adversary=GAME),
    "balanced": replace(TINY, adversary=GAME, balance=SHARES),
}


@pytest.mark.parametrize("stop", [2, 7], ids=["before the codebooks", "after"])
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_resumed_run_equals_an_uninterrupted_one(corpus, tmp_path, config, stop):
    config = replace(config, steps=12, quantizer_start=3, warmup_steps=2, revive_every=4)
    whole, first = tmp_path / "whole", tmp_path / "first"
    for folder in (whole, first):
        folder.mkdir()
    run = Trainer(config, whole, "cpu")
    train(run, corpus)
    part = Trainer(config, first, "cpu")
    items = range(config.batch_size)
    for _, batch in zip(range(stop), batches(_excerpts(corpus, config), items, config.seed, 0)):
        part.train_step(batch)
    part.save(part_size=100_000)
    resumed = Trainer.resume(first, "cpu")
    assert resumed.step == stop
    train(resumed, corpus)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert all(torch.equal(a, b) for a, b in zip(run.ema, resumed.ema))
    if run.adversary:
        pairs = zip(run.adversary.discriminators.parameters(), resumed.adversary.discriminators.parameters())
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_frozen_encoder_keeps_its_codes_while_the_decoder_learns(corpus, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    start = Trainer(replace(TINY, steps=30), first, "cpu")
    train(start, corpus)
    finish = Trainer(replace(NOISY, steps=20, train_encoder=False, energy_weight=0.5), second, "cpu")
    finish.start_from(first)
    train(finish, corpus)
    wav = torch.from_numpy(next(iter(batches(_excerpts(corpus, TINY), range(2), 5, 0))))
    before, after = start.ema_model(), finish.ema_model()
    codes = before.encode(wav).codes
    assert all(torch.equal(a, b) for a, b in zip(codes, after.encode(wav).codes))
    assert not torch.equal(before.decode(codes), after.decode(codes))
    training = export(second, tmp_path / "mine.safetensors", corpus).training
    assert (training["steps"], [run["steps"] for run in training["before"]]) == (20, [30])
    assert training["before"][0]["config"]["train_encoder"] and not training["config"]["train_encoder"]


def test_a_start_from_another_run_keeps_its_codebooks(corpus, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    start = Trainer(replace(TINY, steps=30), first, "cpu")
    train(start, corpus)
    nearly_still = replace(TINY, steps=3, muon_rate=1e-9, adam_rate=1e-9, quantizer_start=2, revive_every=100)
    further = Trainer(nearly_still, second, "cpu")
    further.start_from(first)
    train(further, corpus)
    before, after = start.ema_model().state_dict(), further.ema_model().state_dict()
    assert all(torch.allclose(value, after[name], atol=1e-5) for name, value in before.items())
    assert Trainer.resume(second, "cpu").config.quantizer_start == 0


def test_a_weight_file_is_a_start_also_for_fewer_planes(corpus, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    start = Trainer(replace(TINY, steps=2), first, "cpu")
    train(start, corpus)
    file = export(first, tmp_path / "mine.safetensors", corpus)
    fewer = replace(TINY, steps=3, model=replace(TINY.model, num_codebooks=2, noise=True))
    further = Trainer(fewer, second, "cpu")
    further.start_from(file.path)
    wav = torch.from_numpy(next(iter(batches(_excerpts(corpus, TINY), range(2), 5, 0))))
    codes, kept = start.ema_model().encode(wav).codes, further.ema_model().encode(wav).codes
    assert len(kept) == 2 and all((a == b).float().mean() > 0.95 for a, b in zip(codes, kept))  # float16 on the way
    train(further, corpus)
    assert Trainer.resume(second, "cpu").before == [{"weights": file.spec.model_id.hex()}]
    exported = export(second, tmp_path / "further.safetensors", corpus)
    assert exported.training["before"] == [{"weights": file.spec.model_id.hex()}]
    more = replace(TINY, model=replace(TINY.model, num_codebooks=6))
    with pytest.raises(ModelError, match="other sizes"):
        Trainer(more, tmp_path, "cpu").start_from(file.path)


def test_a_cooldown_ends_a_run_that_would_go_on(corpus, tmp_path):
    trainer = Trainer(replace(TINY, steps=1_000, warmup_steps=0, cooldown_share=0.0), tmp_path, "cpu")
    train(trainer, corpus, time_limit=0.3, keep_every=1)
    step = trainer.step
    kept = Trainer.resume(tmp_path / "step-1", "cpu")
    assert kept.step == 1 and kept.config == trainer.config
    branch = Trainer.resume(tmp_path, "cpu", cooldown=10)
    assert branch.config.steps == step + 10
    rates = [optimizers.codec_rate_factor(number, branch.config) for number in (step, step + 5, step + 9)]
    assert rates == pytest.approx([1.0, 0.5, 0.1])
    report = train(branch, corpus)
    assert (report.step, report.stopped_by) == (step + 10, "steps")


@pytest.mark.parametrize("shared, name", [(False, "stft/complex"), (True, "stft/high")])
def test_the_energy_score_rewards_spread_where_the_median_is_blind(shared, name):
    """Two decodes of noise are further from a recording of noise than its median, silence, is; the score turns that
    round. Below its edge it does not, or has other losses."""
    torch.manual_seed(0)
    wav, first, second = torch.randn(3, 4, 1, 44 * 1024)
    silence = torch.zeros_like(wav)
    config = replace(NOISY, energy_weight=1.0, energy_from=1.0, mel_scales_per_step=7, shared_spectra=shared)

    def score(a, b, config):
        torch.manual_seed(1)
        parts = energy_score(a, b, wav, config)
        return (parts[name] + parts.get("stft/repulsion", 0)).item()

    assert score(first, second, config) < score(silence, silence, config)
    assert score(first, second, replace(config, energy_weight=0.0)) > score(silence, silence, config)
    high = replace(config, energy_from=18_000.0)
    rewarded = score(silence, silence, high) - score(first, second, high)
    assert rewarded < (0.5 if shared else 0) * (score(silence, silence, config) - score(first, second, config))


def test_another_network_is_no_start(corpus, tmp_path):
    first = tmp_path / "first"
    first.mkdir()
    Trainer(TINY, first, "cpu").save()
    wider = replace(TINY, model=replace(TINY.model, coarse_width=64))
    with pytest.raises(ModelError, match="other sizes"):
        Trainer(wider, tmp_path, "cpu").start_from(first)


def _excerpts(corpus, config):
    length = config.excerpt_frames * config.model.hop_length
    return Excerpts(corpus, length, config.domain_weights, config.full_band_share, config.augmentation)


def test_a_time_limit_stops_cleanly_with_a_checkpoint(corpus, tmp_path):
    trainer = Trainer(override(TINY, steps=10_000), tmp_path, "cpu")
    report = train(trainer, corpus, time_limit=0.5)
    assert report.stopped_by == "time limit"
    assert Trainer.resume(tmp_path, "cpu").step == report.step


def test_a_run_becomes_a_weight_file_that_compresses(corpus, tmp_path):
    trainer = Trainer(override(TINY, steps=30), tmp_path, "cpu")
    train(trainer, corpus)
    path = tmp_path / "mine.safetensors"
    file = export(tmp_path, path, corpus)
    assert file.training["steps"] == 30
    sound = nac_cli.Waveform(np.random.default_rng(0).normal(0, 0.1, (1, RATE)).astype(np.float32), RATE)
    report = nac_cli.compress(sound, io.BytesIO(), model=path, planes=3, device="cpu")
    assert report.depth == 3


def test_resuming_from_nothing_is_a_clear_error(tmp_path):
    with pytest.raises(ModelError, match="no such checkpoint"):
        Trainer.resume(tmp_path, "cpu")
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match="not a readable checkpoint"):
        Trainer.resume(tmp_path, "cpu")


def test_a_config_survives_json_and_rejects_what_it_does_not_know():
    config = TINY
    assert from_json(to_json(config)) == config
    with pytest.raises(UsageError, match="speed"):
        from_json('{"speed": 11}')
    with pytest.raises(UsageError, match="steps"):
        from_json('{"steps": "many"}')
    with pytest.raises(NacError):
        override(config, steps=0)
    changed = merged(config, '{"steps": 7, "model": {"hop_length": 1024}, "domain_weights": {"music": 1.0}}')
    assert (changed.steps, changed.model.hop_length, changed.model.n_fft) == (7, 1024, 1024)
    assert changed.domain_weights == {"music": 1.0}
    for wrong in ("[]", "steps", '{"model": {"hops": 3}}', '{"energy_weight": 1.0}'):
        with pytest.raises(UsageError):
            merged(config, wrong)


@pytest.mark.parametrize("loss", [
    lambda a, b: mel_loss(a, b, RATE, *MEL_SCALES[5]), lambda a, b: complex_stft_loss(a, b, 512), waveform_loss,
    lambda a, b: log_stft_loss(a, b, 4096),
])  # fmt: skip
def test_losses_are_zero_for_the_same_sound_and_grow_with_the_error(loss):
    torch.manual_seed(0)
    wav, noise = torch.randn(2, 1, RATE), torch.randn(2, 1, RATE)
    assert loss(wav, wav).item() == 0
    assert 0 < loss(wav + 0.01 * noise, wav) < loss(wav + 0.3 * noise, wav)


def test_long_windows_see_a_buzz_that_short_ones_do_not():
    """The buzz is noise that repeats with every 256 samples; windows as short as that take it for any other noise."""
    torch.manual_seed(0)
    wav, other = torch.randn(2, 1, 1, 172 * 256)
    buzz = torch.randn(1, 1, 256).repeat(1, 1, 172)
    seen = log_stft_loss(buzz, wav, 4096) / log_stft_loss(other, wav, 4096)
    mel = mel_loss(buzz, wav, RATE, 256, 40) / mel_loss(other, wav, RATE, 256, 40)
    assert seen > 5 and mel < 1.1


def test_ten_times_the_level_is_one_off_in_the_mel_loss():
    wav = torch.randn(1, 1, RATE)
    for scale in MEL_SCALES:
        assert mel_loss(10 * wav, wav, RATE, *scale).item() == pytest.approx(1, abs=0.02)
