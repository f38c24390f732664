"""The layers import downwards only, and the light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nac_cli

PACKAGE = Path(nac_cli.__file__).parent
RANKS = {
    "errors": 0,
    "failures": 0,
    "files": 0,
    "speakers": 0,
    "values": 0,
    "audio": 1,
    "models": 1,
    "entropy": 1,
    "container": 1,
    "pipelines": 2,
    "train": 3,
    "bench": 3,
    "archive": 3,
    "cli": 4,
}
APART = ("audio", "models", "entropy", "container")


def imports(path: Path) -> list[str]:
    """Packages of nac that a module imports at its top or inside a function; type-checking imports aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nac_cli."):
            names.append(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("nac_cli.")]
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    parts = path.relative_to(PACKAGE).parts
    home = parts[0].removesuffix(".py")
    if home in ("__init__", "__main__"):
        return
    for name in imports(path):
        assert RANKS[name] <= RANKS[home], f"{home} (rank {RANKS[home]}) imports {name} (rank {RANKS[name]})"
        if home in APART and name in APART:
            assert name == home, f"{home} imports {name}"


def modules_after(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in out.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import nac_cli",
        "import nac_cli.cli.main",
        "import nac_cli.audio",
        "import nac_cli.container",
        "import nac_cli.entropy",
        "import nac_cli.entropy.lm",
        "import nac_cli; nac_cli.info",
        "import nac_cli; nac_cli.verify",
        "import nac_cli; nac_cli.recode",
        "import nac_cli; nac_cli.tag",
        "import nac_cli; nac_cli.TagChanges",
        "import nac_cli.audio.tags.picture",
        "from nac_cli.models import zoo; zoo.available()",
    ],
)
def test_what_needs_no_network_imports_no_torch(code):
    assert "torch" not in modules_after(code)


def test_inference_imports_no_training():
    loaded = subprocess.run(
        [sys.executable, "-c", "import nac_cli; nac_cli.compress; import sys; print('nac_cli.train' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "False"
