from __future__ import annotations

import shutil

from tests.cli.conftest import lines
from tests.helpers.sounds import write_sound


def test_a_bad_file_does_not_stop_the_others(compress, tmp_path):
    first, last = (write_sound(tmp_path / f"{name}.wav", seconds=0.3) for name in "ac")
    bad = tmp_path / "b.wav"
    bad.write_bytes(b"no sound in here")
    result = compress(first, bad, last, "-q", 1)
    assert result.exit_code == 11
    assert (tmp_path / "a.nac").exists() and (tmp_path / "c.nac").exists() and not (tmp_path / "b.nac").exists()
    assert str(bad) in result.stderr and "1 of 3 inputs failed" in result.stderr


def test_a_single_input_keeps_its_own_exit_code(compress, tmp_path):
    assert compress(tmp_path / "missing.wav", "-q", 1).exit_code == 3


def test_json_tells_of_each_input_and_of_the_run(compress, tmp_path):
    good = write_sound(tmp_path / "a.wav", seconds=0.3)
    taken = write_sound(tmp_path / "b.wav", seconds=0.3)
    (tmp_path / "b.nac").write_bytes(b"precious")
    first, second, run = lines(compress(good, taken, tmp_path / "c.wav", "-q", 1, "--json"))[:3]
    assert (first["file"], first["exit_code"]) == (str(good), 0)
    assert (second["file"], second["exit_code"]) == (str(taken), 9) and "--force" in second["error"]
    assert (run["file"], run["exit_code"]) == (str(tmp_path / "c.wav"), 3)


def test_the_last_json_line_of_a_batch_with_failures_speaks_of_the_run(nac, nac_file, wav):
    assert lines(nac("info", "--json", nac_file, wav))[-1] == {
        "exit_code": 11,
        "error": "1 of 2 inputs failed",
    }


def test_a_bug_met_in_one_file_does_not_stop_the_others(compress, nac_file, tmp_path, monkeypatch):
    import nac_cli

    real = nac_cli.compress

    def fragile(source, *args, **options):
        if source.name == "a.wav":
            raise ZeroDivisionError("division by zero")
        return real(source, *args, **options)

    monkeypatch.setattr(nac_cli, "compress", fragile)
    sounds = [write_sound(tmp_path / f"{name}.wav", seconds=0.3) for name in "ab"]
    result = compress(*sounds, "-q", 1)
    assert result.exit_code == 11
    assert "ZeroDivisionError" in result.stderr and "Traceback" not in result.stderr
    assert (tmp_path / "b.nac").exists()


def test_collisions_are_found_before_any_work(compress, tmp_path):
    sounds = [write_sound(tmp_path / name, seconds=0.3) for name in ("a.wav", "a.flac", "b.wav")]
    result = compress(*sounds, "-q", 1)
    assert result.exit_code == 2
    assert "would both become" in result.stderr
    assert not list(tmp_path.glob("*.nac"))


def test_many_are_decoded_into_a_folder(nac, nac_file, tmp_path):
    shutil.copy(nac_file, tmp_path / "other.nac")
    assert nac("decompress", nac_file, tmp_path / "other.nac", "--end", 1, "-o", f"{tmp_path}/out/").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["long.wav", "other.wav"]
