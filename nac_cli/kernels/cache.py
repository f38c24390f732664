"""Where machine code is kept: NUMBA_CACHE_DIR, beside the package, in the user's cache, or among temporary files.

numba finds old code by the age of a kernel's own file, and would miss a change in a file that it imports. So each
state of this folder's sources has a folder of its own, named after what is in them.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOM = Path(__file__).parent
NAME_DIGITS = 16
PLAIN = ("__init__", "blas", "cache", "loading")
"""Sources that are not compiled."""


def folder() -> Path | None:
    """One that can be written, None for numba's own choice, which NUMBA_CACHE_DIR makes."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return None
    state = _state()
    for place in _places():
        path = place / state
        if _usable(path):
            return path
    return Path(tempfile.mkdtemp(prefix="nac-kernels-"))  # for this process alone


@contextmanager
def cached_in(path: Path | None) -> Iterator[None]:
    """numba keeps what is compiled inside in `path`; other users of numba in this process do not notice."""
    from numba import config

    before = config.CACHE_DIR
    try:
        if path is not None:
            config.CACHE_DIR = str(path)
        yield
    finally:
        config.CACHE_DIR = before


def _places() -> Iterator[Path]:
    yield ROOM / "__pycache__"
    with suppress(RuntimeError):  # nobody knows where home is
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nac" / "kernels"
    yield Path(tempfile.gettempdir()) / f"nac-kernels-{os.getuid() if hasattr(os, 'getuid') else os.getlogin()}"


def _usable(path: Path) -> bool:
    """Whether `path` is, or can become, a folder that this user alone may write: what lies there is executed."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in (path, path.parent):
            found = each.lstat()
            foreign = hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0)
            if not stat.S_ISDIR(found.st_mode) or foreign or (os.name == "posix" and found.st_mode & stat.S_IWOTH):
                return False
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def _state() -> str:
    """Name for what is in the sources of this folder now."""
    digest = hashlib.sha256()
    for path in sorted(ROOM.glob("*.py")):
        if path.stem not in PLAIN:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:NAME_DIGITS]
