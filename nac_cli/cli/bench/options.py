"""Options and kinds of values that the commands of `nac bench` share."""

from __future__ import annotations

from pathlib import Path

import click

from nac_cli.cli.units import ByteSize

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PATHS = click.Path(exists=True, path_type=Path)


class KilobitRates(click.ParamType):
    """`6,9,12` in kbit/s as bit/s."""

    name = "KBPS,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(round(float(rate) * 1000) for rate in value.split(",") if rate)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a list of rates in kbit/s such as 6,9,12", param, ctx)
        if any(not 0 < rate < 1_000_000 for rate in rates):
            self.fail(f"{value!r} is out of range: rates are in kbit/s", param, ctx)
        return tuple(dict.fromkeys(rates))


class Counts(click.ParamType):
    """`1,4,16` as whole numbers."""

    name = "N,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not all(part.isdecimal() and 0 < int(part) <= 4096 for part in parts):
            self.fail(f"{value!r} is not a list of numbers from 1 to 4096 such as 1,4", param, ctx)
        return tuple(map(int, parts))


class Names(click.ParamType):
    """`mel,visqol` as a tuple; `none` is empty."""

    name = "NAME,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        return () if names == ("none",) else names


budget_option = click.option(
    "--sound-budget",
    type=ByteSize(),
    default="48MB",
    show_default=True,
    metavar="SIZE",
    help="How large the page may get by the sounds in it.",
)
