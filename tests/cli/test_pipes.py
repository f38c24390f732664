from __future__ import annotations

import io
import os
import sys

import pytest
import soundfile

from tests.cli.conftest import PATIENCE
from tests.helpers.codecs import TINY

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes and terminals")


def test_compress_and_decompress_in_this_process(compress, nac, wav):
    packed = compress("-", "-q", 1, input=wav.read_bytes())
    assert packed.exit_code == 0, packed.output
    unpacked = nac("decompress", "-", input=packed.stdout_bytes)
    assert unpacked.exit_code == 0, unpacked.output
    sound = soundfile.info(io.BytesIO(unpacked.stdout_bytes))
    assert (sound.frames, sound.channels, sound.samplerate) == (round(1.5 * 44_100), 2, 44_100)


def test_flac_on_a_pipe(nac, nac_file):
    result = nac("decompress", nac_file, "-o", "-", "--format", "flac", "--end", 1)
    assert soundfile.info(io.BytesIO(result.stdout_bytes)).format == "FLAC"


def test_json_and_output_cannot_share_stdout(nac, nac_file):
    result = nac("decompress", nac_file, "-o", "-", "--json")
    assert result.exit_code == 2
    assert "stdout" in result.stderr


def test_damage_on_a_pipe_has_its_exit_code_too(nac, damaged_file):
    result = nac("decompress", "-", input=damaged_file.read_bytes())
    assert result.exit_code == 4
    assert soundfile.info(io.BytesIO(result.stdout_bytes)).frames == 25 * 44_100


@posix
def test_a_real_pipeline(process, wav, tmp_path):
    first = process("compress", "-", "--model", TINY, "-q", 1, stdin=wav.open("rb"))
    second = process("decompress", "-", "-o", tmp_path / "back.wav", stdin=first.stdout)
    first.stdout.close()
    assert second.wait(timeout=PATIENCE) == 0
    assert first.wait(timeout=PATIENCE) == 0
    assert soundfile.info(tmp_path / "back.wav").frames == round(1.5 * 44_100)
    first.stdout = None


@posix
def test_a_reader_that_goes_away_is_no_error_message(process, nac_file):
    for args in (["info", "--json", *[nac_file] * 50], ["decompress", nac_file, "-o", "-"]):
        running = process(*args)
        running.stdout.close()
        assert running.wait(timeout=PATIENCE) == 141
        assert running.stderr.read() == b""
        running.stdout = None


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_stdout(process, nac_file):
    with open("/dev/full", "wb") as full:
        running = process("info", "--json", nac_file, stdout=full)
        assert running.wait(timeout=PATIENCE) == 3
    message = running.stderr.read().decode()
    assert "No space left" in message and "Traceback" not in message and "Exception" not in message


@posix
@pytest.mark.parametrize("args", [["compress", "-"], ["decompress", "-"], ["info", "-"]], ids=" ".join)
def test_no_binary_data_on_a_terminal(process, args):
    terminal, end = os.openpty()
    running = process(*args, stdin=end, stdout=end)
    assert running.wait(timeout=PATIENCE) == 2
    assert b"terminal" in running.stderr.read()
    os.close(terminal)
    os.close(end)


@posix
def test_names_that_are_no_unicode(process, nac_file, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.nac"
    os.rename(nac_file, name)
    running = process("info", "--json", os.fsdecode(name))
    output, error = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, error
    assert b"caf\\udce9.nac" in output
    running = process("info", os.fsdecode(name) + "x")
    assert running.wait(timeout=PATIENCE) == 3
    assert "caf�.nacx" in running.stderr.read().decode()
