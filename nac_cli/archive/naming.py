"""What files are called when they change their format, so that no two have one name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

_SUFFIX = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,5}\Z")


def suffix_of(path: str) -> str:
    """The end of a file's name that says its format, in lower case; empty if there is none."""
    match = _SUFFIX.search(path)
    return match[0].lower() if match else ""


def usual(path: str, suffix: str) -> str:
    """What the file at `path` is called in the format of `suffix`, if nothing else is."""
    return _SUFFIX.sub("", path) + suffix


def fold_case(name: str) -> str:
    """The same for names that file systems without case take for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def give_names(
    paths: Sequence[str], settled: Mapping[str, str], taken: Iterable[str], suffix: str, fold: Callable[[str], str]
) -> dict[str, str]:
    """A name for each path: the `settled` one; else the usual one, if it is nobody else's and not `taken`; else the
    whole path with the suffix behind it, and a number if that is taken too. `fold` makes names equal that a file system
    takes for the same."""
    used = {fold(name) for name in (*taken, *settled.values())}
    names = {path: settled[path] for path in paths if path in settled}
    rivals: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        if path not in names:
            rivals[fold(usual(path, suffix))].append(path)
    for name, claimants in rivals.items():
        if len(claimants) == 1 and name not in used:
            names[claimants[0]] = usual(claimants[0], suffix)
    used |= {fold(name) for name in names.values()}
    for path in paths:
        if path in names:
            continue
        name, number = path + suffix, 1
        while fold(name) in used:
            number += 1
            name = f"{path} ({number}){suffix}"
        names[path] = name
        used.add(fold(name))
    return names
