"""Sound in and out: files and pipes, sample rates, stereo, levels, tags. Knows no model and no container."""

from __future__ import annotations

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
from nac_cli.audio.tags.sound_files import Picture, Tags, read_tags, write_tags
from nac_cli.audio.write import AudioWriter, create_audio

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
