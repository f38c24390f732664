"""Make `speech.flac`, 11.7 s of mono at 48 kHz: three sentences by Festival's voice cmu_us_slt_arctic_hts.

The voice excites its filter with bare pulses, which sounds like a buzzer; spreading them over a few
milliseconds above 2 kHz (an all-pass filter) and a small room make it softer.

    python samples/make_speech.py samples/speech.flac
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

import studio

RATE = 48000
TEXT = (
    "Listen: the rain has come back. It taps on the window, and it whispers in the leaves. "
    "I keep ten thousand songs in this archive, and none of them sounds quite like rain."
)
PEAK_DB = -3.0


def speak(text: str) -> np.ndarray:
    """The voice at RATE; returns (frames,)."""
    with tempfile.TemporaryDirectory() as folder:
        words, sound = Path(folder, "text.txt"), Path(folder, "voice.wav")
        words.write_text(text)
        subprocess.run(
            ["text2wave", "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", sound, words], check=True
        )
        voice, rate = soundfile.read(sound, dtype="float64")
    voice = signal.resample_poly(voice, RATE, rate)
    return studio.passband(voice, RATE, high=0.49 * rate, order=8)


def all_pass(frames: int, spread: float, seed: int) -> np.ndarray:
    """An impulse response of flat magnitude whose delay wanders by `spread` seconds above 2 kHz."""
    rng = np.random.default_rng(seed)
    bins = frames // 2 + 1
    hertz = np.linspace(0, RATE / 2, bins)
    wander = np.interp(hertz, np.linspace(0, RATE / 2, 160), rng.uniform(-1, 1, 160))
    delay = frames / RATE / 2 + spread * wander * np.clip((hertz - 1500) / 1500, 0, 1)
    phase = -2 * np.pi * np.cumsum(delay) * (hertz[1] - hertz[0])
    return np.fft.irfft(np.exp(1j * phase), frames)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="FLAC file to write")
    output = parser.parse_args().output
    dry = studio.passband(np.pad(speak(TEXT), (RATE // 10, RATE // 2)), RATE, low=70)
    dry = signal.fftconvolve(dry, all_pass(2048, 0.002, seed=11))[1024 : 1024 + len(dry)]
    room = studio.room(RATE, 0.5, seed=12, predelay=0.006)[:, 0]
    wet = studio.passband(signal.fftconvolve(dry, room)[: len(dry)], RATE, low=200)
    voice = studio.high_shelf(dry, RATE, 6000, 3.0) + studio.db(-15) * wet
    voice = studio.compress(voice[:, None], RATE, -26, 2.0)
    voice *= studio.db(PEAK_DB) / np.abs(voice).max()
    studio.write_flac(output, voice, RATE)


if __name__ == "__main__":
    main()
