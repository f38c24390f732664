"""torch's containers of layers, for layers of one kind: type checkers then know what an item is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from torch import nn

Layer = TypeVar("Layer", bound=nn.Module)


class LayerList(nn.ModuleList, Generic[Layer]):
    """A `ModuleList` of layers of one kind."""

    if TYPE_CHECKING:

        def __init__(self, modules: Iterable[Layer] | None = None) -> None: ...

        def __iter__(self) -> Iterator[Layer]: ...


class LayerSequence(nn.Sequential, Generic[Layer]):
    """A `Sequential` of layers of one kind."""

    if TYPE_CHECKING:

        def __init__(self, *args: Layer) -> None: ...

        def __iter__(self) -> Iterator[Layer]: ...
