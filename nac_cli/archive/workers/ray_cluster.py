"""The connection to a Ray cluster: an existing one, or one started here."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from nac_cli.errors import UsageError

STORE_BYTES = 1 << 27
"""Bytes of memory for Ray's objects, on a cluster that is started here: batches and results are small."""
KNOCK_SECONDS = 10.0
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Ray's environment: no usage reports, none of its own lines between those of nac, no warning of coming changes."""


def connect(address: str | None, cpus: int | None) -> bool:
    """Connect to the cluster at `address` ("auto", "host:port", "ray://host:port"), or start one on this machine with
    at least `cpus` CPUs. Returns False if this process was connected before. Raises UsageError if there is no such
    cluster."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        return False
    options: dict = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address is None:
        options |= {
            "address": "local",
            "num_cpus": max(cpus or 1, os.cpu_count() or 1),
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
        }
    else:
        options["address"] = address
    with _signals_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _knock(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address or "")
            ray.init(**options)
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            where = f"at {address}" if address else "on this machine"
            raise UsageError(
                f"no Ray cluster can be had {where} ({said}). Start one with `ray start --head`, join it from other "
                "machines with `ray start --address=HOST:6379`; --address is auto on one of these machines, "
                "ray://HOST:10001 elsewhere"
            ) from error
    return True


def disconnect() -> None:
    """Leave the cluster; one that was started here ends."""
    import ray

    with _signals_kept():
        ray.shutdown()


def _knock(address: str) -> None:
    """Check that a server answers at "host:port", which Ray would try for minutes. Raises OSError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the program's signal handlers, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
