"""Make `music.flac`, 31.5 s of stereo: the piece of `score.py`, performed and mixed.

The notes are played by FluidSynth with the soundfont FluidR3 GM, instrument by instrument and dry; the touch
and the timing, the pad, the air of the cymbals, the room and the mix are made here, with levels set by hand
for -16 LUFS. The same soundfont gives the same sound.

    python samples/make_music.py SOUNDFONT.sf2 samples/music.flac
"""

from __future__ import annotations

import argparse
import re
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

import score
import studio

RATE = 44100
SECONDS = 31.5
FRAMES = round(RATE * SECONDS)
SIXTEENTH = 60.0 / score.BEATS_PER_MINUTE / 4.0
SWING = 0.17  # how late an off-beat sixteenth comes, in sixteenths

VIBRAPHONE, FLUTE, BASS, PIANO_1, PIANO_2, NYLON, STEEL = 11, 73, 33, 4, 5, 24, 25  # General MIDI programs
DRUM_KEYS = {
    "kick": 36,
    "stick": 37,
    "snare": 38,
    "hat": 42,
    "pedal": 44,
    "open": 46,
    "ride": 51,
    "tambourine": 54,
    "tom1": 48,
    "tom2": 45,
    "tom3": 43,
    "shaker": 82,
    "crash1": 49,
    "crash2": 57,
}
TOUCH = {"X": 112, "x": 90, "o": 66, "g": 40}


@dataclass
class Note:
    """Start and length in seconds, MIDI key, velocity 1 to 127."""

    start: float
    length: float
    key: int
    velocity: float


def key_of(name: str) -> int:
    """MIDI key of a name like Bb3 (C4 is 60)."""
    letter, sign, octave = re.fullmatch(r"([A-G])([#b]?)(\d)", name).groups()
    steps = dict(zip("CDEFGAB", [0, 2, 4, 5, 7, 9, 11]))[letter] + {"#": 1, "b": -1, "": 0}[sign]
    return 12 * (int(octave) + 1) + steps


def moment(bar: int, position: float) -> float:
    """Seconds at a position of a bar: swung, and slowing down from the drum fill to the end."""
    place = 16 * bar + position
    whole, part = int(place), place - int(place)
    slowing = np.clip(np.arange(16 * score.BARS + 32) - 16 * (score.BARS - 2) - 8, 0, 14)
    steps = SIXTEENTH * (1.0 + 0.022 * slowing)
    late = SWING * steps[whole] if whole % 2 else 0.0
    return float(0.08 + steps[:whole].sum() + part * steps[whole] + late * (1.0 - part))


class Player:
    """Turns positions into notes with a human touch: small errors of time and force, a place in the beat."""

    def __init__(self, seed: int, late: float = 0.0, sloppy: float = 0.004) -> None:
        self.rng, self.late, self.sloppy, self.notes = np.random.default_rng(seed), late, sloppy, []

    def play(self, bar: int, position: float, length: float, key: int, velocity: float) -> None:
        start = moment(bar, position) + self.late + self.sloppy * np.clip(self.rng.standard_normal(), -2, 2)
        force = velocity * score.DYNAMICS[bar] * (1.0 + 0.05 * self.rng.standard_normal())
        seconds = moment(bar, position + length) - moment(bar, position)
        self.notes.append(Note(max(0.0, float(start)), seconds, key, float(np.clip(force, 1, 127))))

    def line(self, bars: list[str], velocity: float, legato: float = 1.0) -> list[Note]:
        for bar, text in enumerate(bars):
            for token in text.split():
                position, name, length = token.split(".", 2)
                accent = 1.06 if int(position) % 4 == 0 else 0.97
                self.play(bar, int(position), float(length) * legato, key_of(name), velocity * accent)
        return self.notes


def voicing(bar: int, position: int) -> list[int]:
    """The four keys of the chord that sounds there, low to high."""
    return [key_of(name) for name in score.CHORDS[score.HARMONY[bar][position // 8]].split()]


def piano_part(seed: int) -> list[Note]:
    """Electric piano: held in the introduction and the turn, syncopated elsewhere; chords slightly rolled."""
    player = Player(seed, late=0.004)
    moving = [(0, 2.4, 74), (3, 4.4, 62), (8, 2.2, 70), (11, 4.4, 64)]
    rhythms = {0: [(0, 7.5, 74), (8, 7.5, 70)], 12: [(0, 30, 70)]}
    rhythms[10] = rhythms[11] = rhythms[0]
    for bar in range(score.BARS):
        for position, length, velocity in rhythms.get(bar, moving):
            for voice, key in enumerate(voicing(bar, position)):
                player.play(bar, position + 0.07 * voice, length, key, velocity + 3 * voice)
    return player.notes


def guitar_part(seed: int) -> list[Note]:
    """Guitar: broken chords around the off-beats, low voices an octave up; each seed is another take."""
    player = Player(seed, sloppy=0.007)
    pattern = [(0, 0), (2, 2), (3, 3), (5, 1), (6, 2), (8, 0), (10, 2), (11, 3), (13, 1), (14, 2)]
    for bar in range(score.BARS - 1):
        for position, voice in pattern:
            key = voicing(bar, position)[voice] + (12 if voice < 2 else 0)
            player.play(bar, position, 4.0, key, 84 if position % 4 == 0 else 70)
    for string, name in enumerate("F2 C3 A3 E4 G4 C5".split()):
        player.play(score.BARS - 1, 0.35 * string, 30, key_of(name), 82)
    return player.notes


def drum_part(*voices: str, late: float = 0.0) -> list[Note]:
    """The notes of some voices of the drum set."""
    player = Player(DRUM_KEYS[voices[0]], late, sloppy=0.003)
    for bar, patterns in enumerate(score.DRUMS):
        for voice in voices:
            for position, mark in enumerate(patterns.get(voice, "")):
                if mark != ".":
                    length = 16.0 if voice.startswith("crash") else 1.0
                    player.play(bar, position, length, DRUM_KEYS[voice], TOUCH[mark])
    return player.notes


def events_of(notes: list[Note], channel: int, swell: bool) -> Iterable[tuple[int, int, bytes]]:
    """(tick, rank, message) of MIDI events in half-milliseconds; at one tick the lower rank goes first."""
    struck: dict[int, float] = {}  # when each key is struck next: its release may not fall after that
    for note in sorted(notes, key=lambda note: -note.start):
        end = min(note.start + note.length, struck.get(note.key, SECONDS))
        struck[note.key] = note.start
        start, stop = round(2000 * note.start), round(2000 * end)
        yield start, 2, bytes([0x90 | channel, note.key, max(1, round(note.velocity))])
        yield stop, 1, bytes([0x80 | channel, note.key, 0])
        for step in range(9) if swell else ():  # expression in an arch, and vibrato that comes in late
            tick, arch = start + (stop - start) * step // 8, np.sin(np.pi * (0.25 + 0.65 * step / 8))
            yield tick, 0, bytes([0xB0 | channel, 11, round(60 + 67 * arch)])
            yield tick, 0, bytes([0xB0 | channel, 1, 6 * step if note.length > 0.4 else 0])


def midi_file(notes: list[Note], program: int, drums: bool, swell: bool) -> bytes:
    """A MIDI file of one track, at 1000 ticks to a beat of half a second."""
    channel = 9 if drums else 0
    track = b"\x00\xff\x51\x03" + (500000).to_bytes(3, "big") + bytes([0, 0xC0 | channel, program])
    now = 0
    for tick, _, message in sorted(events_of(notes, channel, swell), key=lambda event: event[:2]):
        delta, now = tick - now, tick
        digits = [delta & 127]
        while delta := delta >> 7:
            digits.insert(0, delta & 127 | 128)
        track += bytes(digits) + message
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def render(soundfont: Path, notes: list[Note], program: int, drums: bool, swell: bool) -> np.ndarray:
    """Play notes with FluidSynth, dry; returns (FRAMES, 2)."""
    with tempfile.TemporaryDirectory() as folder:
        midi, sound = Path(folder, "part.mid"), Path(folder, "part.wav")
        midi.write_bytes(midi_file(notes, program, drums, swell))
        options = ["-niq", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(RATE), "-O", "float", "-T", "wav"]
        subprocess.run(
            ["fluidsynth", *options, "-F", sound, soundfont, midi], check=True, stdout=subprocess.DEVNULL
        )
        played = soundfile.read(sound, dtype="float64", always_2d=True)[0][:FRAMES]
    return np.pad(played, ((0, FRAMES - len(played)), (0, 0)))


def saw(frequency: float, frames: int, phase: float) -> np.ndarray:
    """A sawtooth whose jump is smoothed by a frame to either side (polyBLEP), so that it hardly aliases."""
    step = frequency / RATE
    turn = (phase + step * np.arange(frames)) % 1.0
    after, before = np.maximum(0.0, 1.0 - turn / step), np.maximum(0.0, 1.0 - (1.0 - turn) / step)
    return 2.0 * turn - 1.0 + after**2 - before**2


def pad() -> np.ndarray:
    """From the bridge on, seven detuned sawtooths a voice, spread wide, under a slowly opening filter."""
    rng = np.random.default_rng(5)
    out = np.zeros((FRAMES, 2))
    for bar, half in [(bar, half) for bar in range(6, score.BARS) for half in (0, 8)]:
        first = round(RATE * moment(bar, half))
        tail = 2.0 if (bar, half) == (12, 8) else 0.35
        last = min(FRAMES, round(RATE * (moment(bar, half + 8) + tail)))
        ramp = np.arange(last - first) / RATE
        fade = np.minimum(1.0, np.minimum(ramp / 0.3, ramp[::-1] / 0.4)) * score.DYNAMICS[bar]
        for key in voicing(bar, half):
            for place in np.linspace(-1, 1, 7):
                frequency = 440.0 * 2.0 ** ((key + 12 - 69 + 0.09 * place + rng.normal(0, 0.02)) / 12.0)
                tone = saw(frequency, last - first, rng.uniform()) * fade
                out[first:last] += studio.pan(tone, rng.choice([-1, 1]) * abs(place))
    opening = np.interp(
        np.arange(FRAMES) / RATE, [moment(6, 0), moment(10, 0), SECONDS - 2], [0.25, 0.7, 0.3]
    )
    dark, bright = studio.passband(out, RATE, 180, 900), studio.passband(out, RATE, 180, 5500)
    return 0.01 * (dark + (bright - dark) * opening[:, None])


def air() -> np.ndarray:
    """What the crash and ride lack above 9 kHz: bursts of wide noise; and one swell into the bridge."""
    rng = np.random.default_rng(8)
    out = np.zeros((FRAMES, 2))
    for note in drum_part("ride", "crash1", "crash2"):
        level, decay = (0.006, 0.25) if note.key == DRUM_KEYS["ride"] else (0.04, 0.9)
        noise = rng.standard_normal((FRAMES, 2))[round(RATE * note.start) :]
        fall = level * (note.velocity / 110) ** 2 * np.exp(-np.arange(len(noise)) / RATE / decay)
        out[-len(noise) :] += noise * fall[:, None]
    first, last = round(RATE * moment(5, 8)), round(RATE * moment(6, 0))
    out[first:last] += (
        0.04 * np.linspace(0, 1, last - first)[:, None] ** 3 * rng.standard_normal((last - first, 2))
    )
    return studio.passband(studio.passband(out, RATE, low=9000), RATE, high=14000, order=1)


def mix(soundfont: Path) -> np.ndarray:
    """Play every part and give it its place: level, side, tone, room. Returns (FRAMES, 2)."""
    total, sends = np.zeros((2, FRAMES, 2))
    turning = 0.5 * np.sin(2 * np.pi * 3.1 * np.arange(FRAMES) / RATE)
    bright = partial(studio.high_shelf, rate=RATE, corner=3000, gain_db=4)

    def add(track: np.ndarray, level_db: float, send_db: float) -> None:
        total[:] += studio.db(level_db) * track
        sends[:] += studio.db(level_db + send_db) * track

    def voice(
        notes: list[Note], program: int, place: float | np.ndarray, low: float, swell: bool = False
    ) -> np.ndarray:
        stem = render(soundfont, notes, program, drums=False, swell=swell).mean(axis=1)
        return studio.pan(studio.passband(stem, RATE, low=low), place)

    def drums(*voices: str, late: float = 0.0) -> np.ndarray:
        return render(soundfont, drum_part(*voices, late=late), 0, drums=True, swell=False)

    keys = voice(piano_part(2), PIANO_1, -0.2 + turning, 110)
    keys += 0.5 * voice(piano_part(2), PIANO_2, -0.2 - turning, 200)
    add(studio.high_shelf(keys, RATE, 1500, 5), 2.5, -13)
    add(bright(voice(guitar_part(3), STEEL, 0.75, 140)), 5.5, -13)
    add(bright(voice(guitar_part(9), NYLON, -0.8, 160)), 3, -12)
    melody = Player(1).line(score.VIBRAPHONE, 98, legato=1.3)
    for register, level in ((range(79), 11.5), (range(79, 128), 18.5)):  # from G5 up it is sampled softer
        bars = [note for note in melody if note.key in register]
        add(bright(voice(bars, VIBRAPHONE, -0.1 + 0.5 * turning, 180)), level, -9)
    add(voice(Player(4, late=0.01).line(score.FLUTE, 86), FLUTE, 0.35, 220, swell=True), 1, -8)
    bass = voice(Player(6, late=0.005).line(score.BASS, 100, legato=0.95), BASS, 0.0, 35)
    bass = np.tanh(9 * studio.compress(bass, RATE, -26, 3)) / 9
    add(studio.high_shelf(bass, RATE, 600, 7), 9.5, -40)
    add(pad(), 3, -9)

    snare = drums("snare", "stick", "tom1", "tom2", "tom3", late=0.006)
    kit = studio.db(10) * drums("kick") + studio.db(4.5) * snare
    add(studio.compress(kit, RATE, -20, 2.5, release=0.08), 0, -17)
    add(studio.passband(drums("ride", "crash1", "crash2"), RATE, low=300, high=12500), 5, -17)
    add(studio.high_shelf(drums("hat", "pedal", "open"), RATE, 5000, 2), 9.5, -17)
    add(air(), 0, -17)
    add(drums("shaker", "tambourine"), 1.5, -14)

    wet = studio.passband(studio.convolve(sends, studio.room(RATE, 1.9, seed=7)), RATE, low=220)
    song = studio.high_shelf(studio.passband(total + wet, RATE, low=28), RATE, 3500, 2.5)
    song = studio.compress(song, RATE, -20, 1.6, release=0.2)
    ending = np.interp(np.arange(FRAMES) / RATE, [SECONDS - 1.6, SECONDS - 0.05], [1.0, 0.0]) ** 2
    return studio.limit(song, RATE) * ending[:, None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("soundfont", type=Path, help="FluidR3_GM.sf2")
    parser.add_argument("output", type=Path, help="FLAC file to write")
    arguments = parser.parse_args()
    studio.write_flac(arguments.output, mix(arguments.soundfont), RATE)


if __name__ == "__main__":
    main()
