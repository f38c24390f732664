"""Tags as lines: what is printed can be read again, and cannot drive a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.cli.tag_lines import from_lines, to_line
from nac_cli.cli.text import printable
from nac_cli.errors import UsageError
from tests.container.test_tags import KEYS, VALUES

HARD = st.text(st.sampled_from("\\\n\r\t#=xu0a \x1b\x7f\x9b\u202e\u2028é"), max_size=12)


@given(st.lists(st.tuples(KEYS, VALUES | HARD), max_size=5))
def test_round_trip(items):
    written = [to_line(key, value) for key, value in items]
    assert all(printable(line) == line and len(line.splitlines()) == 1 for line in written)
    for end in ("\n", "\r\n"):
        assert list(from_lines("".join(line + end for line in written), "x")) == items


def test_the_form_people_see():
    assert to_line("LYRICS", "one\ntwo\t\\ \x1b[0m \u202e") == r"LYRICS=one\ntwo\t\\ \x1b[0m \u202e"
    assert to_line("#1", "#") == r"\x231=#"


def test_comments_and_empty_lines_say_nothing():
    assert list(from_lines("# song.nac\n\nA=1\n#\nB=\n", "x")) == [("A", "1"), ("B", "")]


@pytest.mark.parametrize(
    ("line", "reason"), [("no sign", "KEY=VALUE"), (r"A=C:\quit", r"\\q"), ("A=b\\", r"\\"), (r"A=\x4", "x")]
)
def test_other_lines_are_refused_with_their_number(line, reason):
    with pytest.raises(UsageError, match=rf"tags.txt, line 2.*{reason}"):
        list(from_lines(f"A=1\n{line}\n", "tags.txt"))
