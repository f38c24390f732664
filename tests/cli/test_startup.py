from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import ROOT

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
    ],
    ids=" ".join,
)
def test_what_needs_no_torch_does_not_load_it(args, nac_file):
    args = [str(nac_file) if arg == nac_file.name else arg for arg in args]
    code = RUN.format(args=args)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
