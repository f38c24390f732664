"""A place in an object store, or whatever else fsspec knows by a URL.

Credentials and the address of the service are the store's own business, as its tools want them: for S3 the variables
AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, or fsspec's configuration files. They
never travel to other machines with the place.
"""

from __future__ import annotations

import errno
import posixpath
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from nac_cli.archive.holder import Holder
from nac_cli.archive.places.place import LOCK, PRIVATE, Found, Skip, checked, joined_parts, part_name, parts_of
from nac_cli.archive.places.temporary import sweep, temporary
from nac_cli.errors import AudioError, CorruptStream, NacError, OutputExists, UsageError

PART_BYTES = 1 << 16
"""Bytes of a part of a file of records: objects cannot be appended to, so the last part is written anew until it has
this size."""
READS_AT_ONCE = 16
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")


class Store:
    """A `Place` in a store. Files being read or written lie in this machine's temporary folder (see TMPDIR) meanwhile.
    Times of change are the store's own, in whole seconds, since some stores give more digits in lists than for single
    files. A put is assumed to be atomic, as it is in object stores."""

    keeps_times: ClassVar[bool] = False

    def __init__(self, name: str):
        """Raises UsageError for a URL that fsspec cannot use, ModuleNotFoundError if a package is missing."""
        self.name = name
        self._tails: dict[str, tuple[int, bytes]] | None = None
        self._opened  # noqa: B018  says now what is wrong with the name

    def __getstate__(self) -> dict:
        return {"name": self.name, "_tails": None}

    def walk(self, skip: Skip, follow_links: bool = False) -> Iterator[Found]:
        with self._explained():
            listed = self._fs.find(self._root, detail=True)
        if not listed:
            raise FileNotFoundError(errno.ENOENT, "nothing is there", self.name)
        start = len(self._key(""))
        for name, info in sorted(listed.items()):
            path = name[start:]
            if not path or path.endswith("/") or path.startswith(f"{PRIVATE}/") or info.get("type") == "directory":
                continue
            try:
                yield Found(checked(path), info["size"], _mtime_ns(info))
            except CorruptStream:
                skip(path, "its name cannot be a path")

    def stat(self, path: str, follow_links: bool = True) -> Found | None:
        key = self._key(path)
        with self._explained(path):
            try:
                info = self._fs.info(key)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Found(path, info["size"], _mtime_ns(info)) if info["type"] == "file" else None

    @contextmanager
    def reading(self, path: str) -> Iterator[Path]:
        suffix = _SUFFIX.search(path)
        with temporary() as folder:
            local = folder / f"file{suffix[0] if suffix else ''}"
            with self._explained(path):
                self._fs.get_file(self._key(path), str(local))
            with self._named(local, path):
                yield local

    @contextmanager
    def writing(self, path: str, mtime_ns: int, overwrite: bool = True) -> Iterator[Path]:
        key = self._key(path)
        with temporary() as folder:
            local = folder / "file"
            with self._named(local, path):
                yield local
            if not overwrite and self.stat(path) is not None:
                raise OutputExists(f"{self.name.rstrip('/')}/{path}: already exists; use --force to replace it")
            with self._explained(path):
                self._fs.put_file(str(local), key)

    def append(self, path: str, data: bytes) -> None:
        number, whole = self._tail(path)
        if whole and len(whole) + len(data) > PART_BYTES:
            number, whole = number + 1, b""
        whole = joined_parts([whole, data])
        self._put(part_name(path, number), whole)
        if self._tails is not None:
            self._tails[path] = number, whole

    def records(self, path: str) -> bytes:
        names = parts_of(path, self._names(posixpath.dirname(path)))
        with ThreadPoolExecutor(READS_AT_ONCE) as threads:
            return joined_parts([part or b"" for part in threads.map(self._get, names)])

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Claim the place by a lock object, which is removed at the end. Where the store has conditional puts only one
        process gets it. The lock of a process of this machine that no longer runs does not count; for one left by
        another machine, the error says what to remove."""
        mine = Holder.me()
        self._take_lock(mine)
        self._tails = {}
        try:
            yield
        finally:
            self._tails = None
            with suppress(NacError):  # who finds it will see that this process has ended
                if self._get(LOCK) == mine:
                    with self._explained(LOCK):
                        self._fs.rm_file(self._key(LOCK))

    def discard_unfinished(self) -> None:
        """Unfinished files are not in the store, but in the temporary folder of the machine that wrote them."""
        sweep()

    def folds_case(self) -> bool:
        return False

    @cached_property
    def _opened(self) -> tuple:
        scheme, _, rest = self.name.partition("://")
        if not rest.strip("/") and scheme != "memory":
            raise UsageError(f"{self.name}: names no bucket; a place is a folder, or a URL such as s3://bucket/folder")
        try:
            from fsspec.core import url_to_fs

            return url_to_fs(self.name, use_listings_cache=False)
        except ModuleNotFoundError:
            raise
        except ImportError as error:  # fsspec's, with what to install
            if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name == "s3fs":
                raise error.__cause__ from None
            raise UsageError(f"{self.name}: {error}") from error
        except ValueError as error:
            raise UsageError(
                f"{self.name}: {error}; a place is a folder, or a URL such as s3://bucket/folder"
            ) from error

    @property
    def _fs(self):
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    def _key(self, path: str) -> str:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise AudioError(
                f"{path!r}: its name is no UTF-8, so {self.name} can have nothing of that name; rename it"
            ) from error
        return f"{self._root.rstrip('/')}/{path}"

    def _names(self, folder: str) -> list[str]:
        """Paths of the files in a folder, from the root."""
        with self._explained(folder):
            try:
                keys = self._fs.ls(self._key(folder), detail=False)
            except FileNotFoundError:
                return []
        return [posixpath.join(folder, posixpath.basename(key)) for key in keys]

    def _tail(self, path: str) -> tuple[int, bytes]:
        """Number and content of the last part of a file of records; remembered while the place is claimed."""
        if self._tails and path in self._tails:
            return self._tails[path]
        names = parts_of(path, self._names(posixpath.dirname(path)))
        if not names or names[-1] == path:
            return 1, b""
        return int(names[-1].rpartition(".")[2]), self._get(names[-1]) or b""

    def _get(self, path: str) -> bytes | None:
        """The content of a small file, None if there is no such file."""
        with self._explained(path):
            try:
                return self._fs.cat_file(self._key(path))
            except FileNotFoundError:
                return None

    def _put(self, path: str, data: bytes, mode: str = "overwrite") -> None:
        with temporary() as folder:
            (folder / "file").write_bytes(data)
            with self._explained(path):
                self._fs.put_file(str(folder / "file"), self._key(path), mode=mode)

    def _take_lock(self, mine: bytes) -> None:
        try:
            self._put(LOCK, mine, mode="create")
        except AudioError:
            there = self._get(LOCK)
            if there is not None and not Holder.has_ended(there):
                raise UsageError(
                    f"{self.name}: {Holder.told(there)} works on this archive; wait for it, or end it. If it has ended "
                    f"without clearing up, remove {self.name.rstrip('/')}/{LOCK}"
                ) from None
            self._put(LOCK, mine)  # also where a store does not know of conditions
        if self._get(LOCK) != mine:
            raise UsageError(f"{self.name}: another nac works on this archive; wait for it, or end it")

    @contextmanager
    def _explained(self, path: str = "") -> Iterator[None]:
        """Turn any exception of the store inside into an AudioError that says what to do."""
        try:
            yield
        except (NacError, ModuleNotFoundError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            where = f"{self.name.rstrip('/')}/{path}" if path else self.name
            said = " ".join(str(error).split()) or type(error).__name__
            raise AudioError(f"{where}: cannot be had or written ({said}); {_advice(error)}") from error

    @contextmanager
    def _named(self, local: Path, path: str) -> Iterator[None]:
        """Replace the name of the local file in errors by that of the file in the store."""
        try:
            yield
        except NacError as error:
            where = f"{self.name.rstrip('/')}/{path}"
            error.args = tuple(str(part).replace(str(local), where) for part in error.args)
            raise


def _mtime_ns(info: dict) -> int:
    """Time of change of a file in nanoseconds, by the store's description of it, to whole seconds; 0 if unknown."""
    for name in ("LastModified", "last_modified", "mtime", "modified", "updated", "created"):
        value = info.get(name)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if isinstance(value, datetime):
            value = value.timestamp()
        if isinstance(value, (int, float)):
            return int(value) * 10**9
    return 0


def _advice(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the names of the bucket and the folder"
    if isinstance(error, PermissionError):
        return "check the credentials and what they allow"
    if "credentials" in f"{type(error).__name__} {error}".lower():
        return (
            "give credentials as the store's own tools want them (for S3: `aws configure`, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY)"
        )
    return "check the address of the service, and that it can be reached"
