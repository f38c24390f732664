"""Encoders that are programs of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from nac_cli.errors import UsageError

PATIENCE = 120
"""Seconds until a program counts as hanging."""
LAST_WORDS = 200
"""Characters of what it said that an error repeats."""


def run(arguments: Sequence[str | Path], work: str) -> str:
    """Run a program; its text on stdout. Raises UsageError where it does not do its `work`."""
    try:
        done = subprocess.run(
            [*map(str, arguments)],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode(errors="replace").split())[-LAST_WORDS:]
        raise UsageError(f"{arguments[0]} does not {work}: {said or f'exit code {error.returncode}'}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{arguments[0]} does not {work}: {error}") from error
    return done.stdout.decode(errors="replace")
