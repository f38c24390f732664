"""Which sound nac reads and writes; for messages, help texts and checks."""

from __future__ import annotations

READS = (
    "WAV, RF64, W64, AIFF, CAF, AU, FLAC, Ogg Vorbis, Opus, MP3, AAC, M4A/MP4 (AAC, ALAC), WMA, APE, "
    "WavPack, TTA, and the sound of MP4, MKV, WebM, MOV, AVI and other video files"
)
WRITES = {"wav": (16, 24, 32), "flac": (16, 24), "ogg": ()}
"""Output formats with their sample widths in bits: 32 is float32, Ogg Vorbis has none."""
EXTENSIONS = {".wav": "wav", ".wave": "wav", ".flac": "flac", ".ogg": "ogg", ".oga": "ogg"}
"""Output format by the end of a file name."""
SOUND_SUFFIXES = frozenset(
    [
        ".wav", ".wave", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd",
        ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".mpga", ".aac", ".m4a",
        ".m4b", ".wma", ".ape", ".wv", ".tta", ".mka", ".weba", ".ac3", ".dts", ".amr",
    ]
)  # fmt: skip
"""Ends of the names of files that are sound and little else. Video files are not among them, though nac reads them."""
