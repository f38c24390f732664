"""The place that a user names: a folder, or a URL of an object store."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.request import url2pathname

from nac_cli.archive.places.folder import Folder
from nac_cli.archive.places.place import Place
from nac_cli.archive.places.store import Store
from nac_cli.errors import UsageError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def open_place(name: str) -> Place:
    """The place that `name` stands for: a path, or a URL that fsspec knows (`s3://bucket/folder`). A `file://` URL is a
    folder, in whose name a percent sign with two digits is one byte (RFC 8089). Raises UsageError."""
    if name.startswith("file://"):
        path = name.removeprefix("file://").removeprefix("localhost")
        if not path.startswith("/"):
            raise UsageError(f"{name}: a file on another machine; such a URL begins with file:///")
        return Folder(Path(url2pathname(path)))
    if _URL.match(name):
        return Store(name)
    return Folder(Path(name))
