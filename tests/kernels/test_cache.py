"""Where machine code is kept: in a place that can be written and that nobody else writes."""

from __future__ import annotations

import os

import pytest

from nac_cli.kernels import cache


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A package that cannot be written, a home and a folder for temporary files."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    package = tmp_path / "package"
    package.mkdir()
    (package / "__pycache__").write_text("a file, where no folder can be made")
    (package / "one.py").write_text("1")
    monkeypatch.setattr(cache, "ROOM", package)
    return tmp_path


def test_beside_the_package_if_that_can_be_written(places):
    (places / "package" / "__pycache__").unlink()
    assert cache.folder().parent == places / "package" / "__pycache__"


def test_else_in_the_users_cache(places):
    assert cache.folder().parent == places / "home" / ".cache" / "nac" / "kernels"


def test_without_a_home_among_temporary_files(places, monkeypatch):
    (places / "home").rmdir()
    (places / "home").write_text("no folder")
    folder = cache.folder()
    assert folder.parents[1] == places / "tmp" and folder.is_dir()


def test_the_users_own_setting_stays(places, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places))
    assert cache.folder() is None


def test_another_state_of_the_sources_has_another_folder(places):
    before = cache.folder()
    (places / "package" / "one.py").write_text("2")
    assert cache.folder() != before


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_no_code_is_taken_from_a_folder_that_others_may_write(places):
    folder = cache.folder()
    folder.chmod(0o777)
    assert cache.folder() != folder
