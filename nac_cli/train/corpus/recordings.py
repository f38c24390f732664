"""Reading recordings of any format for a corpus, and measuring whether they are full-band."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.audio import open_audio
from nac_cli.errors import AudioError

SUFFIXES = frozenset(
    [
        ".wav",
        ".wave",
        ".w64",
        ".rf64",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".mp2",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".snd",
        ".caf",
        ".m4a",
        ".m4b",
        ".aac",
        ".wma",
        ".wv",
        ".ape",
        ".tta",
        ".mka",
    ]
)
FULL_BAND_HZ = 14_000
FULL_BAND_RATIO = 1e-7
"""A recording is full-band when its power above FULL_BAND_HZ exceeds this share of the whole."""
FULL_BAND_RATE = 44_100
"""Below this source rate (Hz) nothing counts as full-band."""
MEASURED_SECONDS = 60
BLOCK_SECONDS = 10


@dataclass(frozen=True)
class Recording:
    """Samples float32 `[T, C]`, at most two channels, at `sample_rate` Hz."""

    samples: np.ndarray
    sample_rate: int


@dataclass(frozen=True)
class Facts:
    """The properties of a file that a scan measures. `seconds` may be rough where the format does not state its
    length."""

    seconds: float
    sample_rate: int
    channels: int
    full_band: bool
    file_bytes: int


def find_recordings(folder: Path) -> Iterator[Path]:
    """Every file below `folder` with the suffix of a sound file, in order."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def read_middle(path: str | Path, max_seconds: float) -> Recording:
    """At most `max_seconds` from the middle of a file. Raises AudioError when it cannot be read."""
    sound = _sndfile(path)
    if sound is None:
        return _middle_by_ffmpeg(path, max_seconds)
    with sound:
        keep = min(sound.frames, round(max_seconds * sound.samplerate))
        try:
            sound.seek((sound.frames - keep) // 2)
            return Recording(_stereo(sound.read(keep, dtype="float32", always_2d=True)), sound.samplerate)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(f"{path} cannot be read to its end ({error})") from error


def inspect(path: Path) -> Facts:
    """Length, rate, channels and band of a file, from its header and first minute. Raises AudioError."""
    sound = _sndfile(path)
    if sound is None:
        seconds, channels, start = _start_by_ffmpeg(path)
    else:
        with sound:
            seconds, channels = sound.frames / sound.samplerate, sound.channels
            try:
                samples = sound.read(MEASURED_SECONDS * sound.samplerate, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                raise AudioError(f"{path} cannot be read ({error})") from error
            start = Recording(_stereo(samples), sound.samplerate)
    if not len(start.samples):
        raise AudioError(f"{path} holds no sound")
    return Facts(seconds, start.sample_rate, channels, is_full_band(start, start.sample_rate), os.path.getsize(path))


def is_full_band(recording: Recording, source_rate: int) -> bool:
    """Whether there is anything above FULL_BAND_HZ in the first minute of the first channel; the recording may have
    been resampled from `source_rate` Hz."""
    if source_rate < FULL_BAND_RATE:
        return False
    return _power_share_above(recording.samples[:, 0], recording.sample_rate) > FULL_BAND_RATIO


def _power_share_above(samples: np.ndarray, sample_rate: int, size: int = 2048) -> float:
    """Share of the power above FULL_BAND_HZ, from at most the first minute."""
    samples = samples[: MEASURED_SECONDS * sample_rate]
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, size)), size)[::size]
    power = (np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2).sum(axis=0)
    first_bin = int(FULL_BAND_HZ * size / sample_rate)
    return float(power[first_bin:].sum() / max(power.sum(), 1e-12))


def _sndfile(path: str | Path) -> soundfile.SoundFile | None:
    """The file opened by libsndfile, which can seek; None where FFmpeg is the one to ask (MP3 and all else)."""
    try:
        sound = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    if sound.format != "MP3":
        return sound
    sound.close()
    return None


def _middle_by_ffmpeg(path: str | Path, max_seconds: float) -> Recording:
    """FFmpeg reads from the start: blocks outside the middle are dropped as they come."""
    with open_audio(path, warn=_quiet) as sound:
        keep = round(max_seconds * sound.sample_rate)
        first = max(round((sound.seconds or 0) * sound.sample_rate) - keep, 0) // 2
        blocks, done = [], 0
        for block in sound.blocks(BLOCK_SECONDS * sound.sample_rate):
            blocks.append(block[:, max(first - done, 0) : max(first + keep - done, 0)])
            done += block.shape[1]
            if done >= first + keep:
                break
        samples = np.concatenate(blocks, axis=1).T if blocks else np.zeros((0, sound.channels), np.float32)
        return Recording(_stereo(samples), sound.sample_rate)


def _start_by_ffmpeg(path: Path) -> tuple[float, int, Recording]:
    with open_audio(path, warn=_quiet) as sound:
        blocks, done, enough = [], 0, MEASURED_SECONDS * sound.sample_rate
        for block in sound.blocks(BLOCK_SECONDS * sound.sample_rate):
            if done < enough:
                blocks.append(block)
            done += block.shape[1]
            if done >= enough and sound.seconds is not None:
                break
        samples = np.concatenate(blocks, axis=1).T if blocks else np.zeros((0, sound.channels), np.float32)
        seconds = done / sound.sample_rate if sound.seconds is None else sound.seconds
        return seconds, sound.channels, Recording(_stereo(samples), sound.sample_rate)


def _stereo(samples: np.ndarray) -> np.ndarray:
    """The first two channels: left and right in every common layout."""
    return samples[:, :2]


def _quiet(message: str) -> None:
    """Oddities that are no reason to leave a recording out."""
