"""Where machine code is kept: beside the package, in the user's cache, or among temporary files.

A file is named after all that its code depends on: the sources, the versions of numba and llvmlite, the processor, and
what the environment tells numba. So what is found under that name fits, and nothing is ever written over.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from nac_cli.errors import NacError
from nac_cli.files import replacing

ROOT = Path(__file__).parents[1]
NAME_DIGITS = 24
SETTING = "NUMBA_CACHE_DIR"
"""In the environment: the folder to keep machine code in, here as for numba itself."""


def read(name: str) -> bytes | None:
    """What was kept under `name`; None for nothing."""
    for place in _places():
        if _is_safe(place):
            with suppress(OSError):
                return (place / name).read_bytes()
    return None


def write(name: str, data: bytes) -> None:
    """Keep `data` in the first place that can be written, if there is one."""
    for place in _places():
        with suppress(OSError, NacError):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_safe(place):
                with replacing(place / name) as beside:
                    beside.write_bytes(data)
                return


def name_for(room: str, package: str) -> str:
    """The name of the file with the code of the module `room` of `package`."""
    import llvmlite.binding as llvm

    digest = hashlib.sha256()
    folders = {ROOT / "kernels", ROOT / package.replace(".", "/")}
    sources = [path for folder in sorted(folders) for path in sorted(folder.glob("*.py"))]
    for path in [*sources, *_versions()]:
        digest.update(path.read_bytes())
    settings = [
        f"{key}={value}" for key, value in sorted(os.environ.items()) if key.startswith("NUMBA_") and key != SETTING
    ]
    processor = llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    digest.update("\n".join([*processor, *settings]).encode())
    return f"{package}.{room}-{digest.hexdigest()[:NAME_DIGITS]}"


def _versions() -> Iterator[Path]:
    """Files that say which numba and which llvmlite this is; numba is not imported for it."""
    for library in ("numba", "llvmlite"):
        spec = find_spec(library)
        if spec is not None and spec.origin:
            path = Path(spec.origin).with_name("_version.py")
            yield path if path.exists() else Path(spec.origin)


def _places() -> Iterator[Path]:
    own = os.environ.get(SETTING)
    if own:
        yield Path(own)
        return
    yield ROOT / "kernels" / "__pycache__"
    with suppress(RuntimeError):  # nobody knows where home is
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nac" / "kernels"
    yield Path(tempfile.gettempdir()) / f"nac-kernels-{os.getuid() if hasattr(os, 'getuid') else os.getlogin()}"


def _is_safe(place: Path) -> bool:
    """Whether `place` is a folder that none but this user and the administrator may write: what lies there is
    executed."""
    try:
        found = place.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    foreign = hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0)
    return not foreign and not (os.name == "posix" and found.st_mode & stat.S_IWOTH)
