"""Failures: the message and the exit code that belong to an exception.

A worker process sends this to the one that started it, the journal of an archive keeps it, and the command line shows
it; `nac_cli.cli.errors` adds click's own errors.
"""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.errors import AudioError, Interrupted, NacError

INTERNAL = NacError.exit_code

EXTRAS = {
    "scipy": "bench",
    "visqol": "bench",
    "zimtohrli": "bench",
    "bokeh": "bench",
    "jinja2": "bench",
    "PIL": "bench",
    "pyloudnorm": "bench",
    "pesq": "bench-speech",
    "pystoi": "bench-speech",
    "tensorboard": "train",
    "ray": "archive",
    "fsspec": "archive",
    "s3fs": "archive",
}


@dataclass(frozen=True)
class Failure:
    """A message for people, and an exit code."""

    message: str
    exit_code: int


def explain(error: BaseException) -> Failure:
    """The message and the exit code that belong to an exception."""
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", Interrupted.exit_code)
    if isinstance(error, NacError):
        return Failure(str(error), error.exit_code)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("nac_cli"):
        return Failure(_missing_package(error.name.partition(".")[0]), INTERNAL)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Failure(
            f"{where}{error.strerror}; check the path, its permissions and the free space",
            AudioError.exit_code,
        )
    said = " ".join(str(error).split()) or "no details"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, on a GPU
        return Failure(f"out of memory ({said}); free some, or try --device cpu", INTERNAL)
    return Failure(
        f"internal error, {type(error).__name__}: {said}; this is a bug in nac, please report it with the "
        "command that led here and what NAC_DEBUG=1 makes it print",
        INTERNAL,
    )


def _missing_package(name: str) -> str:
    extra = EXTRAS.get(name)
    wanted = f"nac-cli[{extra}]" if extra else "nac-cli"
    return f"this needs the Python package {name!r}, which is not installed: pip install '{wanted}'"
