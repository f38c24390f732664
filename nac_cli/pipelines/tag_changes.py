"""Changes to the tags and pictures of a file."""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.container import pack_tags
from nac_cli.errors import UsageError
from nac_cli.values import FRONT_COVER, Picture, Tags

Items = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TagChanges:
    """Changes, listed in the order in which they are made; false if there is none.

    - `clear`: all tags go.
    - `remove`: all values of each "KEY" go, or of each "KEY=VALUE" this value.
    - `set`: (key, value) pairs take the place of all values of their keys. Several pairs of one key are its values.
    - `add`: (key, value) pairs come behind all others.
    - `remove_pictures`: all pictures go.
    - `picture`, usually a front cover, takes the place of all pictures of its type, or the first place.

    Keys compare without case; one that is there keeps its spelling. Removing what is not there is no error.
    Raises `UsageError` for what cannot be a tag, `LimitExceeded` for more than a file can hold.
    """

    clear: bool = False
    remove: tuple[str, ...] = ()
    set: Items = ()
    add: Items = ()
    remove_pictures: bool = False
    picture: Picture | None = None

    def __post_init__(self) -> None:
        pack_tags(tuple(text.partition("=")[::2] for text in self.remove))
        pack_tags((*self.set, *self.add))

    def __bool__(self) -> bool:
        return any((self.clear, self.remove, self.set, self.add, self.remove_pictures, self.picture))

    def applied(self, tags: Tags) -> Tags:
        """`tags` after the changes."""
        items = () if self.clear else tags.items
        for text in self.remove:
            items = _without(items, *text.partition("="))
        items = _with_set(items, self.set) + tuple(self.add)
        pictures = () if self.remove_pictures else tags.pictures
        return Tags(items, _with_cover(pictures, self.picture) if self.picture else pictures)


def front_cover(tags: Tags) -> Picture:
    """The first front cover, or the first picture if none is one. Raises `UsageError` if there is no picture."""
    if not tags.pictures:
        raise UsageError("there is no picture in it")
    return next((picture for picture in tags.pictures if picture.type == FRONT_COVER), tags.pictures[0])


def _without(items: Items, key: str, equals: str, value: str) -> Items:
    return tuple(
        (name, text) for name, text in items
        if name.upper() != key.upper() or (equals and text != value)
    )  # fmt: skip


def _with_set(items: Items, pairs: Items) -> Items:
    """`items` with the values of `pairs` where the first of each key stood, behind all others if there was none."""
    values: dict[str, list[str]] = {}
    for key, value in pairs:
        values.setdefault(key.upper(), []).append(value)
    same = {key for key, wanted in values.items() if Tags(items).values(key) == tuple(wanted)}  # places, spelling stay
    result, placed = [], set()
    for name, value in items:
        key = name.upper()
        if key not in values or key in same:
            result.append((name, value))
        elif key not in placed:
            result += [(name, text) for text in values[key]]
            placed.add(key)
    return (*result, *((key, value) for key, value in pairs if key.upper() not in placed | same))


def _with_cover(pictures: tuple[Picture, ...], cover: Picture) -> tuple[Picture, ...]:
    covers = [at for at, picture in enumerate(pictures) if picture.type == cover.type]
    place = covers[0] if covers else 0
    return (*pictures[:place], cover, *(p for p in pictures[place:] if p.type != cover.type))
