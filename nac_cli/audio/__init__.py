"""Sound in and out: files and pipes, sample rates, stereo, levels, tags. Knows no model and no container.

A name's module is imported when it is asked for: mutagen and FFmpeg take longer than a short sound.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nac_cli.audio.digest import SampleDigest
    from nac_cli.audio.formats import (
        EXTENSIONS,
        READS,
        SOUND_SUFFIXES,
        WRITES,
    )
    from nac_cli.audio.gain import DECIBEL_OFFSET, LevelMeter, gain_curve, level_nodes
    from nac_cli.audio.read import AudioReader, open_audio
    from nac_cli.audio.resample import Resampler, resampled_length
    from nac_cli.audio.sanitize import Sanitizer
    from nac_cli.audio.source import open_source
    from nac_cli.audio.stereo import angle_ramp, principal_angle, rotate, unrotate
    from nac_cli.audio.tags.reading import read_tags
    from nac_cli.audio.tags.sound_files import write_tags
    from nac_cli.audio.write import AudioWriter, create_audio
    from nac_cli.values import Picture, Tags

_HOMES = {
    "AudioReader": "audio.read",
    "AudioWriter": "audio.write",
    "DECIBEL_OFFSET": "audio.gain",
    "EXTENSIONS": "audio.formats",
    "LevelMeter": "audio.gain",
    "Picture": "values",
    "READS": "audio.formats",
    "Resampler": "audio.resample",
    "SOUND_SUFFIXES": "audio.formats",
    "SampleDigest": "audio.digest",
    "Sanitizer": "audio.sanitize",
    "Tags": "values",
    "WRITES": "audio.formats",
    "angle_ramp": "audio.stereo",
    "create_audio": "audio.write",
    "gain_curve": "audio.gain",
    "level_nodes": "audio.gain",
    "open_audio": "audio.read",
    "open_source": "audio.source",
    "principal_angle": "audio.stereo",
    "read_tags": "audio.tags.reading",
    "resampled_length": "audio.resample",
    "rotate": "audio.stereo",
    "unrotate": "audio.stereo",
    "write_tags": "audio.tags.sound_files",
}

__all__ = [
    "DECIBEL_OFFSET",
    "EXTENSIONS",
    "READS",
    "SOUND_SUFFIXES",
    "WRITES",
    "AudioReader",
    "AudioWriter",
    "LevelMeter",
    "Picture",
    "Resampler",
    "SampleDigest",
    "Sanitizer",
    "Tags",
    "angle_ramp",
    "create_audio",
    "gain_curve",
    "level_nodes",
    "open_audio",
    "open_source",
    "principal_angle",
    "read_tags",
    "resampled_length",
    "rotate",
    "unrotate",
    "write_tags",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"nac_cli.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
