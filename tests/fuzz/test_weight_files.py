"""Changed weight files, of codecs and of language models, bring about an error of the library or sound.

A few by default, always the same; `-m fuzz_long` for as long as NAC_FUZZ_SECONDS says.
"""

from __future__ import annotations

import io
import os
import time

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import nac_cli
from nac_cli.cli.main import main
from nac_cli.errors import NacError
from nac_cli.models import weights, zoo
from tests.fuzz.test_fuzz import COMMON
from tests.fuzz.weight_files import CHANGES, changed
from tests.helpers.codecs import FAMILY_MODELS, TINY, TINY_LM, write_family_model, write_tiny_lm, write_tiny_model

CASES = 150
SOUND = nac_cli.Waveform(np.random.default_rng(0).normal(0, 0.1, (1, 6000)).astype(np.float32), 44_100)
HARMFUL = ("\x1b", "\u202e")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """Weight files of all families and a language model, by name."""
    folder = tmp_path_factory.mktemp("originals")
    write_tiny_model(folder)
    write_tiny_lm(folder)
    for name in FAMILY_MODELS:
        write_family_model(folder, name)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    return tmp_path


def use(files: dict[str, bytes], name: str, data: bytes, folder) -> str:
    """What comes of a weight file `name` with the bytes `data` in the user's folder: "refused" or "used"."""
    for left in folder.iterdir():
        left.unlink()
    (folder / name).write_bytes(data)
    is_lm = name == f"{TINY_LM}.safetensors"
    model = folder / (f"{TINY}.safetensors" if is_lm else name)
    if is_lm:
        model.write_bytes(files[model.name])
    for command in (["models"], ["models", "show", str(model)], ["models", "show", str(model), "--json"]):
        _command(*command)
    assert zoo.find(zoo.DEFAULT), "other models are there as before"
    out = io.BytesIO()
    entropy = "lm" if is_lm else "auto"
    try:
        weights.describe(model)
        nac_cli.compress(SOUND, out, model=model, planes=1, entropy=entropy, device="cpu", threads=1)
        back = nac_cli.decompress(io.BytesIO(out.getvalue()), device="cpu", threads=1)
    except NacError as error:
        assert error.exit_code != 1, error
        return "refused"
    assert np.isfinite(back.samples).all() and back.samples.shape == SOUND.samples.shape
    return "used"


def _command(*args: str) -> None:
    from click.testing import CliRunner

    result = CliRunner().invoke(main, args, prog_name="nac")
    assert isinstance(result.exception, SystemExit | None) and result.exit_code in (0, 7), (args, result.output)
    assert not any(mark in result.output for mark in HARMFUL), result.output


def test_changed_weight_files_do_no_harm(files, folder):
    became = []

    @settings(max_examples=CASES, derandomize=True, **COMMON)
    @given(st.sampled_from([f"{TINY}.safetensors", f"{TINY_LM}.safetensors"]), CHANGES)
    def run(name, changes):
        became.append(use(files, name, changed(files[name], changes), folder))

    run()
    assert {"refused", "used"} == set(became)


def test_every_family_is_used_as_it_is(files, folder):
    for name, data in files.items():
        assert use(files, name, data, folder) == "used", name


@pytest.mark.fuzz_long
def test_changed_weight_files_do_no_harm_for_hours(files, folder):
    started, number, cases = time.monotonic(), int(time.time()), 0
    while time.monotonic() - started < float(os.environ.get("NAC_FUZZ_SECONDS", "3600")):
        number += 1

        @seed(number)
        @settings(max_examples=CASES, **COMMON)
        @given(st.sampled_from(sorted(files)), CHANGES)
        def run(name, changes):
            nonlocal cases
            cases += 1
            use(files, name, changed(files[name], changes), folder)

        run()
        print(f"seed {number}: {cases} weight files in {time.monotonic() - started:.0f} s", flush=True)
