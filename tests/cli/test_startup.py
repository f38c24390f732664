from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import ROOT
from tests.helpers.pictures import PNG

RUN = """
import sys
from nac_cli.cli.main import main
try:
    main({args!r})
except SystemExit as end:
    assert not end.code
sys.exit("torch" in sys.modules)
"""


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["compress", "--help"],
        ["train", "codec", "--help"],
        ["models", "--json"],
        ["completion", "zsh"],
        ["info", "long.nac"],
        ["info", "--json", "long.nac"],
        ["tag", "long.nac"],
        ["tag", "long.nac", "--set", "TITLE=x", "--picture", "cover.png"],
    ],
    ids=" ".join,
)
def test_what_needs_no_torch_does_not_load_it(args, nac_file):
    (nac_file.parent / "cover.png").write_bytes(PNG)
    there = {path.name: str(path) for path in nac_file.parent.iterdir()}
    args = [there.get(arg, arg) for arg in args]
    code = RUN.format(args=args)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
