from __future__ import annotations

import io

import nac_cli
from tests.cli.conftest import lines


def test_another_mode_and_back(nac, nac_file, lm_models, tmp_path):
    result = nac("recode", nac_file, "-o", tmp_path / "lm.nac", "--entropy", "lm")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "" and "3 chunks lm" in result.stderr
    assert nac_cli.info(tmp_path / "lm.nac").modes == {"lm": 3}
    shown = nac("info", tmp_path / "lm.nac").stdout
    assert "3 (3 lm)" in shown and "Language model" in shown and "Bits a code" in shown
    assert nac("verify", tmp_path / "lm.nac", "--level", "tokens").exit_code == 0
    assert nac("recode", tmp_path / "lm.nac", "-o", tmp_path / "back.nac", "--entropy", "packed").exit_code == 0
    nac("recode", nac_file, "-o", tmp_path / "direct.nac", "--entropy", "packed")
    assert (tmp_path / "back.nac").read_bytes() == (tmp_path / "direct.nac").read_bytes()


def test_fewer_planes_by_number_and_by_rate(nac, nac_file, tmp_path):
    assert nac("recode", nac_file, "-o", tmp_path / "one.nac", "--planes", 1).exit_code == 0
    assert nac_cli.info(tmp_path / "one.nac").depths == (1.0,)
    assert nac("recode", nac_file, "-o", tmp_path / "small.nac", "-b", "800bps").exit_code == 0
    assert 0.95 * 800 <= nac_cli.info(tmp_path / "small.nac").bitrate <= 800
    assert nac("recode", nac_file, "-o", tmp_path / "tiny.nac", "-b", "100bps").exit_code == 2
    assert not (tmp_path / "tiny.nac").exists()


def test_a_folder_for_many_with_one_bad(nac, nac_file, damaged_file, tmp_path):
    result = nac("recode", nac_file, damaged_file, "-o", f"{tmp_path}/small/", "-q", 1, "--json")
    assert result.exit_code == 11
    good, bad, whole = lines(result)
    assert good["exit_code"] == 0 and good["target"] == str(tmp_path / "small" / "long.nac")
    assert good["file_bytes"] < good["source_bytes"] == nac_file.stat().st_size
    assert bad["exit_code"] == 6 and "nac decompress" in bad["error"]
    assert [path.name for path in (tmp_path / "small").iterdir()] == ["long.nac"]


def test_the_source_is_never_replaced(nac, nac_file, tmp_path):
    before = nac_file.read_bytes()
    for args in ([], ["-o", nac_file], ["-f"], ["-o", nac_file, "-f"]):
        result = nac("recode", nac_file, "-q", 1, *args)
        assert result.exit_code == 2 and "is an input" in result.stderr
    assert nac_file.read_bytes() == before
    (tmp_path / "there.nac").write_bytes(b"precious")
    assert nac("recode", nac_file, "-o", tmp_path / "there.nac").exit_code == 9
    assert (tmp_path / "there.nac").read_bytes() == b"precious"
    assert nac("recode", nac_file, "-o", tmp_path / "there.nac", "-f", "--verify").exit_code == 0


def test_a_pipe(nac, long_stream):
    result = nac("recode", "-", "-q", 1, input=long_stream)
    assert result.exit_code == 0
    assert nac_cli.info(io.BytesIO(result.stdout_bytes)).depths == (1.0,)


def test_wrong_usage(nac, nac_file, tmp_path):
    for args in (["-b", "1k", "-q", 1], ["--entropy", "zip"], ["--entropy", "lm"], ["-q", 5]):
        result = nac("recode", nac_file, "-o", tmp_path / "x.nac", *args)
        assert result.exit_code == 2, args
    assert nac("recode", tmp_path / "none.nac", "-o", tmp_path / "x.nac").exit_code == 3


def test_exit_codes_of_a_missing_language_model(nac, nac_file, lm_models, models, monkeypatch, tmp_path):
    nac("recode", nac_file, "-o", tmp_path / "lm.nac", "--entropy", "lm")
    monkeypatch.setenv("NAC_MODELS", str(models))
    for command in (["decompress", "-o", tmp_path / "x.wav"], ["verify"], ["recode", "-o", tmp_path / "y.nac"]):
        result = nac(command[0], tmp_path / "lm.nac", *command[1:])
        assert result.exit_code == 7 and "language model" in result.stderr
    assert "NOT INSTALLED" in nac("info", tmp_path / "lm.nac").stdout
    assert nac("verify", "--level", "structure", tmp_path / "lm.nac").exit_code == 0


def test_compress_takes_a_mode(compress, wav, lm_models, tmp_path):
    for mode in ("packed", "static", "lm"):
        assert compress(wav, "-q", 2, "--entropy", mode, "-o", tmp_path / f"{mode}.nac", "--verify").exit_code == 0
        assert nac_cli.info(tmp_path / f"{mode}.nac").modes == {mode: 1}
    (lm_models / "nac-44k-tiny.lm.safetensors").unlink()
    result = compress(wav, "-q", 2, "--entropy", "lm", "-o", f"{tmp_path}/new/")
    assert result.exit_code == 2 and "lm.safetensors" in result.stderr
