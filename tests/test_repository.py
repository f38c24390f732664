"""What the repository holds, and what of it gets into a wheel."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_BYTES = 200_000
LARGE = ("samples/", "nac_cli/weights/", ".training/")
"""Folders of sound and models; golden files may be large too."""


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_large_files():
    paths = [path for path in tracked() if path.stat().st_size > MOST_BYTES]
    assert tracked(), "no files are tracked at all"
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    large = [name for name in names if not name.startswith(LARGE) and "golden" not in Path(name).parts]
    assert large == []


def test_the_top_level_stays_small():
    """Whoever opens the repository sees what it is at a glance."""
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    visible = {name for name in names if not name.startswith(".")}
    assert visible == {"LICENSE", "README.md", "format_spec.md", "nac_cli", "pyproject.toml", "samples", "tests"}


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in (path for path in tracked() if path.suffix == ".md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
