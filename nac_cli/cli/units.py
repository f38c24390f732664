"""Units on the command line: bitrates, places in time, lengths of time and sizes."""

from __future__ import annotations

import re
from decimal import Decimal

import click

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}"
_RATE = re.compile(rf"\s*({_NUMBER})\s*([A-Za-z/]*)\s*")
_TIME = re.compile(r"(?:(?:([0-9]{1,9}):)?([0-9]{1,9}):)?([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})s?")
_SPAN = re.compile(rf"(?=.)(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s?)?")

_BITS = ("bps", "bit/s", "bits/s", "b/s")
_FACTORS = {"": 1, "k": 1000, "kbit": 1000} | {unit: 1 for unit in _BITS} | {f"k{unit}": 1000 for unit in _BITS}
_AMBIGUOUS_BELOW = 100
_SIZE = re.compile(rf"({_NUMBER})\s*(|[KMGT]i?)B?", re.IGNORECASE)


class Bitrate(click.ParamType):
    """`6kbps`, `6k`, `6 kbit/s`, `1.5kbps`, `6000`, `1500bps` as bit/s; k is 1000."""

    name = "RATE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _RATE.fullmatch(value)
        factor = _FACTORS.get(match[2].lower()) if match and "B/" not in match[2] else None  # kB/s are bytes
        if match is None or factor is None:
            self.fail(f"{value!r} is not a bitrate; write it like 6kbps, 1.5kbps or 6000 (bit/s).", param, ctx)
        number = Decimal(match[1])
        if number <= 0:
            self.fail(f"{value!r}: a bitrate is more than 0.", param, ctx)
        if not match[2] and number < _AMBIGUOUS_BELOW:
            self.fail(f"{value!r} could be bit/s or kbit/s; write {value.strip()}kbps if that is meant.", param, ctx)
        return max(round(number * factor), 1)


class Timestamp(click.ParamType):
    """A place in the sound, as seconds: `83.5`, `1:23.5`, `0:01:23.5`."""

    name = "TIME"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        match = _TIME.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is not a time; write seconds (83.5), 1:23.5 or 0:01:23.5.", param, ctx)
        hours, minutes, seconds = (Decimal(part or 0) for part in match.groups())
        if (match[2] and seconds >= 60) or (match[1] and minutes >= 60):
            self.fail(f"{value!r} is not a time; minutes and seconds end at 59.", param, ctx)
        return float(3600 * hours + 60 * minutes + seconds)


class Duration(click.ParamType):
    """A length of time, as seconds: `90`, `90s`, `9m`, `1h30m`, `1.5h`."""

    name = "DURATION"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        match = _SPAN.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is not a length of time; write it like 90s, 9m or 1h30m.", param, ctx)
        hours, minutes, seconds = (Decimal(part or 0) for part in match.groups())
        return float(3600 * hours + 60 * minutes + seconds)


class ByteSize(click.ParamType):
    """`60MiB`, `60M`, `1.5 GB`, `65536` as bytes; MB is 10^6, MiB 2^20."""

    name = "SIZE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is not a size; write it like 60MiB or 60MB.", param, ctx)
        prefix = match[2].lower()
        base = 1024 if prefix.endswith("i") else 1000
        return round(Decimal(match[1]) * base ** " kmgt".index(prefix[:1] or " "))
