from __future__ import annotations

import re

import click
import pytest

import nac_cli
from nac_cli import errors
from nac_cli.cli.errors import EXIT_CODES, explain
from tests.cli.conftest import ROOT, lines


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.NacError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.AudioError("x"), 3),
        (errors.PartlyDecoded("x"), 4),
        (errors.UnsupportedStream("x"), 5),
        (errors.CorruptStream("x"), 6),
        (errors.ModelError("x"), 7),
        (errors.TokenMismatch("x"), 8),
        (errors.OutputExists("x"), 9),
        (errors.LimitExceeded("x"), 10),
        (errors.BatchFailed("x"), 11),
        (errors.Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.UsageError("x"), 2),
        (BrokenPipeError(), 141),
        (PermissionError(13, "Permission denied", "a.wav"), 3),
        (MemoryError(), 1),
        (RuntimeError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error, exit_code):
    assert explain(error).exit_code == exit_code


def test_every_error_of_the_package_is_in_the_table():
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.NacError):
            assert errors.EXIT_CODES[kind.exit_code] == kind.meaning


def test_the_readme_has_the_table_of_exit_codes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("### Exit codes\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", section, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == EXIT_CODES


def test_a_closed_pipe_is_recognised_behind_other_errors():
    try:
        try:
            raise BrokenPipeError
        except BrokenPipeError as cause:
            raise errors.AudioError("standard output cannot be written") from cause
    except errors.AudioError as error:
        assert explain(error).exit_code == 141


def test_a_missing_package_names_the_extra_that_has_it():
    assert "nac-cli[bench]" in explain(ModuleNotFoundError("No module named 'scipy'", name="scipy.signal")).message
    assert "'torch'" in explain(ModuleNotFoundError("No module named 'torch'", name="torch")).message


def test_running_out_of_gpu_memory_is_no_bug():
    error = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
    assert "--device cpu" in explain(error).message


@pytest.fixture
def broken(monkeypatch):
    def info(source):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(nac_cli, "info", info)


def test_a_bug_is_one_line_that_asks_for_a_report(nac, broken):
    result = nac("info", "x.nac")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "RuntimeError" in result.stderr and "report" in result.stderr


def test_the_traceback_is_there_on_request(nac, broken, monkeypatch):
    monkeypatch.setenv("NAC_DEBUG", "1")
    assert "Traceback" in nac("info", "x.nac").stderr


@pytest.mark.parametrize(
    "args", [["compress", "--json"], ["compress", "--json", "--nonsense", "x"], ["nonsense", "--json"]]
)
def test_wrong_usage_is_json_too(nac, args):
    result = nac(*args)
    assert result.exit_code == 2
    (record,) = lines(result)
    assert record["exit_code"] == 2 and record["error"]
    assert "Usage:" in result.stderr


def test_a_file_may_be_called_like_the_option(nac):
    result = nac("info", "--", "--json")
    assert result.exit_code == 3
    assert result.stdout == ""


def test_cuda_where_there_is_none(nac, nac_file, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    result = nac("decompress", nac_file, tmp_path / "other.nac", "--device", "cuda")
    assert result.exit_code == 2
    assert "--device cpu" in result.stderr


def test_a_folder_that_is_missing_or_in_the_way(nac, nac_file, tmp_path):
    assert nac("decompress", nac_file, "-o", tmp_path / "missing" / "a.wav").exit_code == 3
    (tmp_path / "file").write_bytes(b"")
    assert nac("decompress", nac_file, "-o", f"{tmp_path}/file/").exit_code == 3
