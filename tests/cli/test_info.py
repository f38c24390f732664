from __future__ import annotations

import shutil

import pytest

from tests.cli.conftest import lines
from tests.helpers.sounds import write_sound
from tests.helpers.streams import with_other_model


def test_people_see_what_the_file_holds(nac, nac_file):
    result = nac("info", nac_file)
    assert result.exit_code == 0
    for expected in ("long.nac", "0:25.0", "mono, 44.1 kHz", "nac-44k-tiny", "kbit/s", "3 ("):
        assert expected in result.stdout
    assert result.stderr == ""
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_json_has_a_line_for_each_file(nac, nac_file, tmp_path):
    other = tmp_path / "other.nac"
    shutil.copy(nac_file, other)
    first, second = lines(nac("info", "--json", nac_file, other))
    assert first["file"] == str(nac_file) and second["file"] == str(other)
    assert first["samples"] == 25 * 44_100 and first["channels"] == 1
    assert first["bytes"] == nac_file.stat().st_size
    assert first["bitrate"] == 8 * first["bytes"] / 25
    assert first["model"]["installed"] is True
    assert first["exit_code"] == 0 and first["damage"] == []


def test_no_model_is_needed(nac, tmp_path, long_stream):
    (tmp_path / "x.nac").write_bytes(with_other_model(long_stream))
    result = nac("info", tmp_path / "x.nac")
    assert result.exit_code == 0
    assert "NOT INSTALLED" in result.stdout


def test_damage_is_counted_and_decides_the_exit_code(nac, damaged_file):
    result = nac("info", damaged_file)
    assert result.exit_code == 6
    assert "1 place" in result.stdout and "damaged" in result.stderr
    (record,) = lines(nac("info", "--json", damaged_file))
    assert record["exit_code"] == 6 and record["damage"] and record["chunks"] == 2


def test_standard_input(nac, long_stream):
    result = nac("info", "-", "--json", input=long_stream)
    (record,) = lines(result)
    assert record["file"] == "-" and record["chunks"] == 3


def test_a_tag_cannot_drive_the_terminal(nac, compress, tmp_path):
    sound = write_sound(tmp_path / "song.flac", seconds=0.3, title="[bold]\x1b]0;owned\x07")
    compress(sound, "-q", 1)
    result = nac("info", tmp_path / "song.nac")
    assert "[bold]�]0;owned�" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_file_of_another_kind(nac, wav):
    result = nac("info", wav)
    assert result.exit_code == 5
    assert str(wav) in result.stderr


@pytest.mark.parametrize("pipe", [True, False])
def test_bits_that_are_spent_add_up_to_the_file(nac, tmp_path, wav, pipe):
    path = tmp_path / "detailed.nac"
    assert nac("compress", wav, "-o", path, "-b", "8kbps", "--model", "nac-44k-tiny").exit_code == 0
    result = nac("info", "--bits", "-" if pipe else path, input=path.read_bytes())
    assert "bit/s of planes" in result.stdout and "coefficients" in result.stdout
    (record,) = lines(nac("info", "--bits", "--json", path))
    bits = record["bits"]
    assert bits["coefficients"] > 0
    parts = ("container", "side", "coder", "coefficients", "gains", "blocks")
    assert sum(bits[part] for part in parts) + sum(bits["planes"]) == pytest.approx(record["bitrate"])


def test_bits_of_a_damaged_file_are_not_counted(nac, damaged_file):
    result = nac("info", "--bits", damaged_file)
    assert result.exit_code == 6
    assert "bit/s of planes" not in result.stdout
