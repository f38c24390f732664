"""The package passes mypy, with the settings of pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nac_cli

ROOT = Path(nac_cli.__file__).parents[1]


def test_types_fit(pytestconfig):
    """Half a minute of a processor at first; what mypy found out of torch and NumPy is kept for later runs."""
    cache = pytestconfig.cache.mkdir("mypy")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(cache), "--no-color-output"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_users_of_the_package_see_its_types():
    assert (ROOT / "nac_cli" / "py.typed").is_file()
