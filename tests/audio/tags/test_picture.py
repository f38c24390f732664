"""Picture files: type and measures from the bytes, whatever the bytes are."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.audio.tags import picture as module
from nac_cli.audio.tags.picture import _measured, read_picture
from nac_cli.errors import AudioError, LimitExceeded
from nac_cli.values import Picture
from tests.helpers.pictures import PNG, png

KINDS = [  # Pillow's format, its mode and options; media type, bits of a pixel, colours
    ("PNG", "RGB", {}, "image/png", 24, 0),
    ("PNG", "RGBA", {}, "image/png", 32, 0),
    ("PNG", "L", {}, "image/png", 8, 0),
    ("PNG", "1", {}, "image/png", 1, 0),
    ("PNG", "LA", {}, "image/png", 16, 0),
    ("PNG", "P", {}, "image/png", 24, 256),
    ("JPEG", "RGB", {}, "image/jpeg", 24, 0),
    (
        "JPEG",
        "RGB",
        {"progressive": True, "exif": b"Exif\0\0" + bytes(3000), "comment": b"\xff\xc0 no frame"},
        "image/jpeg",
        24,
        0,
    ),
    ("JPEG", "L", {}, "image/jpeg", 8, 0),
    ("JPEG", "CMYK", {}, "image/jpeg", 32, 0),
    ("GIF", "P", {}, "image/gif", 24, 256),
    ("WEBP", "RGB", {}, "image/webp", 24, 0),
    ("WEBP", "RGB", {"lossless": True}, "image/webp", 24, 0),
    ("WEBP", "RGBA", {"lossless": True}, "image/webp", 32, 0),
    ("WEBP", "RGBA", {}, "image/webp", 32, 0),
    ("WEBP", "RGB", {"exif": b"Exif\0\0" + bytes(30)}, "image/webp", 24, 0),
]


def drawn(kind: str, mode: str, options: dict) -> bytes:
    image = pytest.importorskip("PIL.Image")
    pixels = image.effect_noise((301, 70), 90).convert("RGB")
    if mode == "P":
        pixels = pixels.quantize(256) if kind == "GIF" else pixels.convert("P", palette=image.Palette.WEB)
    elif mode == "RGBA":
        pixels.putalpha(image.effect_noise((301, 70), 90))
    elif mode != "RGB":
        pixels = pixels.convert(mode)
    pixels.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "mode", "options", "mime", "depth", "colours"), KINDS)
def test_measures_are_those_of_the_picture(tmp_path, kind, mode, options, mime, depth, colours):
    data = drawn(kind, mode, options)
    (tmp_path / "cover").write_bytes(data)
    found = read_picture(tmp_path / "cover")
    if found.colours:
        assert found.colours <= colours
        colours = found.colours
    assert found == Picture(3, mime, "", 301, 70, depth, colours, data)


def test_the_type_can_be_another(tmp_path):
    (tmp_path / "x").write_bytes(PNG)
    assert read_picture(tmp_path / "x", 4) == Picture(4, "image/png", "", 3, 2, 24, 0, PNG)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"text", b"BM" + bytes(100), b"<svg/>", b"RIFF\0\0\0\0WAVEfmt "]
)
def test_what_is_no_picture_is_refused(tmp_path, data):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(AudioError, match="x.png"):
        read_picture(tmp_path / "x.png")
    with pytest.raises(AudioError, match="cannot be read"):
        read_picture(tmp_path)


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP"])
@given(rest=st.binary(max_size=100))
def test_damage_gives_measures_or_an_error(start, rest):
    try:
        _, measures = _measured(start + rest)
    except module.UNREADABLE:
        return
    assert all(0 <= number < 2**32 for number in measures)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_cut_off_headers_are_refused(tmp_path, kind):
    data = drawn(kind, "P" if kind in ("PNG", "GIF") else "RGB", {})
    refused = 0
    for size in range(30):
        (tmp_path / "x").write_bytes(data[:size])
        try:
            assert read_picture(tmp_path / "x").width == 301
        except AudioError:
            refused += 1
    assert refused >= 10


def test_what_no_block_can_hold_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    (tmp_path / "x").write_bytes(png(50, 50) + bytes(100))
    with pytest.raises(LimitExceeded, match="too large"):
        read_picture(tmp_path / "x")
