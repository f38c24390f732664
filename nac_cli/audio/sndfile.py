"""Decoding through libsndfile: WAV, RF64, W64, AIFF, CAF, FLAC, Ogg Vorbis and Opus, AU and the like."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import soundfile as sf

from nac_cli.audio.decoder import BrokenOff, Unreadable, Warn
from nac_cli.audio.digest import stated_md5
from nac_cli.audio.view import read_at, view
from nac_cli.audio.xiph import from_xiph, has_speakers

PIECE_SAMPLES = 65536
UNKNOWN_FRAMES = 1 << 62
"""libsndfile gives 2^63 - 1 frames where a header leaves the length open."""
WRONG_SIZE = re.compile(r"^ *(?:data|SSND|Data Size|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.M)
OGG_DAMAGE = re.compile(r"^Ogg ?: .*(?:hole|Corrupted)", re.M)
"""Words in libsndfile's log that tell of damage."""
FLAC_HEAD_BYTES = 42
MALFORMED_FILE = 3
"""libsndfile's SF_ERR_MALFORMED_FILE."""

SOURCE_BITS = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 32,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "DPCM_8": 8, "DPCM_16": 16,
    "DWVW_12": 12, "DWVW_16": 16, "DWVW_24": 24,
}  # fmt: skip


class ForwardFile(sf.SoundFile):
    """A file that is only read or written forwards. soundfile would seek after every step: slow, and wrong in MP3."""

    def seekable(self) -> bool:
        return False


class GuardedFile:
    """A file for libsndfile's callbacks, which no exception can leave: it is kept, and `check` raises it."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raise what a callback met since the last check."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def readinto(self, buffer: memoryview) -> int:
        # every binary file has it, though typing.BinaryIO does not say so
        return self._guarded(self._file.readinto, buffer)  # type: ignore[attr-defined]

    def read(self, size: int = -1) -> bytes:
        return self._guarded(self._file.read, size) or b""

    def write(self, data: bytes) -> int:
        return self._guarded(self._file.write, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """libsndfile asks for impossible places in damaged files; the file then stays where it is."""
        try:
            return self._file.seek(offset, whence)
        except ValueError:
            return 0
        except OSError as error:
            if error.errno != errno.EINVAL:
                self._error = self._error or error
            return 0

    def tell(self) -> int:
        return self._guarded(self._file.tell)

    def _guarded(self, action: Callable[..., Any], *arguments: object) -> Any:
        try:
            return action(*arguments)
        except BaseException as error:
            self._error = self._error or error
            return 0


class GuardedSource(GuardedFile):
    """The same for FFmpeg, which is told of a place that cannot be, and to which an error is the end of the file."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                self._error = self._error or error
            return -errno.EINVAL


class SndfileDecoder:
    """A `Decoder` on libsndfile.

    Raises `Unreadable` if libsndfile cannot open the file; `pieces` raises `BrokenOff` where damage stops it.
    """

    def __init__(self, file: BinaryIO, name: str, warn: Warn):
        head, mapped = read_at(file, 0, FLAC_HEAD_BYTES), has_speakers(file)
        flac = head.startswith(b"fLaC") and len(head) == FLAC_HEAD_BYTES
        self._file = GuardedFile(_without_length(file, head) if flac else file)
        self._file.seek(0)
        try:
            self._sound = ForwardFile(self._file)
        except sf.LibsndfileError as error:
            self._file.check()
            raise Unreadable(error.error_string, damaged=error.code == MALFORMED_FILE) from error
        except (TypeError, ValueError, RuntimeError) as error:
            raise Unreadable(str(error)) from error
        self._name, self._warn = name, warn
        self.sample_rate = self._sound.samplerate
        self.channels = self._sound.channels
        frames = self._sound.frames
        frames = _flac_length(head) or frames if flac else frames
        self.num_samples = frames if 0 <= frames < UNKNOWN_FRAMES else None
        self.container = self._sound.format
        self.source_bits = SOURCE_BITS.get(self._sound.subtype, 0)
        self.speakers: int | None = None
        self.md5 = stated_md5(head[8:]) if flac else None
        xiph = self.container == "OGG" and self._sound.subtype in ("VORBIS", "OPUS") and mapped
        self._order = from_xiph(self.channels) if xiph else None
        self.format_name = f"{self._sound.format_info}, {self._sound.subtype_info}"

    @property
    def seconds(self) -> float | None:
        """See `Decoder`."""
        return None if self.num_samples is None else self.num_samples / max(self.sample_rate, 1)

    def pieces(self) -> Iterator[np.ndarray]:
        """See `Decoder.pieces`."""
        opened = _complaint(self._sound.extra_info)
        if opened:
            self._warn(f"{self._name}: {opened}")
        buffer = np.empty((PIECE_SAMPLES, self.channels), dtype=np.float32)
        done, reason = 0, None
        while reason is None:
            try:
                got = len(self._sound.read(out=buffer))
            except sf.LibsndfileError as error:
                # The buffer is filled up to the damage; libsndfile's position says how far that is.
                got = min(max(self._position() - done, 0), len(buffer))
                reason = error.error_string.removeprefix("Error : ").rstrip(".")
            self._file.check()
            if got:
                done += got
                piece = buffer[:got].T
                yield piece[self._order] if self._order else piece.copy()  # libsndfile goes on writing into the buffer
            elif reason is None:
                break
        ended = _complaint(self._sound.extra_info)
        if ended and ended != opened:
            self._warn(f"{self._name}: {ended}")
        if reason and done != self.num_samples:  # else it is only rubbish at the end
            raise BrokenOff(reason)

    def close(self) -> None:
        """See `Decoder.close`."""
        self._sound.close()

    def _position(self) -> int:
        try:
            return self._sound.tell()
        except sf.LibsndfileError:
            return -1


def _flac_length(head: bytes) -> int:
    """Samples that the header of a FLAC file states, 0 if it leaves that open (RFC 9639, section 8.2)."""
    return int.from_bytes(head[21:26], "big") & (1 << 36) - 1


def _without_length(file: BinaryIO, head: bytes) -> BinaryIO:
    """A FLAC file whose header leaves its length open, so that it is read to its end."""
    return view(file, patches={21: bytes([head[21] & 0xF0]), 22: bytes(4)})


def _complaint(log: str) -> str | None:
    """The part of libsndfile's log about a wrong length or holes in a stream; None if all is well."""
    size = WRONG_SIZE.search(log)
    if size and not _left_open(int(size[1])):
        relation = "it was cut short" if int(size[1]) > int(size[2]) else "there is more behind its end"
        return f"{relation}: its header announces {size[1]} bytes, {size[2]} are there"
    if OGG_DAMAGE.search(log):
        return "pages of the Ogg stream are damaged or missing, the sound in them is lost"
    if "lacks an end-of-stream bit" in log:
        return "the Ogg stream ends without its end mark, so it was probably cut short"
    return None


def _left_open(size: int) -> bool:
    """Whether programs write this size on a pipe, where they cannot know it (2^32 - 1, about 2^31, 0)."""
    return size in (0, 0xFFFFFFFF) or 0x7FFFF000 <= size <= 0x80001000
