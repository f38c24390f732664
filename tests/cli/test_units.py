from __future__ import annotations

import contextlib
from decimal import Decimal

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.cli.units import Bitrate, Duration, Timestamp


def bitrate(text: str) -> int:
    return Bitrate().convert(text, None, None)


def timestamp(text: str) -> float:
    return Timestamp().convert(text, None, None)


def duration(text: str) -> float:
    return Duration().convert(text, None, None)


@pytest.mark.parametrize(
    "text",
    ["6kbps", "6k", "6000", "6 kbit/s", "6kbit/s", "6.0kbps", "6000bps", " 6 KBPS ", "6kb/s", "6 kbits/s"],
)
def test_many_ways_to_write_a_bitrate(text):
    assert bitrate(text) == 6000


@pytest.mark.parametrize(
    ("text", "value"), [("1.5kbps", 1500), ("1500bps", 1500), (".5k", 500), ("12.k", 12_000), ("100", 100)]
)
def test_fractions_and_bit_per_second(text, value):
    assert bitrate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k",
        "kbps",
        "-6k",
        "6x",
        "6kBps!",
        "6 kB/s",
        "6,5k",
        "1e3",
        "nan",
        "inf",
        "6k k",
        "0",
        "0kbps",
        "٦k",
        "1" * 50,
    ],
)
def test_what_is_no_bitrate(text):
    with pytest.raises(click.BadParameter):
        bitrate(text)


def test_a_bare_small_number_is_ambiguous():
    with pytest.raises(click.BadParameter, match="6kbps"):
        bitrate("6")


@given(st.integers(100, 10_000_000))
def test_every_integer_bitrate_survives_every_spelling(value):
    kilo = Decimal(value) / 1000
    assert {bitrate(f"{value}"), bitrate(f"{value}bps"), bitrate(f"{kilo}k"), bitrate(f"{kilo} kbit/s")} == {value}


@given(st.text(max_size=12))
def test_any_text_is_a_positive_bitrate_or_a_bad_parameter(text):
    with contextlib.suppress(click.BadParameter):
        assert bitrate(text) > 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("83.5", 83.5),
        ("1:23.5", 83.5),
        ("0:01:23", 83),
        ("1:00:00", 3600),
        (".25", 0.25),
        ("90s", 90),
        ("75:30", 4530),
    ],
)
def test_times(text, seconds):
    assert timestamp(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:60:00", "1:2:3:4", "1m", "abc", ":", "1:", "nan"])
def test_what_is_no_time(text):
    with pytest.raises(click.BadParameter):
        timestamp(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_every_time_with_hours_is_read_exactly(hours, minutes, seconds, thousandths):
    whole = 3600 * hours + 60 * minutes + seconds
    assert timestamp(f"{hours}:{minutes:02d}:{seconds:02d}.{thousandths:03d}") == float(f"{whole}.{thousandths:03d}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("9m", 540), ("1h30m", 5400), ("1.5h", 5400), ("1h1m1s", 3661)],
)
def test_lengths_of_time(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "9 minutes", "30m1h", "-9m"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(click.BadParameter):
        duration(text)
