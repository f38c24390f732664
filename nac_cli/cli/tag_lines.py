r"""Tags as lines of text, `KEY=VALUE`, one each.

`\\`, `\n`, `\r`, `\t` and `\xNN`, `\uNNNN` stand for characters that would break a line or drive a
terminal. Lines that begin with `#`, and empty ones, say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nac_cli.cli.targets import PIPE, standard_input
from nac_cli.cli.text import HARMFUL
from nac_cli.errors import LimitExceeded, UsageError
from nac_cli.pipelines.endpoints import open_stream

MAX_BYTES = 2**23
"""Most bytes of a text file: several times the tags that a file may have, for comments and escapes."""

SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONG = {escape: char for char, escape in SHORT.items()}
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.|$)")
_ESCAPED = re.compile(rf"\\|^#|{HARMFUL.pattern}")


def escaped(text: str) -> str:
    return _ESCAPED.sub(_escape, text)


def to_line(key: str, value: str) -> str:
    return escaped(f"{key}={value}")


def from_lines(text: str, where: str) -> Iterator[tuple[str, str]]:
    """The tags in `text`, which messages call `where`. Raises `UsageError`."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise UsageError(f"{where}, line {number}: is not KEY=VALUE")
        try:
            yield _ESCAPE.sub(_unescape, key), _ESCAPE.sub(_unescape, value)
        except KeyError as error:
            reason = f"{error.args[0]} means nothing; write \\\\ for \\"
            raise UsageError(f"{where}, line {number}: {reason}") from error


def read_lines(path: str) -> Iterator[tuple[str, str]]:
    """The tags in a text file or standard input. Raises `UsageError`, `AudioError`, `LimitExceeded`."""
    where = "standard input" if path == PIPE else path
    with open_stream(standard_input() if path == PIPE else path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"{where}: is too long for tags, the limit is {MAX_BYTES} bytes")
    try:
        return from_lines(data.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: is not UTF-8 (byte {error.start}); convert it first") from error


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return SHORT.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")


def _unescape(match: re.Match[str]) -> str:
    escape = match[0]
    return chr(int(escape[2:], 16)) if len(escape) > 2 else _LONG[escape]
