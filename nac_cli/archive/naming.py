"""Names for files that change their format, such that no two get the same one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import count

_SUFFIX = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,5}\Z")


def suffix_of(path: str) -> str:
    """The suffix of a file's name that tells its format, in lower case; empty if there is none."""
    match = _SUFFIX.search(path)
    return match[0].lower() if match else ""


def usual(path: str, suffix: str) -> str:
    """The usual name of a file in the format of `suffix`, which is empty if the file keeps its own format."""
    return _SUFFIX.sub("", path) + suffix if suffix else path


def fold_case(name: str) -> str:
    """A key that is equal for names which file systems without case take for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def give_names(suffixes: Mapping[str, str], settled: Mapping[str, str], fold: Callable[[str], str]) -> dict[str, str]:
    """A unique name for each path of `suffixes`, which gives the suffix of its new format (empty: it keeps its own).
    `settled` names stay, whether or not their files are among `suffixes`; files that keep their format choose before
    the others. `fold` maps names to equal keys that a file system takes for the same."""
    used = {fold(name) for name in settled.values()}
    names = {path: settled[path] for path in suffixes if path in settled}
    new = sorted((path for path in suffixes if path not in names), key=lambda path: bool(suffixes[path]))
    rivals = Counter(fold(usual(path, suffixes[path])) for path in new)
    for path in new:
        contested = rivals[fold(usual(path, suffixes[path]))] > 1
        names[path] = next(name for name in _choices(path, suffixes[path], contested) if fold(name) not in used)
        used.add(fold(names[path]))
    return names


def _choices(path: str, suffix: str, contested: bool) -> Iterator[str]:
    """Possible names of an output, the best first. A file whose usual name is `contested` keeps its suffix before the
    new one, as do all others that want that name; then come numbers."""
    if not contested:
        yield usual(path, suffix)
    yield path + suffix
    for number in count(2):
        yield f"{path} ({number}){suffix}"
