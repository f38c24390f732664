"""Tags of streams in memory, changed."""

from __future__ import annotations

import io

import nac_cli
from nac_cli.container import ContainerReader
from nac_cli.values import FRONT_COVER, Picture, Tags
from tests.container.streams import blocks_of, kind_of

COVER = Picture(FRONT_COVER, "image/png", "", 3, 2, 24, 0, b"\x89PNG another")
OWN = (b"tags", b"pict", b"padd")


def changes(**fields) -> nac_cli.TagChanges:
    return nac_cli.TagChanges(**fields)


def titled(title: str) -> nac_cli.TagChanges:
    return changes(set=(("TITLE", title),))


def tagged(data: bytes, wanted: nac_cli.TagChanges) -> bytes:
    nac_cli.tag(io.BytesIO(data), wanted, out := io.BytesIO())
    return out.getvalue()


def tags_of(data: bytes) -> Tags:
    reader = ContainerReader(io.BytesIO(data), strict=True)
    reader.structure()
    return reader.tags


def rest_of(data: bytes) -> list[bytes]:
    """All but what an editor may change."""
    return [piece for piece in blocks_of(data) if kind_of(piece) not in OWN]
