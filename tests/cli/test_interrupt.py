from __future__ import annotations

import os
import signal
import sys
import time

import pytest
import soundfile

from nac_cli.cli.interrupt import held, interruptible
from tests.cli.conftest import PATIENCE, lines
from tests.helpers.codecs import TINY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

INTERRUPTED = (130, -signal.SIGINT)
"""Where an extension module that is being imported swallows a KeyboardInterrupt, Python ends itself by SIGINT at its
exit, whatever the exit code; a shell reports 130 either way."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_decompress_leaves_no_partial_file(process, long_stream, tmp_path, number):
    running = process("decompress", "-", "-o", tmp_path / "long.flac")
    running.stdin.write(long_stream[: len(long_stream) // 2])  # and then the pipe stays silent
    running.stdin.flush()
    deadline = time.monotonic() + PATIENCE
    while not os.listdir(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os.listdir(tmp_path)[0].endswith(".part")
    running.send_signal(number)
    assert running.wait(timeout=PATIENCE) in INTERRUPTED
    assert b"interrupted" in running.stderr.read()
    assert os.listdir(tmp_path) == []


def test_compress_waiting_for_a_pipe(process, tmp_path):
    running = process("compress", "-", "--model", TINY, "-o", tmp_path / "x.nac")
    running.stdin.write(bytes(1 << 20))  # more than a pipe holds, so nac is reading when this is over
    running.stdin.flush()
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=PATIENCE) in INTERRUPTED
    assert os.listdir(tmp_path) == []


def test_compress_interrupted_while_writing(compress, wav, tmp_path, monkeypatch):
    from nac_cli.container import ContainerWriter

    def interrupted(self, record):
        assert list(tmp_path.glob(".*.part"))
        raise KeyboardInterrupt

    monkeypatch.setattr(ContainerWriter, "write_chunk", interrupted)
    result = compress(wav, "-q", 1, "--json")
    assert result.exit_code == 130
    assert lines(result) == [{"exit_code": 130, "error": "interrupted"}]
    assert os.listdir(tmp_path) == ["song.wav"]


def test_a_batch_ends_with_an_interrupt(nac, nac_file, monkeypatch):
    import nac_cli

    def interrupted(source):
        raise KeyboardInterrupt

    monkeypatch.setattr(nac_cli, "info", interrupted)
    assert nac("info", nac_file, nac_file).exit_code == 130


def test_a_signal_during_a_callback_of_libsndfile_is_not_lost(wav):
    class Source:
        def __init__(self, file):
            self.file, self.reads = file, 0

        def read(self, size=-1):
            self.reads += 1
            if self.reads == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return self.file.read(size)

        def seek(self, *place):
            return self.file.seek(*place)

        def tell(self):
            return self.file.tell()

    with (
        pytest.raises(KeyboardInterrupt),
        interruptible(),
        soundfile.SoundFile(Source(wav.open("rb"))) as sound,
    ):
        while len(sound.read(1000)):
            pass
        for _ in range(500):
            time.sleep(0.01)


def test_held_waits_for_a_second_signal():
    with held() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_an_interrupt_that_is_swallowed_comes_again():
    swallowed = False
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except:  # noqa: E722 - some libraries do that
            swallowed = True
        os.read(os.pipe()[0], 1)  # waits for ever
    assert swallowed


def test_cleaning_up_is_not_interrupted():
    steps = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            for step in range(5):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.03)
                steps.append(step)
    assert steps == [0, 1, 2, 3, 4]


def test_handlers_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
