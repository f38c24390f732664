"""Long lists in the messages of `nac archive`: the first lines, and the number of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nac_cli.cli.output import Output
from nac_cli.cli.text import counted

LISTED = 10
"""Lines of a list that are shown; the rest is counted."""


def tell_first(lines: Sequence[str], tell: Callable[[str], None], more: Callable[[int], str]) -> None:
    """Call `tell` with the first lines, and with `more` of the number of those left, if any."""
    for line in lines[:LISTED]:
        tell(line)
    if len(lines) > LISTED:
        tell(more(len(lines) - LISTED))


def warn_unreadable(lines: int, lost: int, out: Output) -> None:
    """Warn of `lines` of a journal that cannot be read, `lost` of which are whole."""
    if lines > lost:
        out.warn(f"{counted(lines - lost, 'line')} of the journal cannot be read (cut off when a run was killed)")
    if lost:
        out.warn(f"{lost_lines(lost)}; the same nac archive run again does their files again")


def lost_lines(lost: int) -> str:
    """The message about whole lines that cannot be read."""
    return f"{counted(lost, 'line')} of the journal cannot be read, so what they recorded is missing"
