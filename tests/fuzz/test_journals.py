"""Changed journals bring about an error of the library, or files inside of the folder that was named."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, seed, settings

from nac_cli.archive.inventory import take_inventory
from nac_cli.archive.journal import JOURNAL
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.restoring import Restoring, plan_restore, restore, tidy
from nac_cli.archive.verifying import Verifying, verify_kept
from nac_cli.cli.main import main
from nac_cli.errors import NacError
from tests.fuzz.journals import CHANGES, changed
from tests.fuzz.test_fuzz import COMMON
from tests.helpers.codecs import TINY, write_tiny_model
from tests.helpers.libraries import make_archive
from tests.helpers.pools import LocalPool
from tests.helpers.sounds import write_sound

CASES = 150
HARMFUL = ("\x1b", "\u202e", "Traceback", "a bug in nac")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory, models) -> Path:
    """An archive of three sounds, one of them no sound, and a file beside them."""
    library = tmp_path_factory.mktemp("library")
    (library / "a").mkdir()
    write_sound(library / "song.wav", seconds=0.1, channels=1)
    write_sound(library / "a" / "b.wav", seconds=0.1, channels=1)
    (library / "a" / "bad.wav").write_bytes(b"no sound")
    (library / "a" / "cover.jpg").write_bytes(b"picture")
    return make_archive(tmp_path_factory.mktemp("made"), library, models / f"{TINY}.safetensors")


@pytest.fixture(autouse=True)
def _environment(monkeypatch, models):
    monkeypatch.setenv("NAC_MODELS", str(models))


def use(archive: Path, folder: Path) -> str:
    """What comes of the archive in all commands that read it: "refused" or "read"."""
    for name in ("back", "bag"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for command in ("status", "verify"):
        arguments = [str(archive)] if command == "status" else [str(archive), "--workers", "1"]
        if command == "status":
            for more in ([], ["--json"]):
                _command("archive", command, *arguments, *more)
    _command("archive", "export", str(archive), str(folder / "bag"))
    place, back = Folder(archive), Folder(folder / "back")
    try:
        inventory = take_inventory(place)
        verify_kept(inventory, LocalPool(Verifying(place, "structure", "cpu", 1)))
        with back.claim():
            plan = plan_restore(inventory, back, "wav")
            done = restore(plan, LocalPool(Restoring(place, back, "wav", device="cpu", threads=1)))
            tidy(back)
    except NacError as error:
        assert error.exit_code != 1, error
        return "refused"
    for _, failure in done.failed:
        assert failure.exit_code != 1, failure
    return "read"


def _command(*args: str) -> None:
    result = CliRunner().invoke(main, args, prog_name="nac")
    assert isinstance(result.exception, SystemExit | None) and result.exit_code != 1, (args, result.output)
    assert not any(mark in result.output for mark in HARMFUL), result.output
    assert "NaN" not in result.stdout and "Infinity" not in result.stdout, "no JSON"


def _tree(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if not str(path).startswith(str(folder / "back"))
    }


def one(made: Path, folder: Path, changes) -> str:
    archive = folder / "archive"
    shutil.rmtree(archive, ignore_errors=True)
    shutil.copytree(made, archive)
    journal = archive / JOURNAL
    journal.write_bytes(changed(journal.read_bytes(), changes))
    shutil.rmtree(folder / "bag", ignore_errors=True)
    before = _tree(folder)
    became = use(archive, folder)
    shutil.rmtree(folder / "bag", ignore_errors=True)
    assert _tree(folder) == before, "nothing is written elsewhere"
    return became


def test_changed_journals_do_no_harm(made, tmp_path):
    became = []

    @settings(max_examples=CASES, derandomize=True, **COMMON)
    @given(CHANGES)
    def run(changes):
        became.append(one(made, tmp_path, changes))

    run()
    assert {"refused", "read"} == set(became)


@pytest.mark.fuzz_long
def test_changed_journals_do_no_harm_for_hours(made, tmp_path):
    started, number, cases = time.monotonic(), int(time.time()), 0
    while time.monotonic() - started < float(os.environ.get("NAC_FUZZ_SECONDS", "3600")):
        number += 1

        @seed(number)
        @settings(max_examples=CASES, **COMMON)
        @given(CHANGES)
        def run(changes):
            nonlocal cases
            cases += 1
            one(made, tmp_path, changes)

        run()
        print(f"seed {number}: {cases} journals in {time.monotonic() - started:.0f} s", flush=True)
