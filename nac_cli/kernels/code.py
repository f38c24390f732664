"""Machine code of kernels: as a file, and as functions that take numpy's arrays. numba is not needed for it."""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numpy as np

NUMBERS: dict[str, Any] = {
    **{f"int{bits}": getattr(ctypes, f"c_int{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": getattr(ctypes, f"c_uint{bits}") for bits in (8, 16, 32, 64)},
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Form:
    """A number of the type `dtype`, numpy's name of it, or an array with `dims` of them; nothing if it has no name."""

    dtype: str
    dims: int


@dataclass(frozen=True)
class Interface:
    """How a function is called: the name of its machine code, and what it takes and gives."""

    symbol: str
    arguments: tuple[Form, ...]
    result: Form


@dataclass(frozen=True)
class Code:
    """Object code of some kernels by name, and what they need of the process (the C library's functions)."""

    interfaces: Mapping[str, Interface]
    needs: tuple[str, ...]
    objects: bytes

    def to_bytes(self) -> bytes:
        """A digest, a line of JSON, and the object code."""
        kernels = {name: asdict(one) for name, one in self.interfaces.items()}
        rest = json.dumps({"kernels": kernels, "needs": self.needs}).encode() + b"\n" + self.objects
        return hashlib.sha256(rest).digest() + rest

    @classmethod
    def from_bytes(cls, data: bytes) -> Code | None:
        """Inverse of `to_bytes`; None for a damaged file."""
        digest, rest = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
        if hashlib.sha256(rest).digest() != digest:
            return None
        line, _, objects = rest.partition(b"\n")
        said = json.loads(line)
        interfaces = {
            name: Interface(one["symbol"], tuple(Form(**form) for form in one["arguments"]), Form(**one["result"]))
            for name, one in said["kernels"].items()
        }
        return cls(interfaces, tuple(said["needs"]), objects)

    def link(self) -> SimpleNamespace:
        """The kernels, ready to be called, by name. Raises OSError if this process lacks what they need."""
        _initialise()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)  # which opens the process's own symbols
        missing = [name for name in self.needs if not llvm.address_of_symbol(name)]
        if missing:  # linking would end the process
            raise OSError(f"kernels need {', '.join(missing)}, which this process lacks")
        engine.add_object_file(llvm.ObjectFileRef.from_data(self.objects))
        engine.finalize_object()
        linked = {
            name: Kernel(name, engine.get_function_address(one.symbol), one, engine)
            for name, one in self.interfaces.items()
        }
        return SimpleNamespace(**linked)


class Kernel:
    """A function in machine code; other threads run meanwhile."""

    def __init__(self, name: str, address: int, interface: Interface, engine: object) -> None:
        self.__name__ = name
        self._engine = engine  # which holds the code
        self._forms, self._result = interface.arguments, NUMBERS.get(interface.result.dtype)
        words = [NUMBERS.get(word) or ctypes.c_void_p for word in _ctypes_of(self._forms)]
        self._function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *words)(address)

    def __call__(self, *arguments: object) -> int | float | None:
        """Raises TypeError for arrays that are not of the kernel's form."""
        words: list[object] = []
        for form, value in zip(self._forms, arguments, strict=True):
            words += _laid_out(value, form, self.__name__) if form.dims else (value,)
        result, excuse = (self._result or ctypes.c_int64)(), ctypes.c_void_p()
        if self._function(ctypes.addressof(result), ctypes.addressof(excuse), *words):
            raise RuntimeError(f"the kernel {self.__name__} failed")
        return result.value if self._result else None


def words_of(arguments: Sequence[Form]) -> list[str]:
    """LLVM's types of what a function takes for its arguments, as numba lays them out: of an array its owner and its
    parent (none here), how many entries of how many bytes, where they are, its shape and its strides."""
    words = []
    for form in arguments:
        if form.dims:
            words += ["ptr", "ptr", "i64", "i64", "ptr", *["i64"] * (2 * form.dims)]
        else:
            words.append(
                {"float32": "float", "float64": "double"}.get(form.dtype) or f"i{np.dtype(form.dtype).itemsize * 8}"
            )
    return words


def _ctypes_of(arguments: Sequence[Form]) -> Iterator[str]:
    for form in arguments:
        yield from ("", "", "int64", "int64", "", *["int64"] * (2 * form.dims)) if form.dims else (form.dtype,)


def _laid_out(array: Any, form: Form, kernel: str) -> tuple[object, ...]:
    fits = isinstance(array, np.ndarray) and array.dtype == form.dtype and array.ndim == form.dims
    if not (fits and array.flags.c_contiguous and array.flags.writeable):
        raise TypeError(f"{kernel} takes an array {form.dtype} of {form.dims} dimensions, without gaps, to be written")
    return None, None, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides


def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
