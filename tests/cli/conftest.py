"""The command line in this process and in others, on a tiny model and short sounds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nac_cli.cli.main import main
from tests.helpers.codecs import TINY, write_tiny_lm, write_tiny_model
from tests.helpers.libraries import make_archive, make_library
from tests.helpers.sounds import write_sound
from tests.helpers.streams import damage_middle

ROOT = Path(__file__).parents[2]
PATIENCE = 300
"""Seconds that a process may take on a machine with much else to do."""


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder with the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture
def lm_models(models, tmp_path, monkeypatch) -> Path:
    """A folder with the tiny model and a language model for it, which is installed."""
    folder = tmp_path / "lm-models"
    folder.mkdir()
    shutil.copy(models / f"{TINY}.safetensors", folder)
    write_tiny_lm(folder)
    monkeypatch.setenv("NAC_MODELS", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch, models) -> None:
    monkeypatch.setenv("NAC_MODELS", str(models))
    monkeypatch.delenv("NAC_DEBUG", raising=False)


@pytest.fixture
def nac() -> Callable[..., Result]:
    """Run a command in this process."""

    def run(*args: object, input: bytes | None = None) -> Result:
        return CliRunner().invoke(main, list(map(str, args)), input=input, prog_name="nac")

    return run


@pytest.fixture
def compress(nac) -> Callable[..., Result]:
    """`nac compress` with the tiny model."""
    return lambda *args, **kwargs: nac("compress", "--model", TINY, "--threads", 1, *args, **kwargs)


@pytest.fixture
def process(models) -> Callable[..., subprocess.Popen]:
    """Start a command as a process of its own, with pipes for all that is not given."""
    environment = os.environ | {
        "NAC_MODELS": str(models),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }
    started = []
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

    def start(*args: object, **options: object) -> subprocess.Popen:
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        command = [sys.executable, "-m", "nac_cli.cli.main", *map(str, args)]
        started.append(subprocess.Popen(command, env=environment, **pipes | options))
        return started[-1]

    yield start
    for running in started:
        running.kill()
        running.communicate()
    signal.signal(signal.SIGINT, ignored)


@pytest.fixture
def wav(tmp_path) -> Path:
    return write_sound(tmp_path / "song.wav", seconds=1.5)


@pytest.fixture(scope="session")
def long_stream(models, tmp_path_factory) -> bytes:
    """A `.nac` file of 25 s: three chunks, the last short."""
    folder = tmp_path_factory.mktemp("long")
    sound = write_sound(folder / "long.wav", seconds=25.0, channels=1)
    args = [
        "compress",
        str(sound),
        "--model",
        str(models / f"{TINY}.safetensors"),
        "-q",
        "2",
        "--threads",
        "1",
    ]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    return (folder / "long.nac").read_bytes()


@pytest.fixture
def nac_file(tmp_path, long_stream) -> Path:
    """A sound file of 25 s in nac's format."""
    path = tmp_path / "long.nac"
    path.write_bytes(long_stream)
    return path


@pytest.fixture
def damaged_file(tmp_path, long_stream) -> Path:
    """The same with its second chunk damaged."""
    path = tmp_path / "damaged.nac"
    path.write_bytes(damage_middle(long_stream))
    return path


def lines(result: Result) -> list[dict]:
    """The JSON lines on stdout."""
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Recordings of two domains, and a file that is none."""
    folder = tmp_path_factory.mktemp("sources")
    for domain in ("music", "speech"):
        (folder / domain).mkdir()
        write_sound(folder / domain / "a.flac", seconds=3.0)
    (folder / "music" / "broken.wav").write_bytes(b"no sound in here")
    return folder


@pytest.fixture
def corpus(nac, sources, tmp_path):
    """A corpus made of `sources`."""
    assert nac("train", "prepare", sources, tmp_path / "corpus", "--jobs", 1, "--quiet").exit_code == 0
    return tmp_path / "corpus"


@pytest.fixture(scope="session")
def made(models, tmp_path_factory) -> Path:
    """An archive of a library of sounds and other files, to be left as it is."""
    library = make_library(tmp_path_factory.mktemp("library"))
    return make_archive(tmp_path_factory.mktemp("made"), library, models / f"{TINY}.safetensors")


@pytest.fixture
def archive(made, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "archive")
