"""HE-AAC by the command `fdkaac`, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile

from nac_cli.bench.peers import ffmpeg
from nac_cli.errors import UsageError

COMMAND = "fdkaac"
PATIENCE = 120
PROFILES = {2: "LC", 5: "HE", 29: "HE v2"}
"""By fdkaac's numbers; the last codes stereo only."""


@dataclass(frozen=True)
class FdkSetting:
    """A profile, in MP4, whose edit list states the delay."""

    profile: int
    sample_rate: ClassVar[int] = 44_100

    def __str__(self) -> str:
        return f"fdkaac {PROFILES[self.profile]}"

    def limits(self, channels: int) -> tuple[int, int]:
        return 8000, 128_000 * channels

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.wav", Path(folder) / "out.m4a"
            soundfile.write(source, audio.T, self.sample_rate)
            arguments = ["-S", "-p", str(self.profile), "-b", str(bitrate), "-o", str(target), str(source)]
            try:
                subprocess.run([COMMAND, *arguments], check=True, capture_output=True, timeout=PATIENCE)
                return target.read_bytes()
            except (OSError, subprocess.SubprocessError) as error:
                raise UsageError(f"{COMMAND} does not encode at {bitrate} bit/s: {error}") from error

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        return ffmpeg.decode(file, channels)


def fdk_settings(target: float, channels: int) -> Sequence[FdkSetting]:
    return [FdkSetting(profile) for profile in PROFILES if profile != 29 or channels == 2]


def fdk_missing() -> str | None:
    return None if shutil.which(COMMAND) else f"the command {COMMAND} is not installed"
