"""The examples in docstrings and in the README work with the model that ships."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import soundfile

from nac_cli.pipelines import compress, decompress, info, recode, tag
from nac_cli.pipelines.models import load

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("module", [compress, decompress, info, load, recode, tag], ids=lambda module: module.__name__)
def test_docstring_examples(module):
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_python_example_of_the_readme(tmp_path, monkeypatch, capsys):
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    sound, rate = soundfile.read(ROOT / "samples" / "speech.flac")
    soundfile.write("song.wav", sound, rate)
    exec(compile(example, "README.md", "exec"), {})
    assert "'lm'" in capsys.readouterr().out


def test_the_samples_keep_to_the_bitrate_with_the_language_model_that_ships(tmp_path):
    """And need fewer bits than by the tables: what the default promises."""
    import nac_cli

    sizes = {}
    for mode in ("auto", "static"):
        report = nac_cli.compress(ROOT / "samples" / "music.flac", tmp_path / mode, planes=5, entropy=mode)
        sizes[mode] = report.file_bytes
    assert sizes["auto"] < 0.9 * sizes["static"]
    first, second = (nac_cli.decompress(tmp_path / mode).samples for mode in sizes)
    assert (first == second).all()


def test_ci_calls_the_readme_s_test_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.split("<!-- test command -->")[1].split("```sh\n")[1].split("```")[0]
    assert "pip install" in command
    assert command.strip().endswith("pytest")
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
