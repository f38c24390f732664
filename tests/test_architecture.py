"""The layers import downwards only, and the light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nac_cli

PACKAGE = Path(nac_cli.__file__).parent
RANKS = {
    "detail_layer": 0,
    "errors": 0,
    "failures": 0,
    "files": 0,
    "kernels": 0,
    "parallel": 0,
    "speakers": 0,
    "values": 0,
    "varint": 0,
    "audio": 1,
    "models": 1,
    "entropy": 1,
    "container": 1,
    "detail": 1,
    "pipelines": 2,
    "train": 3,
    "bench": 3,
    "archive": 3,
    "cli": 4,
}
APART = ("audio", "models", "entropy", "container", "detail")


def imported(path: Path) -> set[str]:
    """Dotted names that a module imports from nac at its top or inside a function, names within a module included;
    type-checking imports aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "nac_cli":
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("nac_cli.")}
    return names


def imports(path: Path) -> set[str]:
    """The packages of nac that a module imports."""
    packages = {name.split(".")[1] for name in imported(path)}
    return packages & RANKS.keys()  # the rest are names of nac itself, such as __version__


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


def module_imports() -> dict[str, set[str]]:
    """The modules of nac that each module of nac imports."""
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ("nac_cli", *path.relative_to(PACKAGE).with_suffix("").parts)
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for module, path in modules.items():
        names = imported(path)
        graph[module] = {name if name in modules else name.rpartition(".")[0] for name in names} & modules.keys()
        graph[module] -= {module, "nac_cli"}
    return graph


def test_no_module_imports_itself_by_way_of_others():
    graph = module_imports()
    assert len(graph) > 100 and "nac_cli.errors" in graph["nac_cli.files"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_rooms_of_the_pipelines_import_one_way():
    rooms = ("models", "chain", "rate")
    for module, names in module_imports().items():
        room = module.removeprefix("nac_cli.pipelines.").split(".")[0]
        if not module.startswith("nac_cli.pipelines.") or room not in rooms:
            continue
        for name in names:
            other = name.removeprefix("nac_cli.pipelines.").split(".")[0]
            if name.startswith("nac_cli.pipelines.") and other in rooms:
                assert rooms.index(other) <= rooms.index(room), f"{module} imports {name}"
            elif name.startswith("nac_cli.pipelines."):
                assert other in ("endpoints", "progress"), f"{module} imports the verb {name}"


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
        "import nac_cli; nac_cli.compress",
        "import nac_cli; nac_cli.decompress",
        "import nac_cli; nac_cli.verify",
        "import nac_cli; nac_cli.recode",
        "import nac_cli; nac_cli.tag",
        "import nac_cli; nac_cli.TagChanges",
        "import nac_cli; nac_cli.archive_library",
        "import nac_cli; nac_cli.Workers",
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
