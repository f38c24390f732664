"""`nac archive verify` and `nac archive status`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import lines
from tests.helpers.libraries import BROKEN, SIDECARS, SOUNDS
from tests.helpers.streams import damage_middle

FILES = len(SOUNDS) + len(SIDECARS)


def test_a_sound_archive(nac, archive):
    result = nac("archive", "verify", archive, "--workers", 1)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"{FILES} files sound (structure" in result.stderr and "0 bad, 0 unknown" in result.stderr


def test_bad_files_have_a_line_each(nac, archive):
    file = archive / "b/new\nline.nac"
    file.write_bytes(damage_middle(file.read_bytes()))
    (archive / "a/cover.jpg").unlink()
    (archive / "stray").write_bytes(b"?")
    result = nac("archive", "verify", archive, "--level", "files", "--workers", 1)
    assert result.exit_code == 11
    assert sorted(result.stdout.splitlines()) == [
        "a/cover.jpg: is gone from the archive",
        "b/new line.nac: has changed since it was archived (another SHA-256 than in the journal)",
    ]
    assert "stray: the journal does not know it" in result.stderr and "Error: 2 of" in result.stderr


def test_json_has_all_files_and_a_sum(nac, archive):
    (archive / "a/cover.jpg").write_bytes(b"PICTURE")
    *files, total, error = lines(nac("archive", "verify", archive, "--level", "files", "--workers", 1, "--json"))
    codes = {record["file"]: record["exit_code"] for record in files}
    assert len(codes) == FILES and {name for name, code in codes.items() if code} == {"a/cover.jpg"}
    assert (total["sound"], total["bad"], total["unknown"]) == (FILES - 1, 1, [])
    assert error["exit_code"] == 11


def test_full_decodes_with_workers(nac, archive):
    result = nac("archive", "verify", archive, "--full", "--workers", 1, "--threads", 1, "--device", "cpu")
    assert result.exit_code == 0 and f"{FILES} files sound (full" in result.stderr


def test_status_says_what_there_is_and_what_failed(nac, archive):
    result = nac("archive", "status", archive)
    assert result.exit_code == 0
    assert f"{len(SOUNDS)} files, 0:03.1 of sound" in result.stdout
    assert "failed 1x (unreadable or unwritable): is not sound that nac can read" in result.stdout
    (record,) = lines(nac("archive", "status", archive, "--json"))
    assert (record["done"], record["copied"], record["failed"]) == (len(SOUNDS), len(SIDECARS), 1)
    assert [failure["file"] for failure in record["failures"]] == [BROKEN]


def test_status_lists_failures_for_other_commands(nac, archive):
    assert nac("archive", "status", archive, "--failed").stdout == f"{BROKEN}\n"
    assert nac("archive", "status", archive, "--failed", "-0").stdout_bytes == BROKEN.encode() + b"\0"
    assert nac("archive", "status", archive, "-0").exit_code == 2


@pytest.mark.parametrize("command", ["verify", "status"])
def test_a_folder_that_is_no_archive(nac, tmp_path, command):
    result = nac("archive", command, tmp_path)
    assert result.exit_code == 2 and "is no archive" in result.stderr
