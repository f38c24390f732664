"""HE-AAC by Fraunhofer's encoder, in the command `fdkaac` or in a build of `ffmpeg` that has it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.bench.peers import ffmpeg, program
from nac_cli.bench.peers.mp3 import worth_a_try

ENCODER = "libfdk_aac"
"""Its name in ffmpeg."""
CORE_RATES = (8000, 11_025, 16_000, 22_050, 32_000, 44_100)
BIT_RATES = (10_000, 128_000)
"""bit/s: the least of a file (of 8000 and less, fdkaac makes the largest file there is), the most of a
channel."""
PROBE_SECONDS, PROBE_HERTZ, PROBE_BITRATE, MOST_DELAY = 1.0, 2000, 32_000, 0.2


@dataclass(frozen=True)
class Profile:
    """A kind of AAC: the number that fdkaac has for it, its name in ffmpeg, and how much higher the sample
    rate is than the core's (spectral band replication codes the upper half of the spectrum apart)."""

    label: str
    number: int
    name: str
    ratio: int


LC = Profile("LC", 2, "aac_low", 1)
HE = Profile("HE", 5, "aac_he", 2)
HE_V2 = Profile("HE v2", 29, "aac_he_v2", 2)
"""With parametric stereo: two channels only."""


@dataclass(frozen=True)
class FdkSetting:
    """A profile at a sample rate, in MP4. `command` is the program's name."""

    profile: Profile
    sample_rate: int
    command: str = "fdkaac"

    def __str__(self) -> str:
        return f"{self.command} {self.profile.label} {self.sample_rate / 1000:g} kHz"

    def limits(self, channels: int) -> tuple[int, int]:
        return BIT_RATES[0], BIT_RATES[1] * channels

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.wav", Path(folder) / "out.m4a"
            soundfile.write(source, audio.T, self.sample_rate)
            if self.command == "fdkaac":
                options: list[str | Path] = [
                    "-S",
                    "-G",
                    "1",
                    "-p",
                    str(self.profile.number),
                    "-b",
                    str(bitrate),
                    "-o",
                    target,
                    source,
                ]
            else:
                codec = ["-c:a", ENCODER, "-profile:a", self.profile.name, "-b:a", str(bitrate)]
                options = ["-v", "error", "-y", "-i", source, *codec, target]
            program.run([self.command, *options], f"encode at {bitrate} bit/s")
            return target.read_bytes()

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        return ffmpeg.decode(file, channels)[:, _delay(self, channels) :]


@lru_cache
def _delay(setting: FdkSetting, channels: int) -> int:
    """Samples at the start that decoding leaves before the sound, found with noise: what the file's edit list
    says is taken off by the decoder, but not what band replication adds (961 samples with fdkaac 1.0.0)."""
    from scipy.signal import butter, correlate, sosfilt

    length, reach = (int(seconds * setting.sample_rate) for seconds in (PROBE_SECONDS, MOST_DELAY))
    noise = np.random.default_rng(0).standard_normal(length)
    probe = 0.1 * sosfilt(butter(6, PROBE_HERTZ, fs=setting.sample_rate, output="sos"), noise)
    file = setting.encode(np.repeat(probe[None], channels, axis=0).astype(np.float32), PROBE_BITRATE * channels)
    decoded = ffmpeg.decode(file, channels)[0]
    middle = probe[reach : length - reach]
    match = correlate(decoded[reach:length], middle, "valid")
    return int(match.argmax())


def fdk_settings(target: float, channels: int) -> Sequence[FdkSetting]:
    command = _command() or "fdkaac"
    found = []
    for profile in (LC, HE, HE_V2) if channels == 2 else (LC, HE):
        cores = CORE_RATES if profile is LC else [rate for rate in CORE_RATES if rate <= 22_050]
        bitrate = max(target, BIT_RATES[0]) / (1 if profile is HE_V2 else channels)
        found += [FdkSetting(profile, rate * profile.ratio, command) for rate in worth_a_try(bitrate, cores)]
    return found


def fdk_missing() -> str | None:
    return None if _command() else f"neither the command fdkaac nor an ffmpeg with {ENCODER} is installed"


def _command() -> str | None:
    if shutil.which("fdkaac"):
        return "fdkaac"
    path = shutil.which("ffmpeg")
    return "ffmpeg" if path and _has_encoder(path) else None


@lru_cache
def _has_encoder(path: str) -> bool:
    return ENCODER in program.run([path, "-hide_banner", "-encoders"], "list its encoders").split()
