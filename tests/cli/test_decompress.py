from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import lines
from tests.helpers.streams import damage_middle, with_length, with_other_model, with_other_tokens


def test_the_sound_comes_back_beside_the_file(nac, nac_file, tmp_path):
    result = nac("decompress", nac_file)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    found = soundfile.info(tmp_path / "long.wav")
    assert (found.frames, found.samplerate, found.channels) == (25 * 44_100, 44_100, 1)


@pytest.mark.parametrize(
    ("options", "name", "subtype"),
    [
        (["--format", "flac"], "long.flac", "PCM_16"),
        (["--format", "ogg"], "long.ogg", "VORBIS"),
        (["--bits", "24"], "long.wav", "PCM_24"),
        (["--bits", "32"], "long.wav", "FLOAT"),
    ],
)
def test_formats_and_widths(nac, nac_file, tmp_path, options, name, subtype):
    assert nac("decompress", nac_file, "--end", 1, *options).exit_code == 0
    assert soundfile.info(tmp_path / name).subtype == subtype


def test_the_name_of_the_output_chooses_the_format(nac, nac_file, tmp_path):
    assert nac("decompress", nac_file, "--end", 1, "-o", tmp_path / "a.flac").exit_code == 0
    assert soundfile.info(tmp_path / "a.flac").format == "FLAC"


def test_a_range_is_the_same_stretch_of_the_whole(nac, nac_file, tmp_path):
    nac("decompress", nac_file, "--bits", 32)
    assert (
        nac(
            "decompress",
            nac_file,
            "--bits",
            32,
            "--start",
            "0:09.5",
            "--end",
            "11.25",
            "-o",
            tmp_path / "part.wav",
        ).exit_code
        == 0
    )
    whole, rate = soundfile.read(tmp_path / "long.wav")
    part, _ = soundfile.read(tmp_path / "part.wav")
    np.testing.assert_allclose(part, whole[round(9.5 * rate) : round(11.25 * rate)], atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        ["--start", "5", "--end", "4"],
        ["--start", "26"],
        ["--start", "x"],
        ["--bits", "8"],
        ["--format", "mp3"],
        ["--format", "flac", "-o", "a.wav"],
        ["--format", "flac", "--bits", "32"],
        ["-o", "song.mp3"],
    ],
)
def test_wrong_usage(nac, nac_file, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    assert nac("decompress", nac_file, *options).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["long.nac"]


def test_an_existing_output_stays_unless_forced(nac, nac_file, tmp_path):
    (tmp_path / "long.wav").write_bytes(b"precious")
    assert nac("decompress", nac_file).exit_code == 9
    assert (tmp_path / "long.wav").read_bytes() == b"precious"
    assert nac("decompress", nac_file, "-f").exit_code == 0
    assert soundfile.info(tmp_path / "long.wav").frames == 25 * 44_100


def test_damage_is_named_and_the_rest_is_delivered(nac, damaged_file, nac_file, tmp_path):
    nac("decompress", nac_file)
    result = nac("decompress", damaged_file)
    assert result.exit_code == 4
    assert "10.03 s to 20.06 s is lost" in result.stderr
    sound, rate = soundfile.read(tmp_path / "damaged.wav")
    whole, _ = soundfile.read(tmp_path / "long.wav")
    assert len(sound) == len(whole)
    assert np.abs(sound[round(10.1 * rate) : round(20 * rate)]).max() < 1e-3
    np.testing.assert_allclose(sound[: 9 * rate], whole[: 9 * rate], atol=1e-4)
    assert np.abs(sound[21 * rate :]).max() > 0.01


def test_damage_in_json(nac, damaged_file):
    (record,) = lines(nac("decompress", damaged_file, "--json"))
    assert record["exit_code"] == 4 and "is lost" in record["error"]
    (loss,) = record["losses"]
    assert (round(loss["start"], 2), round(loss["stop"], 2)) == (10.03, 20.06)


def test_damage_outside_the_range_does_not_matter(nac, damaged_file):
    assert nac("decompress", damaged_file, "--end", "9").exit_code == 0


def test_strict_stops_at_damage_without_output(nac, damaged_file, tmp_path):
    assert nac("decompress", damaged_file, "--strict").exit_code == 6
    assert not (tmp_path / "damaged.wav").exists()


@pytest.mark.parametrize(
    ("change", "exit_code"),
    [
        (lambda stream: stream[:10], 6),
        (lambda stream: stream[: len(stream) // 2], 4),
        (damage_middle, 4),
        (with_other_tokens, 8),
        (lambda stream: with_length(stream, hours=101), 10),
        (with_other_model, 7),
        (lambda stream: stream[:8] + b"\x09" + stream[9:], 5),
        (lambda stream: b"RIFF" + stream, 5),
        (lambda stream: b"", 6),
    ],
)
def test_what_can_be_wrong_with_a_file(nac, tmp_path, long_stream, change, exit_code):
    path = tmp_path / "x.nac"
    path.write_bytes(change(long_stream))
    result = nac("decompress", path)
    assert result.exit_code == exit_code, result.output
    assert str(path) in result.stderr
    assert (tmp_path / "x.wav").exists() == (exit_code in (4, 8))
    assert not list(tmp_path.glob(".*"))


def test_a_missing_model_says_which_and_what_to_do(nac, tmp_path, long_stream):
    (tmp_path / "x.nac").write_bytes(with_other_model(long_stream))
    result = nac("decompress", tmp_path / "x.nac")
    assert "lost-model" in result.stderr and "ab" * 8 in result.stderr and "nac models" in result.stderr
