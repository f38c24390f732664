"""Models in use: found, loaded once, placed on a device."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from dataclasses import fields
from functools import cache, lru_cache
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.entropy import Coders, FrequencyTables
from nac_cli.entropy.frequencies import can_have_tables
from nac_cli.entropy.lm_streams import require_fit
from nac_cli.errors import ModelError, NacError, UsageError
from nac_cli.models import weights, zoo
from nac_cli.models.weights import WeightFile
from nac_cli.values import ENTROPY, CodecSpec, Mode, StreamInfo

if TYPE_CHECKING:
    from nac_cli.entropy.lm import LanguageModel
    from nac_cli.models.codec import TrainableCodec
    from nac_cli.models.spectral_arrays import SpectralArrays
    from nac_cli.pipelines.chain.inference import Network


def open_network(file: WeightFile, device: str = "auto", threads: int | None = None) -> Network:
    """The network of `file` for the chains of this package, with `threads` CPU threads (by default: the processor's).

    On a CPU the default family computes in numpy, without torch. Else, and in what it raises, as `open_model`.
    """
    if does_without_torch(file, device, threads):
        return _arrays(file.path, file.path.stat().st_mtime_ns, threads or processors())
    return open_model(file, device, threads)


def does_without_torch(file: WeightFile, device: str = "auto", threads: int | None = None) -> bool:
    """Whether `open_network` gives the network in numpy, which any number of threads may use. Raises UsageError."""
    return file.spec.family == "spectral" and choose_device(device, threads) == "cpu"


LONGEST_SHOWN = 60
"""Characters of a value in a message."""


def open_model(file: WeightFile, device: str = "auto", threads: int | None = None) -> TrainableCodec:
    """The network of `file` in torch, ready on `device` ("auto", "cpu" or "cuda"), with `threads` CPU threads.

    On a GPU, products are from now on whole float32 ones, of which cuDNN keeps 10 bits by default (TF32), so that codes
    and sound are those of a CPU but for the order of sums. Raises UsageError when CUDA is asked for and absent,
    ModelError when the file does not make a network.
    """
    device = device_for_torch(device, threads)
    if device == "cuda":
        import torch

        torch.backends.cudnn.allow_tf32 = False
    return _loaded(file.path, file.path.stat().st_mtime_ns, device)


def device_for_torch(device: str = "auto", threads: int | None = None) -> str:
    """As `choose_device`, for work in torch, which has that many CPU threads from now on. Raises UsageError."""
    device = choose_device(device, threads)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    return device


def choose_device(device: str = "auto", threads: int | None = None) -> str:
    """ "cpu" or "cuda" for a device as `open_model` takes it. Raises UsageError.

    torch is asked only where a GPU's driver is: to import it takes longer than to compress a short sound.
    """
    _check_threads(threads)
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device {device!r} is unknown: choose auto, cpu or cuda")
    if device == "cpu" or not (_has_driver() and _has_cuda()):
        if device == "cuda":
            raise UsageError("device cuda was asked for, but no CUDA device is usable here; use --device cpu or auto")
        return "cpu"
    return "cuda"


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@cache
def _has_driver() -> bool:
    """Whether the library of a GPU's driver is here: NVIDIA's, or AMD's, which torch calls cuda too."""
    if sys.platform == "darwin":
        return False
    for name in ("nvcuda.dll", "amdhip64.dll") if sys.platform == "win32" else ("libcuda.so.1", "libamdhip64.so"):
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            continue
    return os.path.exists("/dev/kfd")


def coders_to_pack(
    file: WeightFile, entropy: str = "auto", threads: int | None = None
) -> tuple[Coders, tuple[Mode, ...]]:
    """The coders that come with a codec, and the modes that `entropy` (one of ENTROPY) allows for its chunks.

    Raises UsageError if the codec lacks what a mode needs, ModelError for a language model that is damaged or not
    this codec's, TokenMismatch for one that is not exact on this machine.
    """
    if entropy not in ENTROPY:
        raise UsageError(f"entropy mode {entropy!r} is unknown: choose one of {', '.join(ENTROPY)}")
    tables = open_tables(file) if entropy in ("auto", "static") else None
    lm_file = zoo.lm_beside(file) if entropy in ("auto", "lm") else None
    if entropy == "static" and tables is None:
        counted = f"`nac models count {file.spec.name} RECORDINGS` makes a copy that has"
        why = counted if can_have_tables(file.spec.codebook_sizes) else "its codebooks are too large for them"
        raise UsageError(f"the mode static is not possible with {file.spec.name}: it has no frequency tables ({why})")
    if entropy == "lm" and lm_file is None:
        wanted = f"{file.path.stem}{zoo.LM_SUFFIX}"
        raise UsageError(f"the mode lm is not possible with {file.spec.name}: no {wanted} lies beside its weight file")
    coders = Coders(tables, open_lm(lm_file, file, threads) if lm_file else None)
    if entropy != "auto":
        return coders, (Mode[entropy.upper()],)
    has = {Mode.PACKED: True, Mode.STATIC: tables is not None, Mode.LM: lm_file is not None}
    return coders, tuple(mode for mode in Mode if has[mode])


def model_of(info: StreamInfo) -> WeightFile:
    """The installed model that made a stream. Raises ModelError if it is missing, or is not what the header says."""
    file = zoo.find_id(info.codec.model_id, info.codec.name)
    _require_same(file, info)
    return file


class CodersToUnpack:
    """The coders that a stream's chunks were packed with, each opened when a chunk needs it."""

    def __init__(self, file: WeightFile, info: StreamInfo, threads: int | None = None) -> None:
        """Raises ModelError if the model in `file` is not the one that the header describes."""
        _require_same(file, info)
        self._file, self._info, self._threads = file, info, threads

    def prepare(self) -> None:
        """Open what the header says is needed; whatever keeps it from opening is raised where a chunk needs it."""
        if self._info.lm_id is not None:
            with suppress(NacError):
                self.for_mode(Mode.LM)

    def for_mode(self, mode: int) -> Coders:
        """Raises ModelError if the stream's language model is missing, damaged or not for its codec, TokenMismatch
        if it is not exact on this machine."""
        tables, lm_id = open_tables(self._file), self._info.lm_id
        if mode != Mode.LM or lm_id is None:
            return Coders(tables)
        lm_file = zoo.find_lm_id(lm_id, self._info.codec.name)
        return Coders(tables, open_lm(lm_file, self._file, self._threads))


def open_tables(file: WeightFile) -> FrequencyTables | None:
    """The `static` mode's frequency tables of `file`, None when it has none."""
    return _tables(file.path, file.path.stat().st_mtime_ns)


def open_lm(lm_file: zoo.LmFile, file: WeightFile, threads: int | None = None) -> LanguageModel:
    """A language model for the codec `file`, with a worker for each of `threads` (by default: of the processor's).

    Raises ModelError for one that is damaged or not for this codec, TokenMismatch for one that is not exact here,
    UsageError for less than one thread.
    """
    _check_threads(threads)
    return require_fit(_lm(lm_file.path, lm_file.model_id, threads or processors()), file.spec)


def _require_same(file: WeightFile, info: StreamInfo) -> None:
    """The id names the model, and all else that the header says of it must be so: planes and strides decide how chunks
    are read, hop and rate how long the sound is."""
    wrong = [item.name for item in fields(CodecSpec) if getattr(info.codec, item.name) != getattr(file.spec, item.name)]
    if wrong:
        said = "; ".join(
            f"{name.replace('_', ' ')} {_shown(getattr(info.codec, name))}, not {_shown(getattr(file.spec, name))}"
            for name in wrong
        )
        raise ModelError(
            f"the header says of model {file.spec.name!r} with id {file.spec.model_id.hex()} what is not so ({said}); "
            "the file was changed, or was made by a faulty encoder"
        )


def _shown(value: object) -> str:
    """A value of a header, which may be long."""
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _check_threads(threads: int | None) -> None:
    if threads is not None and (not isinstance(threads, Integral) or threads < 1):
        raise UsageError(f"threads must be a whole number of at least 1, not {threads!r}")


def processors() -> int:
    """Those that this process may run on, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=4)
def _loaded(path: Path, modified: int, device: str) -> TrainableCodec:
    return zoo.load(zoo.described(path), device)


@lru_cache(maxsize=4)
def _arrays(path: Path, modified: int, workers: int) -> SpectralArrays:
    from nac_cli.models.spectral_arrays import SpectralArrays

    return SpectralArrays(zoo.described(path), workers)


@lru_cache(maxsize=4)
def _tables(path: Path, modified: int) -> FrequencyTables | None:
    tables = weights.load_tables(path)
    return None if tables is None else FrequencyTables(tables)


@lru_cache(maxsize=2)
def _lm(path: Path, model_id: bytes, workers: int) -> LanguageModel:
    from nac_cli.entropy.lm import LanguageModel

    return LanguageModel(path, workers)
