"""Lint and layout of every file, as pyproject.toml has them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(find_spec("ruff") is None, reason="needs ruff: pip install 'nac-cli[test]'")
@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff_finds_nothing(command):
    """`ruff check` and `ruff format` at the root show and mend what is wrong."""
    run = [sys.executable, "-m", "ruff", *command.split(), "--no-cache", "."]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr, done.stderr
