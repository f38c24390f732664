from __future__ import annotations

import pytest

from nac_cli.cli.text import clock, counted, printable, size


def test_nothing_printed_can_drive_the_terminal():
    assert printable("a\x1b[31mb\x07\u202ec\x9b") == "a�[31mb��c�"


def test_nothing_printed_can_turn_a_line_or_begin_one():
    """By marks of direction (Trojan Source), and by the line separators that terminals and editors know."""
    assert printable("a\u202eb\u2066c\u200ed\u200fe\u061cf\u2028g\u2029h") == "a�b�c�d�e�f�g�h"


def test_half_a_character_can_be_printed():
    assert printable("a\ud800b\udfff").encode("utf-8").decode() == "a�b�"


def test_a_name_in_utf8_that_a_plain_locale_did_not_decode_is_legible():
    assert printable("Æø".encode().decode("ascii", "surrogateescape")) == "Æø"


def test_one_line_stays_one_line():
    assert printable("first\r\nsecond\tthird") == "first second third"


def test_names_that_are_no_unicode_can_be_printed():
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    assert printable(name).encode("utf-8").decode() == "caf�.wav"


def test_ordinary_text_is_untouched():
    assert printable("Ærøskøbing – 東京 🎵.flac") == "Ærøskøbing – 東京 🎵.flac"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (12.34, "0:12.3"), (59.96, "1:00.0"), (225, "3:45.0"), (3723.4, "1:02:03.4")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (168_300, "168.3 kB"),
        (999_960, "1.0 MB"),
        (5 * 10**12, "5.0 TB"),
    ],
)
def test_size(count, text):
    assert size(count) == text


def test_counted():
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
