"""Kernels in Python, marked for numba, and their machine code. Imported to compile; where that is done, not at all.

Kernels allocate nothing: whatever they fill is handed to them. So their code needs numba no more once it is made.
Without numba, marked functions stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

try:
    import llvmlite.binding as llvm
    from numba import njit, types

    from nac_cli.kernels.code import Code, Form, Interface, words_of
except ImportError:
    njit = None

OPTIONS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
BUILTIN = "llvm."
"""How the names of functions begin that LLVM puts instructions for."""


@dataclass(frozen=True)
class Marked:
    """A kernel for callers in Python. Called itself, it runs as it stands, its helpers compiled."""

    dispatcher: Any
    signature: str

    def __call__(self, *arguments: object) -> object:
        return self.dispatcher.py_func(*arguments)


def helper(signature: str) -> Callable:
    """Makes a function for other functions of a room, compiled when the first of them is. Without a signature numba
    would compile one for each number that a caller has for an argument, which takes most of the time."""

    def make(function: Callable) -> Callable:
        if njit is None:
            return function
        made = njit(**OPTIONS)(function)
        find = made.get_call_template

        def find_compiled(arguments, keywords):
            if not made.overloads:
                made.compile(signature)
                made.disable_compile()
            return find(arguments, keywords)

        made.get_call_template = find_compiled
        return made

    return make


def kernel(signature: str, **options: object) -> Callable:
    """Makes a function for callers in Python: of numbers, and of arrays without gaps; its result is one number or none.
    `options` are numba's."""

    def make(function: Callable) -> Callable:
        return function if njit is None else Marked(njit(**OPTIONS, **options)(function), signature)

    return make


def plain(room: ModuleType) -> SimpleNamespace:
    """The kernels of a module as they stand, numba or not."""
    made: dict[Any, Callable] = {}

    def of(value: Any) -> Any:
        if isinstance(value, ModuleType) and value.__name__.startswith(__package__):
            return SimpleNamespace(**{name: of(one) for name, one in vars(value).items() if _source(one)})
        source = _source(value)
        if source is None:
            return value
        if source not in made:
            names: dict[str, Any] = {}
            made[source] = FunctionType(source.__code__, names)
            known = source.__globals__
            names.update({name: of(known[name]) for name in source.__code__.co_names if name in known})
        return made[source]

    return SimpleNamespace(**{name: of(value) for name, value in vars(room).items() if _source(value)})


def _source(value: Any) -> FunctionType | None:
    """The function that a kernel or a helper was made of."""
    value = getattr(value, "dispatcher", value)
    value = getattr(value, "py_func", value)
    ours = isinstance(value, FunctionType) and value.__module__.startswith(__package__)
    return value if ours and value.__module__ != __name__ else None


def compile_room(room: ModuleType) -> Code:
    """Machine code of the kernels of a module, for the processor at hand."""
    marked = {name: value for name, value in vars(room).items() if isinstance(value, Marked)}
    whole = llvm.parse_assembly("")
    interfaces = {}
    for name, one in marked.items():
        one.dispatcher.compile(one.signature)
        ((arguments, compiled),) = one.dispatcher.overloads.items()
        whole.link_in(llvm.parse_assembly(one.dispatcher.inspect_llvm(arguments)))
        forms = tuple(map(_form, arguments))
        interfaces[name] = Interface(compiled.fndesc.llvm_func_name, forms, _form(compiled.signature.return_type))
        _require_form(whole, interfaces[name])
    needs = {one.name for one in whole.functions if one.is_declaration and not one.name.startswith(BUILTIN)}
    return Code(interfaces, tuple(sorted(needs)), _machine().emit_object(whole))


def _form(kind: Any) -> Form:
    if isinstance(kind, types.NoneType):
        return Form("", 0)
    if isinstance(kind, types.Array):
        if kind.layout != "C":
            raise TypeError(f"{kind}: kernels take arrays without gaps")
        return Form(kind.dtype.name, kind.ndim)
    return Form(kind.name, 0)


def _require_form(whole: llvm.ModuleRef, interface: Interface) -> None:
    """Raise unless a function takes what `Kernel` will give it: numba tells nobody how it hands on arguments."""
    said = [str(one.type) for one in whole.get_function(interface.symbol).arguments]
    found = ["ptr" if one.endswith("*") else one for one in said]
    expected = ["ptr", "ptr", *words_of(interface.arguments)]  # where the result goes, and an error
    if found != expected:
        raise TypeError(f"{interface.symbol} takes {found}, not {expected}")


def _machine() -> llvm.TargetMachine:
    """As numba's own, whose choice of instructions may be set in the environment."""
    from numba.core.registry import cpu_target

    triple, name, features = cpu_target.target_context.codegen().magic_tuple()
    target = llvm.Target.from_triple(triple)
    relocation = "static" if target.name.startswith("x86") else "pic" if target.name.startswith("ppc") else "default"
    return target.create_target_machine(
        cpu=name, features=features, opt=3, reloc=relocation, codemodel="jitdefault", jit=True
    )
