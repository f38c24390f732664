"""Tags and pictures from anywhere, made such that a stream can hold them: the rest is changed or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from nac_cli.container import limits
from nac_cli.container.fields import pack_text, pack_varint
from nac_cli.container.tags import is_valid_key, pack_picture
from nac_cli.values import Picture, Tags

MOST_NAMED = 5
MOST_SHOWN = 40
"""Characters of a key in a message."""

Warn = Callable[[str], None]


def fitting_tags(tags: Tags, warn: Warn) -> Tags:
    """The part of `tags` that a stream can hold (format_spec.md, sections 6.1, 6.2 and 12); `warn` gets a sentence
    for each kind of thing that is changed or left out. What comes later is left out first, but a single large item on
    its own."""
    return Tags(_fitting_items(tags.items, warn), _fitting_pictures(tags.pictures, warn))


def _fitting_items(items: Iterable[tuple[str, str]], warn: Warn) -> tuple[tuple[str, str], ...]:
    kept: list[tuple[str, str]] = []
    changed, left = [], []
    room = limits.MAX_TAG_BYTES - len(pack_varint(limits.MAX_TAGS))
    for key, value in items:
        good = _fitting_key(key), _without_surrogates(value)
        size = len(pack_text("=".join(good)))
        if not is_valid_key(good[0]) or len(kept) == limits.MAX_TAGS or size > room:
            left.append(key)
            continue
        if good != (key, value):
            changed.append(key)
        kept.append(good)
        room -= size
    if changed:
        warn(f"tags with keys or values that a nac file cannot hold were changed ({_named(changed)})")
    if left:
        most = f"{limits.MAX_TAGS} tags and {limits.MAX_TAG_BYTES} bytes of them"
        warn(f"{len(left)} tags are left out ({_named(left)}): a nac file holds {most}")
    return tuple(kept)


def _fitting_key(key: str) -> str:
    """The key with `_` for what a key cannot hold, cut to the length of one."""
    held = "".join(char if " " <= char <= "}" and char != "=" else "_" for char in key[: limits.MAX_KEY_BYTES])
    return held if held.strip() else "_"


def _without_surrogates(text: str) -> str:
    """The text with U+FFFD for what UTF-8 has no bytes for."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogates(text) else text


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _named(keys: list[str]) -> str:
    """The keys in words, often ones with their number, many not all."""
    counts = Counter(keys)
    said = [_shown(key) + (f" {count} times" if count > 1 else "") for key, count in counts.most_common(MOST_NAMED)]
    return ", ".join([*said, *["..."][: len(counts) > MOST_NAMED]])


def _shown(key: str) -> str:
    return key if len(key) <= MOST_SHOWN else f"{key[:MOST_SHOWN]}..."


def _fitting_pictures(pictures: Iterable[Picture], warn: Warn) -> tuple[Picture, ...]:
    kept: list[Picture] = []
    left = []
    room = limits.MAX_PICTURE_BYTES
    for picture in pictures:
        good = _fitting_picture(picture)
        if good != picture:
            warn(f"a picture's media type, description or measures were changed: {_shown(repr(picture.mime))}")
        size = len(pack_picture(replace(good, data=b""))) + len(good.data)
        if size > min(limits.MAX_PAYLOAD, room) or len(kept) == limits.MAX_PICTURES:
            left.append(len(picture.data))
            continue
        kept.append(good)
        room -= size
    if left:
        most = (
            f"{limits.MAX_PICTURES} pictures of less than {limits.MAX_PAYLOAD} bytes, {limits.MAX_PICTURE_BYTES} in all"
        )
        sizes = ", ".join(map(str, left[:MOST_NAMED])) + ", ..." * (len(left) > MOST_NAMED)
        warn(f"{len(left)} pictures are left out ({sizes} bytes): a nac file holds {most}")
    return tuple(kept)


def _fitting_picture(picture: Picture) -> Picture:
    mime = "".join(char for char in picture.mime if " " <= char <= "~")
    kind, width, height, depth, colours = (
        number if 0 <= number < 2**32 else 0
        for number in (picture.type, picture.width, picture.height, picture.depth, picture.colours)
    )
    text = _without_surrogates(picture.description)
    return Picture(kind, mime, text, width, height, depth, colours, picture.data)
