"""The map of the code is true: what it names is there, and every package is on it."""

from __future__ import annotations

import re
from pathlib import Path

import nac_cli

PACKAGE = Path(nac_cli.__file__).parent
MAP = (PACKAGE / "README.md").read_text(encoding="utf-8")


def named() -> set[str]:
    """Everything in backticks that looks like a path of the package."""
    return {name for name in re.findall(r"`([\w./]+)`", MAP) if name.endswith((".py", "/"))}


def test_every_file_and_folder_that_it_names_is_there():
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    for name in named():
        if name.endswith("/"):
            assert (PACKAGE / name).is_dir() or (PACKAGE.parent / name).is_dir(), name
        else:
            assert any(f"/{file}".endswith(f"/{name}") for file in files) or (PACKAGE.parent / name).is_file(), name


def test_every_package_is_on_it():
    packages = {f"{path.parent.relative_to(PACKAGE)}/" for path in PACKAGE.rglob("*/__init__.py")}
    assert packages <= named()


def test_every_function_of_its_walks_is_in_the_file_that_it_names():
    for name, file in re.findall(r"`(\w+)` \(`([\w/]+\.py)`\)", MAP):
        (home,) = [path for path in PACKAGE.rglob("*.py") if f"/{path.relative_to(PACKAGE)}".endswith(f"/{file}")]
        assert re.search(rf"^\s*(def|class) {name}\b", home.read_text(encoding="utf-8"), re.MULTILINE), (name, file)
