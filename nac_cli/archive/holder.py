"""The holder of an archive: the process that works on it, as its lock records."""

from __future__ import annotations

import json
import os
import platform
import uuid
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path


class Holder:
    """Functions on the content of a lock, which names the process that holds an archive."""

    @staticmethod
    def me() -> bytes:
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        who = {"host": platform.node(), "machine": _machine(), "pid": os.getpid(), "time": time}
        who["token"] = uuid.uuid4().hex
        return json.dumps(who).encode("ascii")

    @staticmethod
    def has_ended(lock: bytes) -> bool:
        """Whether the lock is that of a process of this machine which no longer runs."""
        try:
            who = json.loads(lock)
            return who["machine"] == _machine() and not runs(int(who["pid"]))
        except (ValueError, KeyError, TypeError):
            return False

    @staticmethod
    def told(lock: bytes) -> str:
        try:
            who = json.loads(lock)
            return f"nac on {who['host']} (process {who['pid']}, since {who['time']})"
        except (ValueError, KeyError, TypeError):
            return "another program"


def _machine() -> str:
    """An identifier of this machine: the same in all its processes, different on other machines."""
    return f"{platform.node()} {uuid.getnode():012x}"


def runs(process: int) -> bool:
    """Whether a process with this id runs on this machine; True where the system does not tell."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    with suppress(OSError):  # Linux tells of those that have ended, and nobody has asked how
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return True
