"""The score of "Archive of Rain": F major, 13 bars of four beats.

Two bars of introduction, four of theme, four of bridge, a two-bar turn over D flat and E flat, a last chord.

A line has one text for each bar; a note in it is "position.pitch.length", position and length in sixteenths.
A drum pattern has one character for each sixteenth, from loud to ghost: X x o g.
"""

from __future__ import annotations

BARS = 13
BEATS_PER_MINUTE = 106.0
DYNAMICS = [
    0.72,
    0.80,
    0.86,
    0.88,
    0.90,
    0.95,
    1.0,
    1.0,
    1.02,
    1.08,
    1.0,
    1.06,
    0.90,
]  # a factor for each bar

CHORDS = {  # voiced without root (the bass has it), so that each voice stays or moves by a step
    "Fmaj9": "A3 C4 E4 G4",
    "Gm9": "Bb3 D4 F4 A4",
    "C13": "Bb3 D4 E4 A4",
    "Em7b5": "Bb3 D4 E4 G4",
    "A7b9": "Bb3 C#4 E4 G4",
    "Dm9": "A3 C4 E4 F4",
    "G13": "A3 B3 E4 F4",
    "Cm9": "Bb3 D4 Eb4 G4",
    "F13": "A3 D4 Eb4 G4",
    "Bbmaj9": "A3 C4 D4 F4",
    "Bbm9": "Ab3 C4 Db4 F4",
    "Eb13": "G3 C4 Db4 F4",
    "Am9": "G3 B3 C4 E4",
    "D7b9": "F#3 A3 C4 Eb4",
    "Gm7": "F3 A3 Bb3 D4",
    "C7b9": "G3 Bb3 Db4 E4",
    "Dbmaj9": "F3 Ab3 C4 Eb4",
    "Eb69": "G3 Bb3 C4 F4",
    "F69": "A3 C4 D4 G4",
}
HARMONY = [  # first and second half of each bar
    ("Fmaj9", "Fmaj9"),
    ("Gm9", "C13"),
    ("Fmaj9", "Fmaj9"),
    ("Em7b5", "A7b9"),
    ("Dm9", "G13"),
    ("Cm9", "F13"),
    ("Bbmaj9", "Bbmaj9"),
    ("Bbm9", "Eb13"),
    ("Am9", "D7b9"),
    ("Gm7", "C7b9"),
    ("Dbmaj9", "Dbmaj9"),
    ("Eb69", "Eb69"),
    ("F69", "F69"),
]
THEME = [
    "0.G5.3 3.A5.3 6.E5.2 8.C5.5 14.D5.1 15.E5.1",
    "0.G5.3 3.Bb5.3 6.E5.2 8.C#5.5 14.D5.1 15.E5.1",
    "0.F5.3 3.A5.3 6.E5.2 8.B4.4 12.D5.2 14.E5.2",
    "0.G5.2 2.F5.1 3.Eb5.3 6.D5.2 8.A4.2 10.C5.2 12.Eb5.2 14.G5.2",
]
BRIDGE = [
    "0.A5.6 6.F5.2 8.C6.4 12.A5.4",
    "0.Ab5.6 6.F5.2 8.C6.4 12.Bb5.4",
    "0.G5.3 3.A5.1 4.C6.2 6.B5.2 8.A5.3 11.F#5.1 12.Eb5.2 14.D5.2",
    "0.D5.2 2.F5.2 4.A5.2 6.Bb5.2 8.C6.2 10.D6.4 14.Db6.2",
]
TURN = ["0.C6.6 6.Ab5.2 8.F5.6 14.Ab5.2", "0.Bb5.3 3.C6.3 6.G5.2 8.Eb5.6"]  # the theme's motif, a third up

VIBRAPHONE = ["", "12.C5.1.5 14.D5.1.5", *THEME, *BRIDGE, *TURN, "0.G5.3 3.A5.3 6.E5.2 8.C5.12"]
ANSWERS = ["10.A5.1 11.C6.1 12.D6.1 13.C6.3", "11.G5.1 12.Bb5.1 13.C#6.3", "10.F5.1 11.A5.1 12.B5.4", ""]
FLUTE = ["", "", *ANSWERS, *BRIDGE, "0.Eb6.10 12.C6.4", "0.D6.8", ""]

BASS = [
    "",
    "0.G1.5 6.D2.1 7.G2.1 8.C2.3 11.C2.1 12.Bb1.2 14.C2.1 15.E1.1",
    "0.F1.3 3.F1.1 6.C2.1.5 8.F2.1.5 11.C2.1 12.A1.2 14.F1.1.5",
    "0.E1.3 3.E1.1 6.Bb1.2 8.A1.3 11.E2.1 12.A1.1.5 14.C#2.1.5",
    "0.D2.3 3.D2.1 6.A1.2 8.G1.3 11.G1.1 12.D2.1.5 14.B1.1.5",
    "0.C2.3 3.C2.1 6.G1.2 8.F1.3 11.F1.1 12.C2.1.5 14.A1.1.5",
    "0.Bb1.3 3.Bb1.1 5.F2.1 6.Bb2.1.5 8.Bb1.2 10.D2.1 11.F2.1 12.D2.2 14.C2.1.5",
    "0.Bb1.3 3.F2.1 6.Bb1.2 8.Eb2.3 11.Eb2.1 12.Bb1.1.5 14.G#1.1.5",
    "0.A1.3 3.A1.1 6.E2.2 8.D2.3 11.D2.1 12.A1.1.5 14.F#1.1.5",
    "0.G1.3 3.G1.1 6.D2.2 8.C2.2 10.C2.1.5 12.C2.0.8 13.C2.0.8 14.C2.1.5",
    "0.Db2.6 6.Ab1.2 8.Db2.5 14.D2.1.5",
    "0.Eb2.6 6.Bb1.2 8.Eb2.4 14.E1.1.8",
    "0.F1.20",
]

INTRO = {"shaker": "x.oxx.oxx.oxx.ox"}
PICKUP = INTRO | {"kick": "x.......x.....o.", "snare": "............g.ox", "hat": "o.o.o.o.o.oxo..."}
STROLL = {
    "kick": "X..o....x.xo....",
    "stick": "....X.......X...",
    "snare": ".......g.g.....g",
    "hat": "xgogxgogxgogxg.g",
    "open": "..............o.",
    "shaker": "o.goo.goo.goo.go",
}
LIFT = {
    "kick": "X..o....x.xo....",
    "stick": "....X...........",
    "snare": ".......g.g..x.xX",
    "hat": "xgogxgogxg......",
    "tom1": ".............x..",
    "tom2": "..........xx....",
}
OPEN = {
    "kick": "X..x..x.x.x.....",
    "snare": "....X..g.g..X..g",
    "ride": "X.xgX.xgX.xgX.xx",
    "pedal": "....o.......o...",
    "tambourine": "....x..g....x.og",
    "shaker": "o.goo.goo.goo.go",
}
BUILD = {
    "kick": "X..x..x.x...x...",
    "snare": "....X..gxoxoxxXX",
    "ride": "X.xgX.xg........",
    "tom1": "........x.x.....",
    "tambourine": "....x...x.x.x.x.",
}
HALF_TIME = {
    "crash2": "X...............",
    "kick": "X.....x.......x.",
    "snare": "........X.....g.",
    "ride": "X...x...X...x.x.",
    "pedal": "....o.......o...",
}
FILL = {
    "crash1": "X...............",
    "kick": "X.....x.x.......",
    "snare": "....x...XgxX....",
    "tom1": "..........g.Xx..",
    "tom2": "............o.X.",
    "tom3": "...............X",
    "ride": "x...x...........",
}
END = {"crash1": "X...............", "kick": "X...............", "ride": "x..............."}
ENTRY = OPEN | {"crash1": "X..............."}
DRUMS = [INTRO, PICKUP, STROLL, STROLL, STROLL, LIFT, ENTRY, OPEN, OPEN, BUILD, HALF_TIME, FILL, END]
