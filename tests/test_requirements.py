"""What the package imports is what pyproject.toml asks for, no less and no more."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import nac_cli

tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")

PACKAGE = Path(nac_cli.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {"PIL": "pillow", "visqol": "visqol-python"}
"""Of modules that are called otherwise than what brings them."""
EXTRAS = {"bench": {"bench", "bench-speech"}, "train": {"train"}, "archive": {"archive"}, "models": {"hub"}}
"""Extras that a package of nac may need beside what is always installed."""
BY_NAME = {"s3fs", "tensorboard", "visqol-python", "zimtohrli", "pesq", "pystoi"}
"""Imported by others for nac (fsspec, torch.utils), or by a name in a string (`bench.perceptual`)."""
BESIDE = {"bench": {"encodec"}}
"""Codecs of others that a package of nac measures where they happen to be installed."""
BROUGHT = {"boto3"}
"""What comes with what the tests ask for: moto[s3] has it."""


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~!; ]", requirement)[0] for requirement in requirements}


ALWAYS = names(PROJECT["dependencies"])
OPTIONAL = {extra: names(wanted) for extra, wanted in PROJECT["optional-dependencies"].items()}


def imported(folder: Path) -> dict[str, str]:
    """Distributions that the modules below `folder` import anywhere, and where each is first."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            for module in modules:
                top = module.partition(".")[0]
                if top not in sys.stdlib_module_names and top not in ("nac_cli", "_typeshed"):  # mypy's own
                    found.setdefault(DISTRIBUTIONS.get(top, top), str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("package", sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()))
def test_every_import_is_asked_for(package):
    allowed = ALWAYS.union(BESIDE.get(package, ()), *(OPTIONAL[extra] for extra in EXTRAS.get(package, ())))
    missing = {name: place for name, place in imported(PACKAGE / package).items() if name not in allowed}
    assert not missing, f"not in pyproject.toml for {package}: {missing}"


def test_every_requirement_is_imported():
    asked = ALWAYS.union(*(OPTIONAL[extra] for extra in set().union(*EXTRAS.values())))
    assert asked - set(imported(PACKAGE)) == BY_NAME


def test_tests_get_what_they_import():
    """But for what some of them are skipped without, as they say."""
    skipped = set().union(*(OPTIONAL[extra] for extra in ("bench", "bench-speech", "hub", "parity")))
    missing = set(imported(ROOT / "tests")) - ALWAYS - OPTIONAL["test"] - skipped - BROUGHT - {"tests"}
    assert missing == set(), missing


def test_the_versions_of_ci_are_what_tests_and_reference_packages_ask_for():
    """Also that every package that is asked for has one version there."""
    lines = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    every = [*PROJECT["dependencies"], *(one for wanted in PROJECT["optional-dependencies"].values() for one in wanted)]
    assert names(every) - pinned.keys() == {"huggingface_hub"}
    exact = dict(requirement.split("==") for requirement in every if "==" in requirement)
    assert exact == {name: pinned[name] for name in exact}
