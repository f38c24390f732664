from __future__ import annotations

from pathlib import Path

import click
import pytest

from nac_cli.cli.targets import plan


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def targets(*inputs: str, output: str | None = None, suffix: str = ".nac") -> list[str]:
    return [job.target_name for job in plan(inputs, output, suffix)]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("song.flac", "song.nac"),
        ("music/song.mp3", "music/song.nac"),
        ("a.b.wav", "a.b.nac"),
        ("clip.3gp", "clip.nac"),
        ("no suffix", "no suffix.nac"),
        ("Symphony No. 5", "Symphony No. 5.nac"),
        ("take 1.5", "take 1.5.nac"),
        ("夜曲.wav", "夜曲.nac"),
        (".hidden", ".hidden.nac"),
    ],
)
def test_the_output_stands_beside_the_input(source, target):
    assert targets(source) == [str(Path(target))]


def test_an_output_can_be_named():
    assert targets("song.flac", output="other.bin") == ["other.bin"]


def test_an_existing_folder_takes_the_outputs(tmp_path):
    (tmp_path / "small").mkdir()
    assert targets("a.wav", "deep/b.wav", output="small") == [
        str(Path("small/a.nac")),
        str(Path("small/b.nac")),
    ]


def test_a_folder_is_made_if_the_name_ends_in_a_slash(tmp_path):
    assert targets("a.wav", output="new/er/") == [str(Path("new/er/a.nac"))]
    assert (tmp_path / "new" / "er").is_dir()


def test_pipes():
    assert targets("-") == ["-"]
    assert targets("a.wav", output="-") == ["-"]
    assert targets("-", output="a.nac") == ["a.nac"]


@pytest.mark.parametrize(
    ("inputs", "output", "complaint"),
    [
        (["a.wav", "a.flac"], None, "a.wav and a.flac would both become a.nac"),
        (["x/a.wav", "y/a.wav"], "out/", "would both become"),
        (["a.wav", "a.wav"], None, "would both become"),
        (["a.wav", "b.wav"], "c.nac", "end the name with /"),
        (["a.wav", "b.wav"], "-", "do not go into one output"),
        (["-", "a.wav"], None, "one of several"),
        (["-", "-"], None, "only once"),
        (["-"], "out/", "has no name"),
        (["a.nac"], None, "is an input"),
        (["a.wav"], "./a.wav", "is an input"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(inputs, output, complaint, tmp_path):
    with pytest.raises(click.UsageError, match=complaint):
        plan(inputs, output, ".nac")
    assert list(tmp_path.iterdir()) == []


def test_an_input_behind_a_link_is_not_replaced(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "b.wav").symlink_to("a.wav")
    with pytest.raises(click.UsageError, match="is an input"):
        plan(["b.wav"], "a.wav", ".nac")
