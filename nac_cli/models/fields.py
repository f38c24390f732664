"""Fields of a network's config, checked where the config is made: it may come from a stranger's
checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from nac_cli.errors import ModelError
from nac_cli.values import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE


def integer(name: str, value: object, low: int, high: int) -> int:
    """`value` if it is an integer in [low, high]. Raises ModelError naming the field."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ModelError(f"the model's {name} is {repr(value)[:80]}, not an integer from {low} to {high}")
    return value


def sample_rate(value: object) -> int:
    """`value` if it is a sample rate in Hz that a file can have. Raises ModelError."""
    return integer("sample rate", value, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)


def integers(name: str, values: object, low: int, high: int, most: int) -> tuple[int, ...]:
    """`values` as a tuple if it is 1 to `most` integers in [low, high]. Raises ModelError naming the
    field."""
    if not isinstance(values, Sequence) or isinstance(values, str | bytes) or not 1 <= len(values) <= most:
        raise ModelError(f"the model's {name} are {repr(values)[:80]}, not 1 to {most} integers")
    return tuple(integer(name, value, low, high) for value in values)
