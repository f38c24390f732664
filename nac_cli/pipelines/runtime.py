"""Models in use: found, loaded once, placed on a device."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nac_cli.entropy import FrequencyTables
from nac_cli.errors import UsageError
from nac_cli.models import weights, zoo
from nac_cli.models.weights import WeightFile

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec


def open_model(file: WeightFile, device: str = "auto", threads: int | None = None) -> Codec:
    """The network of `file`, ready on `device` ("auto", "cpu" or "cuda"), with `threads` CPU threads.

    Raises UsageError when CUDA is asked for and absent, ModelError when the file does not make a network.
    """
    return _loaded(file.path, file.path.stat().st_mtime_ns, choose_device(device, threads))


def choose_device(device: str = "auto", threads: int | None = None) -> str:
    """ "cpu" or "cuda" for a device as `open_model` takes it; sets the number of CPU threads. Raises UsageError."""
    import torch

    if threads is not None:
        if threads < 1:
            raise UsageError(f"threads must be at least 1, not {threads}")
        torch.set_num_threads(threads)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise UsageError(f"device {device!r} is unknown: choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda was asked for, but no CUDA device is usable here; use --device cpu or auto")
    return device


def open_tables(file: WeightFile) -> FrequencyTables | None:
    """The `static` mode's frequency tables of `file`, None when it has none."""
    return _tables(file.path, file.path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _loaded(path, modified: int, device: str) -> Codec:
    return zoo.load(weights.describe(path), device)


@lru_cache(maxsize=4)
def _tables(path, modified: int) -> FrequencyTables | None:
    tables = weights.load_tables(path)
    return None if tables is None else FrequencyTables(tables)
