"""Music that never was lossy: MIDI files rendered with FluidSynth and a soundfont."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mutagen.smf
import numpy as np
import soundfile

from nac_cli.errors import AudioError, UsageError
from nac_cli.parallel import attempts
from nac_cli.train.corpus.prepare import SILENCE, SourceFile
from nac_cli.train.corpus.recordings import read_middle

LOSSLESS = ("sf2/MuseScore_General_Full.sf2", "sf2/FluidR3_GM.sf2")
"""Below /usr/share/sounds; Debian's musescore-general-soundfont-lossless and fluid-soundfont-gm."""
LOSSY = ("sf3/MuseScore_General.sf3", "sf2/default-GM.sf2", "sf3/default-GM.sf3")
"""The best first."""
SOUNDS = Path("/usr/share/sounds")
TIME_OUT = 120.0
"""Seconds for one render: some MIDI files make FluidSynth run on for ever."""
MAX_SECONDS = 240.0
LONGEST_TUNE = 1800.0
LOUDNESS = 0.1
"""RMS of the louder parts after normalising: -20 dBFS."""
PART_SECONDS = 0.4


def find_soundfonts(given: Sequence[Path] = ()) -> list[Path]:
    """The soundfonts to use: those `given`, or all lossless ones that are installed, or the best other one.

    Raises UsageError when FluidSynth or every soundfont is missing.
    """
    if shutil.which("fluidsynth") is None:
        raise UsageError("fluidsynth is not installed (Debian: apt-get install fluidsynth)")
    if given:
        return list(given)
    for names in (LOSSLESS, *((name,) for name in LOSSY)):
        if found := [SOUNDS / name for name in names if (SOUNDS / name).is_file()]:
            return found
    raise UsageError("no soundfont is installed (Debian: apt-get install fluid-soundfont-gm); or name one")


def render_all(
    tunes: Sequence[SourceFile],
    folder: Path,
    soundfonts: Sequence[Path],
    minutes: float,
    sample_rate: int,
    report: Callable[[str], None],
    workers: int = 1,
) -> list[SourceFile]:
    """Render tunes in a random order, with the `soundfonts` in turn, to WAV files in `folder` until `minutes` are
    there, `workers` at a time; those that fail are reported."""
    folder.mkdir(parents=True, exist_ok=True)
    rendered, seconds = [], 0.0
    shuffled = list(enumerate(random.Random(0).sample(list(tunes), len(tunes))))

    def made(numbered: tuple[int, SourceFile]) -> tuple[float, SourceFile]:
        number, tune = numbered
        target, soundfont = folder / f"{number:06d}.wav", soundfonts[number % len(soundfonts)]
        length = render(Path(tune.path), target, soundfont, sample_rate)
        return length, replace(tune, path=str(target), source=f"{tune.source} {soundfont.stem}")

    with closing(attempts(made, shuffled, workers, "renders")) as renders:
        for attempt in renders:
            if seconds >= 60 * minutes:
                break
            try:
                length, file = attempt()
            except AudioError as error:
                report(str(error))
                continue
            seconds += length
            rendered.append(file)
    return rendered


def render(tune: Path, target: Path, soundfont: Path, sample_rate: int, time_out: float = TIME_OUT) -> float:
    """Render a MIDI file to a WAV file of even loudness, the middle 240 s of it; its seconds. Raises AudioError."""
    try:
        length = mutagen.smf.SMF(tune).info.length
    except Exception as error:  # whatever a parser of foreign bytes stumbles over
        raise AudioError(f"{tune}: no MIDI file that can be read ({error})") from error
    if not 0 < length < LONGEST_TUNE:
        raise AudioError(f"{tune}: a tune of {length:.0f} s is not rendered")
    raw = target.with_suffix(".raw.wav")
    command = ["fluidsynth", "-ni", "-T", "wav", "-O", "float", "-r", str(sample_rate), "-F", raw, soundfont, tune]
    try:
        done = subprocess.run(
            list(map(str, command)),
            timeout=time_out,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode or not raw.is_file():
            raise AudioError(f"{tune}: fluidsynth cannot render it (exit code {done.returncode})")
        samples = read_middle(raw, MAX_SECONDS).samples
    except subprocess.TimeoutExpired:
        raise AudioError(f"{tune}: fluidsynth did not end within {time_out:g} s") from None
    finally:
        raw.unlink(missing_ok=True)
    if not len(samples) or np.abs(samples).max() < SILENCE:
        raise AudioError(f"{tune}: its render is silent")
    soundfile.write(target, _normalised(samples, sample_rate), sample_rate, subtype="FLOAT")
    return len(samples) / sample_rate


def _normalised(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """`[T, C]` with its louder parts at LOUDNESS (the 90th percentile of the RMS of 0.4 s), peaks below 1."""
    part = min(round(PART_SECONDS * sample_rate), len(samples))
    parts = samples[: len(samples) // part * part].reshape(-1, part * samples.shape[1])
    level = float(np.percentile(np.sqrt((parts**2).mean(axis=1)), 90))
    return samples * min(LOUDNESS / max(level, 1e-9), 0.999 / float(np.abs(samples).max()))
