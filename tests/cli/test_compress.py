from __future__ import annotations

import pytest
import soundfile

import nac_cli
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY
from tests.helpers.sounds import write_sound


def test_the_file_appears_beside_the_sound_and_keeps_to_the_bitrate(compress, tmp_path):
    sound = write_sound(tmp_path / "long.wav", seconds=21.0)
    result = compress(sound, "-b", "1.5kbps")
    assert result.exit_code == 0, result.output
    written = tmp_path / "long.nac"
    assert written.stat().st_size * 8 / 21.0 <= 1500
    assert result.stdout == ""
    assert "0:21.0 stereo" in result.stderr


def test_planes_set_the_depth(compress, wav, tmp_path):
    assert compress(wav, "-q", 3).exit_code == 0
    assert nac_cli.info(tmp_path / "song.nac").depths == (3.0, 3.0)


def test_json_is_one_object_with_the_report(compress, wav, tmp_path):
    result = compress(wav, "-q", 1, "--json")
    (record,) = lines(result)
    assert record["file"] == str(wav)
    assert record["target"] == str(tmp_path / "song.nac")
    assert record["exit_code"] == 0 and "error" not in record
    assert record["file_bytes"] == (tmp_path / "song.nac").stat().st_size
    assert {
        "model",
        "sample_rate",
        "channels",
        "num_samples",
        "seconds",
        "bitrate",
        "file_bitrate",
        "depth",
        "source_bytes",
        "tag_bytes",
        "overhead_bytes",
        "elapsed",
        "messages",
    } <= set(record)
    assert result.stderr == ""


def test_an_existing_output_stays_unless_forced(compress, wav, tmp_path):
    old = tmp_path / "song.nac"
    old.write_bytes(b"precious")
    result = compress(wav, "-q", 1)
    assert result.exit_code == 9
    assert "--force" in result.stderr
    assert old.read_bytes() == b"precious"
    assert compress(wav, "-q", 1, "--force").exit_code == 0
    assert old.read_bytes() != b"precious"


def test_a_failure_leaves_the_old_output_alone(compress, tmp_path):
    old = tmp_path / "song.nac"
    old.write_bytes(b"precious")
    (tmp_path / "song.wav").write_bytes(b"no sound in here")
    assert compress(tmp_path / "song.wav", "--force").exit_code == 3
    assert old.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song.nac", "song.wav"]


def test_a_bitrate_out_of_reach_names_the_range(compress, wav):
    result = compress(wav, "-b", "64kbps", "--no-detail")
    assert result.exit_code == 2
    assert "bit/s" in result.stderr and "range" in result.stderr


def test_detail_has_use_for_any_bitrate(compress, wav):
    assert compress(wav, "-b", "64kbps").exit_code == 0


def test_more_planes_than_the_model_has(compress, wav):
    result = compress(wav, "-q", 5)
    assert result.exit_code == 2
    assert "1 to 4 planes" in result.stderr


@pytest.mark.parametrize(
    "options",
    [["-b", "6k", "-q", "2"], ["-b", "6"], ["-q", "0"], ["--threads", "0"], ["--device", "tpu"], []],
)
def test_wrong_usage(nac, wav, options):
    inputs = [wav] if options else []
    assert nac("compress", *inputs, *options).exit_code == 2


def test_the_model_can_be_named_by_id_and_path(nac, models, wav, tmp_path):
    path = models / f"{TINY}.safetensors"
    model_id = next(line["id"] for line in lines(nac("models", "--json")) if line["name"] == TINY)
    for number, model in enumerate((model_id, path)):
        assert nac("compress", wav, "--model", model, "-q", 1, "-o", tmp_path / f"{number}.nac").exit_code == 0
    assert (tmp_path / "0.nac").read_bytes() == (tmp_path / "1.nac").read_bytes()


def test_tags_travel_unless_told_otherwise(compress, tmp_path):
    sound = write_sound(tmp_path / "song.flac", seconds=0.5, title="Nocturne")
    compress(sound, "-q", 1, "-o", tmp_path / "with.nac")
    compress(sound, "-q", 1, "-o", tmp_path / "without.nac", "--no-tags")
    assert ("TITLE", "Nocturne") in nac_cli.info(tmp_path / "with.nac").tags.items
    assert nac_cli.info(tmp_path / "without.nac").tags.items == ()


def test_verify_checks_the_result_before_it_takes_its_place(compress, wav, tmp_path, monkeypatch):
    assert compress(wav, "-q", 1, "--verify", "-o", tmp_path / "good.nac").exit_code == 0
    from nac_cli.pipelines.rate import fitting

    def broken(packer, planes):
        from dataclasses import replace

        return [replace(record, token_checksum=record.token_checksum ^ 1) for record in fit(packer, planes)]

    fit = fitting.fit_planes
    monkeypatch.setattr(fitting, "fit_planes", broken)
    assert compress(wav, "-q", 1, "--verify", "-o", tmp_path / "bad.nac").exit_code == 8
    assert not (tmp_path / "bad.nac").exists()


def test_quiet_says_nothing(compress, wav):
    result = compress(wav, "-q", 1, "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_unicode_names(compress, nac, tmp_path):
    sound = write_sound(tmp_path / "夜曲 – Ærø.wav", seconds=0.3)
    result = compress(sound, "-q", 1)
    assert result.exit_code == 0
    assert "夜曲 – Ærø.nac" in result.stderr
    assert nac("info", tmp_path / "夜曲 – Ærø.nac").exit_code == 0


def test_a_folder_for_many(compress, tmp_path):
    sounds = [write_sound(tmp_path / f"{name}.wav", seconds=0.3) for name in "abc"]
    assert compress(*sounds, "-q", 1, "-o", f"{tmp_path}/small/").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == ["a.nac", "b.nac", "c.nac"]


def test_odd_sound_is_told(compress, tmp_path):
    soundfile.write(tmp_path / "silence.wav", [0.0] * 9000, 8000)
    result = compress(tmp_path / "silence.wav", "-q", 1)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: ") and "silent" in result.stderr
