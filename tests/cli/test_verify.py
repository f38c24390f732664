from __future__ import annotations

import pytest

from tests.cli.conftest import lines
from tests.helpers.streams import with_other_model, with_other_tokens


@pytest.mark.parametrize("level", ["structure", "tokens", "full"])
def test_a_sound_file(nac, nac_file, level):
    result = nac("verify", nac_file, "--level", level)
    assert result.exit_code == 0
    assert result.stdout == f"{nac_file}: ok ({level}, 0:25.0)\n"
    assert result.stderr == ""


@pytest.mark.parametrize("level", ["structure", "tokens", "full"])
def test_a_damaged_file(nac, damaged_file, level):
    result = nac("verify", damaged_file, "--level", level)
    assert result.exit_code == 6
    assert result.stdout == f"{damaged_file}: corrupt\n"
    assert "checksum" in result.stderr


def test_other_tokens_are_found_where_tokens_are_checked(nac, tmp_path, long_stream):
    path = tmp_path / "x.nac"
    path.write_bytes(with_other_tokens(long_stream))
    assert nac("verify", path, "--level", "structure").exit_code == 0
    result = nac("verify", path, "--level", "tokens")
    assert (result.exit_code, result.stdout) == (8, f"{path}: tokens mismatch\n")


def test_without_the_model_only_the_structure_can_be_checked(nac, tmp_path, long_stream):
    path = tmp_path / "x.nac"
    path.write_bytes(with_other_model(long_stream))
    assert nac("verify", path, "--level", "structure").exit_code == 0
    assert nac("verify", path).exit_code == 7


def test_many_files_get_a_line_each(nac, nac_file, damaged_file, tmp_path):
    result = nac("verify", "--level", "structure", nac_file, tmp_path / "missing.nac", damaged_file)
    assert result.exit_code == 11
    assert result.stdout.splitlines() == [
        f"{nac_file}: ok (structure, 0:25.0)",
        f"{tmp_path / 'missing.nac'}: unreadable",
        f"{damaged_file}: corrupt",
    ]
    assert "2 of 3 inputs failed" in result.stderr


def test_json(nac, nac_file, damaged_file):
    good, bad, run = lines(nac("verify", "--json", nac_file, damaged_file))
    assert good["sound"] is True and good["level"] == "full" and good["exit_code"] == 0
    assert bad["sound"] is False and bad["exit_code"] == 6 and len(bad["losses"]) == 1 and bad["error"]
    assert run == {"exit_code": 11, "error": "1 of 2 inputs failed"}
