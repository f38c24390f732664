"""Other codecs, run in memory so that a comparison can be made at exactly the file size that nac reached."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import soxr

from nac_cli.bench.metrics import METRICS
from nac_cli.errors import UsageError

OPUS_RATE = 48_000
OPUS_LOOKAHEAD = 312
"""Samples at 48 kHz that libopus reads ahead, and that a decoder drops at the start (pre-skip)."""
BIT_RATES = (500, 256_000)
"""What libopus takes, per channel, in bit/s."""
SEARCH_STEPS = 12
CLOSE_ENOUGH = 0.004
LONG_PAGES = {"page_duration": "20000000", "fflags": "+bitexact"}
"""Ogg at its smallest: pages as long as they get, no name of the muxer. 0.2 kbit/s less than pages of 1 s."""


@dataclass(frozen=True)
class OpusSetting:
    """What to choose beside the bitrate: `lowdelay` always codes by transform (CELT), `audio` and `voip`
    choose by rate and content; `frame_duration` in ms (5 to 120); `vbr` is on, constrained or off."""

    application: str = "audio"
    frame_duration: int = 60
    vbr: str = "on"

    def __str__(self) -> str:
        return f"{self.application} {self.frame_duration} ms vbr {self.vbr}"


@dataclass(frozen=True)
class PeerResult:
    """`decoded` is float32 `[C, T]` like what went in; `bitrate` (bit/s) is that of the whole file."""

    decoded: np.ndarray
    file_bytes: int
    bitrate: float
    setting: str


OPUS_SETTINGS = tuple(
    OpusSetting(application, frame_duration)
    for frame_duration in (60, 120)
    for application in ("lowdelay", "audio", "voip")
)
"""Of 36 settings tried on four clips at 6 to 16 kbit/s (20 and 40 ms, constrained and constant rate too), six
that reach the best means within 0.03 in ViSQOL, 0.1 in Zimtohrli and 0.02 in mel distance."""
JUDGES = ("visqol", "zimtohrli", "mel")


def opus(
    samples: np.ndarray, sample_rate: int, bitrate: int, setting: OpusSetting = OpusSetting()
) -> PeerResult:
    """Through libopus in Ogg and back; `bitrate` is the encoder's parameter in bit/s, which VBR misses.

    `samples` float `[C, T]`, C 1 or 2. Raises UsageError for other shapes and bitrates that libopus refuses.
    """
    samples = _checked(samples)
    file = _encode(_at_opus_rate(samples, sample_rate), bitrate, setting)
    return _result(file, samples.shape, sample_rate, setting)


def opus_matched(
    samples: np.ndarray,
    sample_rate: int,
    target: float,
    settings: Sequence[OpusSetting] = OPUS_SETTINGS,
    judges: Sequence[str] = JUDGES,
    tolerance: float = 0.02,
) -> PeerResult:
    """Opus at its best for this clip, with a *file* of `target` bit/s (within `tolerance`).

    Each setting's bitrate parameter is searched until its file meets the target; of those that do, the one
    with the best mean rank by `judges` (keys of METRICS) wins. Below 4 to 6 kbit/s some settings, and in the
    end all, have no file that small: if all miss, the nearest is returned, and its `bitrate` says so.
    """
    samples = _checked(samples)
    audio = _at_opus_rate(samples, sample_rate)
    candidates = []
    for setting in settings:
        file = _file_of_size(audio, target * samples.shape[1] / sample_rate / 8, setting)
        candidates.append(_result(file, samples.shape, sample_rate, setting))
    misses = [abs(candidate.bitrate / target - 1) for candidate in candidates]
    limit = max(tolerance, min(misses))
    matched = [candidate for candidate, miss in zip(candidates, misses) if miss <= limit]
    return matched[best_by_rank(samples, sample_rate, matched, judges)]


def best_by_rank(
    samples: np.ndarray, sample_rate: int, candidates: Sequence[PeerResult], judges: Sequence[str] = JUDGES
) -> int:
    """Index of the candidate with the lowest mean rank over `judges`; the first judge decides a tie."""
    if len(candidates) == 1:
        return 0
    penalties = np.empty((len(judges), len(candidates)))
    for j, judge in enumerate(judges):
        sign = -1 if METRICS[judge].higher_is_better else 1
        for i, candidate in enumerate(candidates):
            penalties[j, i] = sign * METRICS[judge].measure(samples, candidate.decoded, sample_rate)
    ranks = (penalties[:, :, None] > penalties[:, None, :]).sum(axis=2)
    return int(np.lexsort((penalties[0], ranks.sum(axis=0)))[0])


def _checked(samples: np.ndarray) -> np.ndarray:
    if np.ndim(samples) != 2 or not 1 <= len(samples) <= 2 or samples.shape[1] == 0:
        raise UsageError(f"Opus takes [C, T] of 1 or 2 channels, not empty, got {list(np.shape(samples))}")
    return np.asarray(samples, np.float32)


def _at_opus_rate(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    return soxr.resample(samples.T, sample_rate, OPUS_RATE).T if sample_rate != OPUS_RATE else samples


def _file_of_size(audio: np.ndarray, file_bytes: float, setting: OpusSetting) -> bytes:
    """The file nearest to `file_bytes`, by search over the bitrate parameter; it grows in steps."""
    low, high = (bound * len(audio) for bound in BIT_RATES)
    bitrate = round(min(max(file_bytes * 8 * OPUS_RATE / audio.shape[1], low), high))
    best = b""
    for _ in range(SEARCH_STEPS):
        file = _encode(audio, bitrate, setting)
        if not best or abs(len(file) - file_bytes) < abs(len(best) - file_bytes):
            best = file
        low, high = (low, bitrate) if len(file) > file_bytes else (bitrate, high)
        if abs(len(best) - file_bytes) < CLOSE_ENOUGH * file_bytes or high - low < CLOSE_ENOUGH * low:
            break
        in_proportion = bitrate * file_bytes / len(file)
        bitrate = round(in_proportion if low < in_proportion < high else (low * high) ** 0.5)
    return best


def _encode(audio: np.ndarray, bitrate: int, setting: OpusSetting) -> bytes:
    channels, length = audio.shape
    low, high = (bound * channels for bound in BIT_RATES)
    if not low <= bitrate <= high:
        raise UsageError(f"Opus takes {low} to {high} bit/s for {channels} channel(s), got {bitrate}")
    # The muxer's end trimming loses samples of very short files, so the input fills the last frame.
    frame = setting.frame_duration * OPUS_RATE // 1000
    filled = -(-(length + OPUS_LOOKAHEAD) // frame) * frame - OPUS_LOOKAHEAD
    audio = np.pad(audio, ((0, 0), (0, filled - length)))
    layout = "stereo" if channels == 2 else "mono"
    options = {"application": setting.application, "frame_duration": str(setting.frame_duration),
               "vbr": setting.vbr, "compression_level": "10"}
    target = io.BytesIO()
    with av.open(target, "w", format="ogg", options=LONG_PAGES) as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout=layout, options=options)
        stream.bit_rate = bitrate
        interleaved = np.ascontiguousarray(audio.T.reshape(1, -1))
        sound = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        sound.sample_rate, sound.pts, sound.time_base = OPUS_RATE, 0, Fraction(1, OPUS_RATE)
        for packet in (*stream.encode(sound), *stream.encode(None)):
            container.mux(packet)
    return target.getvalue()


def _result(file: bytes, shape: tuple[int, int], sample_rate: int, setting: OpusSetting) -> PeerResult:
    """Decodes with libopus (PyAV would choose FFmpeg's own decoder, which scores lower at these rates), which
    drops the pre-skip, and brings back rate and exact length."""
    channels, length = shape
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.audio[0]
        decoder = av.CodecContext.create("libopus", "r")
        decoder.extradata = stream.codec_context.extradata
        decoder.options = {"request_sample_fmt": "flt"}
        frames = [frame.to_ndarray().reshape(-1, channels)
                  for packet in container.demux(stream) for frame in decoder.decode(packet)]
    decoded = np.concatenate(frames)
    if sample_rate != OPUS_RATE:
        decoded = soxr.resample(decoded, OPUS_RATE, sample_rate)
    return PeerResult(
        decoded=np.ascontiguousarray(decoded[:length].T),
        file_bytes=len(file),
        bitrate=len(file) * 8 * sample_rate / length,
        setting=str(setting),
    )
