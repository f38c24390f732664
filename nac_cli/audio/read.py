"""Reading sound from any file or pipe, block by block."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from nac_cli.audio.bitstream import packed_bitstream, words_of
from nac_cli.audio.decoder import BrokenOff, Decoder, Unreadable, Warn
from nac_cli.audio.digest import EXACT_BITS, SampleDigest
from nac_cli.audio.envelope import inner
from nac_cli.audio.headers import find_sound
from nac_cli.audio.mend import mended
from nac_cli.audio.mpeg import is_mpeg
from nac_cli.audio.ogg import ChainDecoder, links
from nac_cli.audio.sndfile import SndfileDecoder
from nac_cli.audio.source import Source, open_source
from nac_cli.audio.source import reason as reason_of
from nac_cli.audio.tags.reading import read_open_tags
from nac_cli.audio.tags.vorbis import flac_speakers
from nac_cli.audio.view import read_at, size_of, view
from nac_cli.errors import AudioError
from nac_cli.speakers import fitting_mask
from nac_cli.values import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Tags

if TYPE_CHECKING:  # a plain WAV file needs neither FFmpeg nor mutagen, which take a while to import
    from nac_cli.audio.ffmpeg import FFmpegDecoder

PROBE_BYTES = 1 << 20
PROBE_SAMPLES = 1 << 20
"""How far compressed sound that is packed into samples is looked for."""
MOST_EMPTY_BYTES = 8192
"""A file of more is not taken for one without sound unless something is said."""
OTHER_ORDERS = ("CAF", "AIFF")
"""Formats of libsndfile in which channels may come in any order, which FFmpeg knows."""
SECONDS_TOLERANCE = 0.25
"""Seconds that the end of the sound may lie from a length that is only roughly known."""


def open_audio(source: str | os.PathLike | BinaryIO | Source, warn: Warn = warnings.warn) -> AudioReader:
    """Open a sound file by path, or a binary file object (read from its start; a pipe is fine).

    `warn` gets a sentence for everything that is odd but not fatal: a length that is wrong, damaged parts.
    Raises `AudioError` if there is no sound to read, or not within 1 to 8 channels and 8000 to 192000 Hz.

    >>> with open_audio("song.flac") as sound:                                          # doctest: +SKIP
    ...     for block in sound.blocks(44100):
    ...         print(block.shape)
    """
    origin = open_source(source)
    try:
        decoder, file = _opened(origin, warn)
    except BaseException as error:
        origin.close()
        if isinstance(error, OSError):
            raise _unreadable(origin, error) from error
        raise
    reader = AudioReader(decoder, file, origin, warn)
    try:
        _check_limits(reader)
    except AudioError:
        reader.close()
        raise
    return reader


class AudioReader:
    """The sound of one source: what it is, and its samples once, in order. A context manager."""

    def __init__(self, decoder: Decoder, file: BinaryIO, origin: Source, warn: Warn):
        self._decoder, self._file, self._origin, self._warn = decoder, file, origin, warn
        self.name = origin.name
        self.sample_rate = decoder.sample_rate
        """Sample rate in Hz."""
        self.channels = decoder.channels
        self.num_samples = decoder.num_samples
        """T as the file states it, None where it states none to rely on. `blocks` tells if it was wrong."""
        self.seconds = decoder.seconds
        """Length, perhaps only roughly (for progress), or None."""
        self.source_bits = decoder.source_bits
        """Sample width 8..32; 0: unknown, or the source is lossy."""
        self.speakers = fitting_mask(decoder.speakers, decoder.channels)
        """The mask of the channels' speakers (`nac_cli.speakers`), None for the usual ones."""
        self.format_name = decoder.format_name

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """The samples in float32 blocks `[C, size]`, the last one shorter; nothing at all for an empty sound.

        Full scale of integer sources is 1.0. Can be called once. Raises `AudioError` if nothing is decodable.
        """
        if size < 1:
            raise ValueError(f"a block needs at least one sample, not {size}")
        done, looked = 0, self.source_bits < 16
        md5 = self._decoder.md5
        digest = SampleDigest(self.source_bits) if md5 and self.source_bits <= EXACT_BITS else None
        try:
            for block in _regrouped(self._pieces(), size):
                if not looked:
                    looked = self._looks_packed(block) or done > PROBE_SAMPLES
                if digest:
                    digest.push(block)
                done += block.shape[1]
                yield block
        except OSError as error:
            raise _unreadable(self._origin, error) from error
        self._compare(done)
        if digest and md5 and self.num_samples in (None, done) and digest.hex() != md5.hex():
            self._warn(f"{self.name} is damaged: its sound is not that of which its header has the MD5")

    def tags(self) -> Tags:
        """Tags and pictures of the source, which also works where it came through a pipe."""
        position = self._origin.file.tell()
        try:
            return read_open_tags(self._origin.file, self.name, self._warn)
        finally:
            self._origin.file.seek(position)

    def close(self) -> None:
        """Close the source, unless it is the caller's file object."""
        self._decoder.close()
        self._origin.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _pieces(self) -> Iterator[np.ndarray]:
        """The samples that libsndfile decodes. Where it stops at damage FFmpeg goes on, with silence for what is
        lost."""
        done = 0
        try:
            for piece in self._decoder.pieces():
                done += piece.shape[1]
                yield piece
        except BrokenOff as error:
            where = f"{done / self.sample_rate:.2f} s"
            self._warn(f"{self.name} is damaged near {where} ({error}); silence stands for what is lost")
            self._decoder.close()
            from nac_cli.audio.ffmpeg import FFmpegDecoder

            try:
                self._decoder = FFmpegDecoder(self._file, self.name, self._warn)
            except (Unreadable, AudioError):
                return
            if (self._decoder.channels, self._decoder.sample_rate) == (self.channels, self.sample_rate):
                yield from _behind(self._decoder.pieces(), done)

    def _looks_packed(self, block: np.ndarray) -> bool:
        kind = packed_bitstream(words_of(block))
        if kind:
            self._warn(
                f"{self.name} seems to hold {kind} packed into samples (S/PDIF): coded as sound it is noise; extract "
                "the bitstream and compress that"
            )
        return kind is not None

    def _compare(self, done: int) -> None:
        """Tell if the sound is not as long as the file says."""
        if done == 0 and self.seconds:
            raise AudioError(f"{self.name} is damaged: no sound could be decoded from it")
        if done == 0 and (whole := size_of(self._origin.file)) > MOST_EMPTY_BYTES:
            self._warn(f"{self.name} claims no sound, and none was found in its {whole} bytes")
        stated = self.seconds if self.num_samples is None else self.num_samples / self.sample_rate
        if stated is None:
            return
        there = done / self.sample_rate
        differs = done != self.num_samples if self.num_samples is not None else there < stated - SECONDS_TOLERANCE
        if differs:
            relation = "ends early" if there < stated else "is longer than it says"
            self._warn(f"{self.name} {relation}: {stated:.3f} s are announced, {there:.3f} s are there")


def _opened(origin: Source, warn: Warn) -> tuple[Decoder, BinaryIO]:
    """The decoder that suits a source, and the file or view that it reads."""
    name, (start, stop) = origin.name, inner(origin.file)
    file, stop = (view(origin.file, start), stop - start) if start else (origin.file, stop)
    chain = links(file)
    if len(chain) > 1:
        return ChainDecoder(chain, lambda part: _decoder(part, name, warn), name, warn), file
    place = find_sound(file)
    mask = flac_speakers(file) if place is None else place.mask
    if place is not None:
        file = mended(file, place, stop, name, warn)
        if place.frame == 4 and packed_bitstream(_words_at(file, place.start)):
            unpacked = _by_ffmpeg(file, name, warn, "")
            if not unpacked.codec_name.startswith("pcm"):
                warn(f"{name} has {unpacked.codec_name.upper()} packed into its samples (S/PDIF), which is decoded")
                return unpacked, file
            unpacked.close()
    elif stop < size_of(file) and (is_mpeg(file) or read_at(file, 0, 4) == b"fLaC"):
        file = view(file, 0, stop)
    decoder = _decoder(file, name, warn)
    if mask is not None:
        decoder.speakers = mask
    return decoder, file


def _words_at(file: BinaryIO, start: int) -> np.ndarray:
    data = read_at(file, start, PROBE_BYTES)
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2")


def _decoder(file: BinaryIO, name: str, warn: Warn) -> Decoder:
    """Open with libsndfile what it decodes well, the rest with FFmpeg."""
    # libsndfile's MP3 decoder talks on stderr and lies about damage; FFmpeg has the same samples.
    reason = ""
    if not is_mpeg(file):
        try:
            decoder = SndfileDecoder(file, name, warn)
            if decoder.container != "MP3" and not (decoder.channels > 2 and decoder.container in OTHER_ORDERS):
                return decoder
            decoder.close()
        except Unreadable as error:
            reason = str(error)
            if error.damaged:
                ffmpeg = _by_ffmpeg(file, name, warn, reason)
                warn(f"{name} is damaged ({reason.rstrip('.').lower()}); FFmpeg reads what it can")
                return ffmpeg
    return _by_ffmpeg(file, name, warn, reason)


def _by_ffmpeg(file: BinaryIO, name: str, warn: Warn, reason: str) -> FFmpegDecoder:
    from nac_cli.audio.ffmpeg import FFmpegDecoder

    try:
        return FFmpegDecoder(file, name, warn)
    except Unreadable as error:
        said = (("libsndfile", reason), ("FFmpeg", str(error)))
        reasons = "; ".join(f"{who}: {text.rstrip('.').lower()}" for who, text in said if text)
        advice = "check that it plays elsewhere, or convert it to WAV or FLAC"
        if read_at(file, 4, 4) == b"ftyp":
            advice = "an MP4 file whose index (moov) is missing was not downloaded or recorded to its end"
        raise AudioError(f"{name} is not sound that nac can read, or it is broken ({reasons}): {advice}") from error


def _unreadable(origin: Source, error: OSError) -> AudioError:
    return AudioError(f"{origin.name} cannot be read: {reason_of(error)}")


def _check_limits(reader: AudioReader) -> None:
    if not 1 <= reader.channels <= MAX_CHANNELS:
        raise AudioError(f"{reader.name} has {reader.channels} channels; nac takes 1 to {MAX_CHANNELS}: split it first")
    if not MIN_SAMPLE_RATE <= reader.sample_rate <= MAX_SAMPLE_RATE:
        raise AudioError(
            f"{reader.name} has a sample rate of {reader.sample_rate} Hz; nac takes {MIN_SAMPLE_RATE} to "
            f"{MAX_SAMPLE_RATE} Hz: resample it first"
        )


def _behind(pieces: Iterator[np.ndarray], start: int) -> Iterator[np.ndarray]:
    """The same sound without its first `start` samples."""
    for piece in pieces:
        if piece.shape[1] > start:
            yield piece[:, start:]
        start = max(0, start - piece.shape[1])


def _regrouped(pieces: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of exactly `size`, the last one shorter."""
    waiting: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += piece.shape[1]
        if count < size:
            continue
        whole = waiting[0] if len(waiting) == 1 else np.concatenate(waiting, axis=1)
        full = count - count % size
        for start in range(0, full, size):
            yield np.ascontiguousarray(whole[:, start : start + size])
        waiting, count = [whole[:, full:]], count - full
    if count:
        yield np.ascontiguousarray(np.concatenate(waiting, axis=1))
