"""Modules of kernels, compiled or found in the cache when the first caller asks for one."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from nac_cli.kernels.cache import cached_in, folder

SETTING = "NAC_KERNELS"
"""In the environment: "numpy" does without kernels, "numba" makes it an error if there are none."""


@cache
def load(name: str) -> ModuleType | None:
    """`nac_cli.kernels.<name>`, all its kernels ready; None without numba, and where the environment says so.

    With NAC_KERNELS=numba whatever keeps numba from working is raised.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting == "numpy":
        return None
    if setting == "numba":
        return _ready(name)
    if find_spec("numba") is None:
        return None
    try:
        return _ready(name)
    except (
        Exception
    ):  # of a numba that does not fit its numpy, a cache that cannot be read, a processor it does not know
        return None


def _ready(name: str) -> ModuleType:
    with cached_in(folder()):
        return import_module(f"nac_cli.kernels.{name}")
