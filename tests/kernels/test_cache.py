"""Where machine code is kept: in a place that can be written and that nobody else writes."""

from __future__ import annotations

import os
import subprocess
import sys

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
    room = tmp_path / "package" / "kernels"
    room.mkdir(parents=True)
    (room / "__pycache__").write_text("a file, where no folder can be made")
    (room / "one.py").write_text("1")
    monkeypatch.setattr(cache, "ROOT", tmp_path / "package")
    return tmp_path


def kept(places):
    """The folder that holds the code that was kept."""
    (path,) = places.rglob("code-1")
    return path.parent


def test_beside_the_package_if_that_can_be_written(places):
    (places / "package" / "kernels" / "__pycache__").unlink()
    cache.write("code-1", b"code")
    assert kept(places) == places / "package" / "kernels" / "__pycache__" and cache.read("code-1") == b"code"


def test_else_in_the_users_cache(places):
    assert cache.read("code-1") is None
    cache.write("code-1", b"code")
    assert kept(places) == places / "home" / ".cache" / "nac" / "kernels" and cache.read("code-1") == b"code"


def test_without_a_home_among_temporary_files(places):
    (places / "home").rmdir()
    (places / "home").write_text("no folder")
    cache.write("code-1", b"code")
    assert kept(places).parent == places / "tmp" and cache.read("code-1") == b"code"


def test_the_users_own_setting_goes_first(places, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places / "own"))
    cache.write("code-1", b"code")
    assert kept(places) == places / "own" and cache.read("code-1") == b"code"


def test_nowhere_if_no_place_can_be_written(places, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places / "home" / "file" / "folder"))
    (places / "home" / "file").write_text("no folder")
    cache.write("code-1", b"code")
    assert cache.read("code-1") is None and not list(places.rglob("code-1"))


def test_other_sources_and_settings_have_another_name(places, monkeypatch):
    names = {cache.name_for("one", "kernels")}
    (places / "package" / "kernels" / "one.py").write_text("2")
    names.add(cache.name_for("one", "kernels"))
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    names.add(cache.name_for("one", "kernels"))
    assert len(names) == 3
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places))
    assert cache.name_for("one", "kernels") in names


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_no_code_is_taken_from_a_folder_that_others_may_write(places):
    cache.write("code-1", b"code")
    kept(places).chmod(0o777)
    assert cache.read("code-1") is None
    cache.write("code-1", b"code")
    assert len(list(places.rglob("code-1"))) == 2 and cache.read("code-1") == b"code"


PROGRAM = """
import sys
import numpy as np
from nac_cli.kernels import load

x = np.array([[0, 1, -1]], np.float32)
load("layers").bias_gelu(x, np.zeros(3, np.float32))
print("numba" in sys.modules, (x * 10000).round().tolist())
"""


def test_code_is_compiled_once_and_again_where_it_is_damaged(tmp_path):
    pytest.importorskip("numba")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NAC_KERNELS": "numba"}
    said = []
    for damage in (False, False, True, False):
        if damage:
            (path,) = tmp_path.iterdir()
            path.write_bytes(path.read_bytes()[:-1])
        run = [sys.executable, "-c", PROGRAM]
        said.append(subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout)
    values = "[[0.0, 8413.0, -1587.0]]\n"
    assert said == [f"{imported} {values}" for imported in (True, False, True, False)]
