"""Real pipes between real processes: what arrives is what was sent, in both directions."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest
import soundfile as sf

from nac_cli.audio import Tags, create_audio, open_audio, read_tags
from nac_cli.errors import AudioError
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE, SAMPLES = 44100, 50_000

READ_STDIN = """
import sys
from nac_cli.audio import open_audio
with open_audio(sys.stdin.buffer) as sound:
    for block in sound.blocks(4096):
        sys.stdout.buffer.write(block.T.tobytes())
    print(sound.name, sound.sample_rate, sound.channels, sound.num_samples, len(sound.tags().items),
    file=sys.stderr)
"""

WRITE_STDOUT = """
import sys, numpy as np
from nac_cli.audio import Tags, create_audio
format, bits, known, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sound = np.frombuffer(sys.stdin.buffer.read(), np.float32).reshape(-1, 2).T
tags = Tags((("TITLE", "Lied"),)) if format != "wav" else None
with create_audio(sys.stdout.buffer, 44100, 2, format, bits, total if known else None, tags=tags) as output:
    for start in range(0, sound.shape[1], 999):
        output.write(sound[:, start : start + 999])
"""


def run(program: str, data: bytes, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    result = subprocess.run(command, input=data, capture_output=True, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr.decode()
    return result


def streamed_wav() -> bytes:
    file = io.BytesIO()
    with create_audio(file, RATE, 2) as output:
        output.write(tones(SAMPLES))
    assert file.getvalue()[4:8] == file.getvalue()[40:44] == b"\xff" * 4
    return file.getvalue()


FILES = {
    "wav": lambda: sound_file(tones(SAMPLES), RATE),
    "wav of unknown length": streamed_wav,
    "flac": lambda: sound_file(tones(SAMPLES), RATE, "FLAC"),
    "ogg": lambda: sound_file(tones(SAMPLES), RATE, "OGG", "VORBIS"),
    "mp3": lambda: sound_file(tones(SAMPLES), RATE, "MP3", "MPEG_LAYER_III"),
    "m4a": lambda: ffmpeg_file(tones(SAMPLES), RATE, "ipod", "aac"),
}


@pytest.mark.parametrize("name", FILES)
def test_standard_input_is_read_like_a_file(name):
    file = FILES[name]()
    result = run(READ_STDIN, file)
    with open_audio(io.BytesIO(file)) as sound:
        expected = np.concatenate(list(sound.blocks(10000)), axis=1)
    assert np.array_equal(np.frombuffer(result.stdout, np.float32).reshape(-1, 2).T, expected)
    assert result.stderr.decode().startswith("standard input 44100 2 ")


OUTPUTS = [("wav", 16, 1), ("wav", 16, 0), ("wav", 24, 1), ("wav", 32, 0), ("flac", 24, 0), ("ogg", 16, 1)]


@pytest.mark.parametrize("format, bits, known", OUTPUTS)
def test_standard_output_carries_every_format(format, bits, known):
    sound = tones(SAMPLES)
    result = run(WRITE_STDOUT, sound.T.tobytes(), format, str(bits), str(known), str(SAMPLES))
    got, rate = sf.read(io.BytesIO(result.stdout), dtype="float32")
    assert rate == RATE and got.shape == (SAMPLES, 2)
    if format != "ogg":
        assert np.abs(got.T - sound).max() <= {16: 2.0**-14, 24: 2.0**-23, 32: 0}[bits]
        assert read_tags(io.BytesIO(result.stdout)).values("TITLE") == (("Lied",) if format == "flac" else ())


def test_a_pipe_inside_the_process_may_be_slow():
    receiver, sender = os.pipe()
    file = sound_file(tones(SAMPLES), RATE, "FLAC")

    def send() -> None:
        with open(sender, "wb") as pipe:
            for start in range(0, len(file), 7001):
                pipe.write(file[start : start + 7001])
                pipe.flush()

    thread = threading.Thread(target=send)
    thread.start()
    with open(receiver, "rb") as pipe, open_audio(pipe) as sound:
        assert sum(block.shape[1] for block in sound.blocks(1000)) == SAMPLES
    thread.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_read_by_path(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    file = sound_file(tones(2000), RATE)
    thread = threading.Thread(target=path.write_bytes, args=(file,))
    thread.start()
    with open_audio(path) as sound:
        assert sum(block.shape[1] for block in sound.blocks(999)) == 2000
    thread.join()


class Pipe(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, data: bytes = b""):
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._data.readinto(buffer)


def test_an_empty_pipe_is_an_audio_error():
    with pytest.raises(AudioError, match="empty"):
        open_audio(Pipe())


def test_no_room_for_a_pipe_names_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(AudioError, match="TMPDIR"):
        open_audio(Pipe(sound_file(tones(10), RATE)))


def test_nothing_is_left_in_the_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_audio(Pipe(sound_file(tones(10), RATE))) as sound:
        list(sound.blocks(10))
    with create_audio(io.BytesIO(), RATE, 1, "flac", tags=Tags()) as output:
        output.write(tones(10, 1))
    assert list(tmp_path.iterdir()) == []


class ClosedPipe(io.RawIOBase):
    """A stream whose reader has gone after some bytes."""

    def __init__(self, room: int):
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return len(data)


@pytest.mark.parametrize("format", ["wav", "flac", "ogg"])
def test_a_reader_that_goes_away_is_an_audio_error(format):
    gone = ClosedPipe(500)
    with pytest.raises(AudioError, match="broken pipe"), create_audio(gone, RATE, 2, format) as output:
        for _ in range(20):
            output.write(tones(1000))
