"""Progress of a pipeline."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, float | None], None]
"""Called with the seconds of sound done and the seconds there are, None while unknown."""
