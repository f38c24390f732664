"""Decoding through FFmpeg (PyAV): MP3, AAC/M4A, WMA, video files, and what else libsndfile lacks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np

from nac_cli.audio.decoder import Unreadable, Warn
from nac_cli.audio.digest import stated_md5
from nac_cli.audio.lossless import source_bits
from nac_cli.audio.mpeg import states_length
from nac_cli.audio.sndfile import GuardedSource
from nac_cli.audio.view import read_at
from nac_cli.errors import AudioError
from nac_cli.speakers import NAMES, mask_of

CONTAINERS = (
    "aac,ac3,adx,aea,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,dv,eac3,flac,flv,iff,loas,matroska,mlp,mov,"
    "mp3,mpc,mpc8,mpeg,mpegts,mxf,nut,ogg,oma,qcp,rm,shn,sox,tak,truehd,tta,voc,w64,wav,webm,wtv,wv,xwma"
)
"""Formats that FFmpeg may recognise. Playlists are not among them: they make it open other files."""
STATES_LENGTH = frozenset(
    ["aiff", "ape", "asf", "caf", "flac", "matroska", "mov", "mp3", "tak", "tta", "w64", "wav", "wv"]
)
"""Containers with a length in their header; for others (and many MP3 files) FFmpeg estimates one."""
ROUGH_LENGTH = {"asf", "matroska", "mov"}
"""Formats that count in milliseconds (MP4 does in its edit lists): good for a check, but not exact."""
OPTIONS = {"format_whitelist": CONTAINERS}
MOST_LOST = Fraction(1)
"""Seconds: no lost packet counts for more, whatever it says of itself."""
HEAD_BYTES = 64
FAULTS = (av.FFmpegError, OSError, ValueError, EOFError)


def open_container(file: GuardedSource) -> av.container.InputContainer:
    """A seekable file opened by FFmpeg. Text is taken byte for byte, as Latin-1: no encoding can refuse a file. Raises
    FAULTS, and what reading the file raised."""
    file.seek(0)
    try:
        return av.open(file, "r", metadata_encoding="latin-1", options=dict(OPTIONS))
    finally:
        file.check()


class FFmpegDecoder:
    """A `Decoder` on FFmpeg.

    A packet that cannot be decoded becomes silence of its length, so that timing stays right, and `warn` is
    told. FFmpeg takes off an encoder's delay (edit lists, LAME headers). Channels come in the order of their speakers'
    bits, whatever the file's own. Raises `Unreadable` if FFmpeg cannot open the file, `AudioError` if it has no sound.
    """

    def __init__(self, file: BinaryIO, name: str, warn: Warn):
        self._name, self._warn = name, warn
        self._bad_packets = 0
        mp3_states_length = states_length(file)
        head = read_at(file, 0, HEAD_BYTES)
        self._file = GuardedSource(file)
        try:
            self._container = open_container(self._file)
        except (av.FFmpegError, ValueError) as error:
            raise Unreadable(getattr(error, "strerror", None) or str(error)) from error
        try:
            self._open_stream(head)
            container = self._container.format.name.split(",")[0]
            stated = mp3_states_length if container == "mp3" else container in STATES_LENGTH
            self._read_length(container, stated)
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self, head: bytes) -> None:
        """Find the stream and decode its first frame: only that makes rate and channels certain (HE-AAC)."""
        streams = self._container.streams.audio
        stream = self._container.streams.best("audio")
        if not isinstance(stream, av.AudioStream) or not stream.codec_context:
            raise AudioError(f"{self._name} has no audio stream that can be decoded: name a file with sound")
        if len(streams) > 1:
            self._warn(f"{self._name} has {len(streams)} audio streams: stream {stream.index} is taken")
        self._stream, codec = stream, stream.codec_context
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None and (self._bad_packets or not codec.sample_rate):
            raise AudioError(f"{self._name} is damaged: no sound could be decoded from it")
        shape = codec if self._first is None else self._first[1]
        self.sample_rate, self._layout = shape.sample_rate, shape.layout
        self.channels = self._layout.nb_channels
        self.speakers, self._order = _speakers(self._layout)
        self.source_bits, self.md5 = source_bits(codec, head), None
        if codec.name == "flac":
            self.md5 = stated_md5(codec.extradata or b"")
        self.codec_name = codec.name
        self.format_name = f"{self._container.format.long_name}, {codec.codec.long_name}"

    def _read_length(self, container: str, stated: bool) -> None:
        """Take the container's word for the length, as far as it goes."""
        self.num_samples: int | None = None
        self.seconds: float | None = None
        duration = Fraction(0)
        if self._stream.duration is not None and self._stream.time_base is not None:
            duration = self._stream.duration * self._stream.time_base
        elif self._container.duration is not None and len(self._container.streams) == 1:
            duration = Fraction(self._container.duration, av.time_base)
        samples = duration * self.sample_rate
        estimated = container == "mp3" and samples.denominator > 1
        if not stated or estimated or samples <= 0:
            return
        self.seconds = float(duration)
        if container not in ROUGH_LENGTH:
            self.num_samples = round(samples)

    def pieces(self) -> Iterator[np.ndarray]:
        """See `Decoder.pieces`."""
        converter = _Converter(self._layout, self.sample_rate)
        held, padding, done, entry = None, 0, 0, self._first
        while entry is not None:
            lost, frame, padding = entry
            if held is not None:
                yield held
            silence = self._gap(frame, done) or round(lost * self.sample_rate)
            if silence:
                yield np.zeros((self.channels, silence), dtype=np.float32)
            done += silence + frame.samples
            if converter.changes(frame):
                self._warn(f"{self._name} changes its rate or channels: all is made like its beginning")
            held = converter.push(frame)[self._order]
            entry = next(self._frames, None)
        if held is not None:
            # Encoders fill up the last frame: there the packet's length is the true one.
            yield held[:, : held.shape[1] - padding]
            yield converter.finish()[self._order]
        if self._bad_packets and done - padding != self.num_samples:  # else it is only rubbish at the end
            self._warn(
                f"{self._name} is damaged: {self._bad_packets} packets of sound cannot be decoded "
                "(silence stands for those between intact ones)"
            )

    def close(self) -> None:
        """See `Decoder.close`."""
        self._container.close()

    def _gap(self, frame: av.AudioFrame, done: int) -> int:
        """Samples that are missing in front of a frame, which FLAC frames know of themselves."""
        if self._container.format.name != "flac" or frame.pts is None or not self.num_samples:
            return 0
        return max(0, frame.pts - done) if frame.pts < self.num_samples else 0

    def _decode(self) -> Iterator[tuple[Fraction, av.AudioFrame, int]]:
        """Frames, each with the seconds lost in front of it and the samples of padding at its end."""
        packets = self._container.demux(self._stream)
        lost = Fraction(0)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                self._file.check()
                return
            except FAULTS:
                self._file.check()
                self._bad_packets += 1
                return
            try:
                frames = packet.decode()
            except FAULTS:
                self._bad_packets += 1
                lost += min((packet.duration or 0) * (packet.time_base or 0), MOST_LOST)
                continue
            for frame in frames:
                yield lost, frame, _padding(packet, frame)
                lost = Fraction(0)


class _Converter:
    """Turns frames of any sample format into float32 `[C, T]` of one rate and layout.

    By way of interleaved samples: PyAV crashes on planar frames of eight channels.
    """

    def __init__(self, layout: av.AudioLayout, sample_rate: int):
        self._layout, self._sample_rate = layout, sample_rate
        self._resampler = self._new()
        self._format: tuple[str, str, int] | None = None

    def changes(self, frame: av.AudioFrame) -> bool:
        """Whether `frame` is the first one with another rate or layout than the frames before."""
        same = (frame.layout.name, frame.sample_rate) == (self._layout.name, self._sample_rate)
        return not same and self._format != _format(frame)

    def push(self, frame: av.AudioFrame) -> np.ndarray:
        """The samples of `frame`, with what was left of an earlier one of another format."""
        rest = []
        if self._format != _format(frame):
            rest, self._resampler, self._format = self._resampler.resample(None), self._new(), _format(frame)
        return self._array(rest + self._resampler.resample(frame))

    def finish(self) -> np.ndarray:
        """The samples left in the converter, `[C, T]` with T >= 0."""
        return self._array(self._resampler.resample(None))

    def _new(self) -> av.AudioResampler:
        return av.AudioResampler(format="flt", layout=self._layout, rate=self._sample_rate)

    def _array(self, frames: list[av.AudioFrame]) -> np.ndarray:
        channels = self._layout.nb_channels
        interleaved = [frame.to_ndarray().reshape(-1, channels) for frame in frames]
        return np.ascontiguousarray(np.concatenate([np.empty((0, channels), np.float32), *interleaved]).T)


def _format(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _padding(packet: av.Packet, frame: av.AudioFrame) -> int:
    """Samples by which a frame is longer than its packet says, where the packet counts in samples (MP4)."""
    base = packet.time_base
    if not packet.duration or base is None or base.denominator < 8000 or frame.sample_rate % base.denominator:
        return 0
    return max(0, frame.samples - int(packet.duration * base * frame.sample_rate))


def _speakers(layout: av.AudioLayout) -> tuple[int | None, list[int]]:
    """The mask of a layout's speakers, None for one that cannot be said so, and the order of its bits."""
    names = [channel.name for channel in layout.channels]
    mask = mask_of(names)
    if mask is None:
        return None, list(range(len(names)))
    return mask, sorted(range(len(names)), key=lambda channel: NAMES.index(names[channel]))
