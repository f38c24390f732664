"""nac as a process: standard streams that are closed, full, not buffered or left by their reader, and its very end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import PATIENCE, ROOT
from tests.helpers.codecs import TINY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX descriptors")
STDIN, STDOUT, STDERR = range(3)


@pytest.fixture(params=["0", "1"], ids=["buffered", "raw"])
def raw(request, monkeypatch) -> None:
    """Python's own buffering, and none."""
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param if request.param == "1" else "")


@pytest.mark.parametrize("closed", [STDIN, STDOUT, STDERR])
def test_a_closed_stream_that_is_not_needed(process, wav, tmp_path, closed):
    args = ["compress", wav, "--model", TINY, "-q", 1, "-o", tmp_path / "x.nac"]
    running = process(*args, preexec_fn=lambda: os.close(closed))
    _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, said
    assert (tmp_path / "x.nac").read_bytes().startswith(b"\x89NAC")


@pytest.mark.parametrize(
    ("closed", "args"),
    [(STDOUT, ["--help"]), (STDOUT, ["models"]), (STDOUT, ["models", "--json"]), (STDIN, ["info", "-"])],
)
def test_a_closed_stream_that_is_needed_is_an_error_of_one_line(process, closed, args):
    running = process(*args, preexec_fn=lambda: os.close(closed))
    _, said = running.communicate(timeout=PATIENCE)
    (line,) = said.decode().splitlines()
    assert running.returncode == 3
    assert line.startswith("Error: standard ") and "closed" in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("args", [["--help"], ["--version"], ["models"], ["completion", "bash"]], ids=" ".join)
def test_a_full_output_is_an_error_of_one_line(raw, process, args):
    with open("/dev/full", "wb") as full:
        running = process(*args, stdout=full)
        _, said = running.communicate(timeout=PATIENCE)
    (line,) = said.decode().splitlines()
    assert running.returncode == 3
    assert line.startswith("Error: standard output: No space left")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_messages_that_nobody_can_get_do_not_change_the_code(process):
    with open("/dev/full", "wb") as full:
        for args, code in ((["--version"], 0), (["--bogus"], 2), (["info", "missing.nac"], 3)):
            assert process(*args, stderr=full).wait(timeout=PATIENCE) == code


@pytest.mark.parametrize("args", [["--help"], ["models"], ["decompress", "FILE", "-o", "-"]], ids=" ".join)
def test_a_reader_that_goes_away_ends_it_quietly(raw, process, nac_file, args):
    running = process(*[nac_file if arg == "FILE" else arg for arg in args])
    running.stdout.close()
    assert running.wait(timeout=PATIENCE) == 141
    assert running.stderr.read() == b""
    running.stdout = None


def test_a_pipe_that_takes_little_at_a_time_gets_all(raw, process, nac_file, tmp_path):
    """Writes to a pipe that does not block are short, as are those that a signal interrupts."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    running = process("decompress", nac_file, "-o", "-", stdout=theirs)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as pipe:
        got = b"".join(iter(lambda: pipe.read(10_000), b""))
    assert running.wait(timeout=PATIENCE) == 0
    assert len(got) == 44 + 2 * 25 * 44_100 and int.from_bytes(got[40:44], "little") == len(got) - 44


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("args", "code"), [(["--version"], 0), (["--bogus"], 2)], ids=["good", "bad"])
def test_a_signal_at_the_very_end_changes_nothing(number, args, code):
    script = (
        "import atexit, os, sys; from nac_cli.cli.main import main; "
        f"atexit.register(os.kill, os.getpid(), {int(number)}); main({args!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=PATIENCE)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr and b"Abort" not in done.stderr
