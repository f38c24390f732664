"""nac: a neural audio codec for files.

    import nac_cli

    report = nac_cli.compress("song.wav", "song.nac", bitrate=6000)
    nac_cli.decompress("song.nac", "song.wav", force=True)
    print(nac_cli.info("song.nac").bitrate)

Importing this package does not import torch; the functions that need it do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nac_cli.errors import NacError
from nac_cli.values import Waveform

if TYPE_CHECKING:
    from nac_cli.pipelines.compress import CompressReport, compress
    from nac_cli.pipelines.decompress import DecompressReport, decompress
    from nac_cli.pipelines.info import FileInfo, info
    from nac_cli.pipelines.models.load import load_model
    from nac_cli.pipelines.recode import RecodeReport, recode
    from nac_cli.pipelines.tag import TagReport, tag
    from nac_cli.pipelines.tag_changes import TagChanges
    from nac_cli.pipelines.verify import VerifyReport, verify

__version__ = "0.2.0"

_HOMES = {
    "compress": "compress",
    "CompressReport": "compress",
    "decompress": "decompress",
    "DecompressReport": "decompress",
    "info": "info",
    "FileInfo": "info",
    "verify": "verify",
    "VerifyReport": "verify",
    "load_model": "models.load",
    "recode": "recode",
    "RecodeReport": "recode",
    "tag": "tag",
    "TagReport": "tag",
    "TagChanges": "tag_changes",
}

__all__ = [
    "NacError", "Waveform", "__version__",
    "compress", "CompressReport", "decompress", "DecompressReport", "info", "FileInfo", "verify", "VerifyReport",
    "load_model", "recode", "RecodeReport", "tag", "TagReport", "TagChanges",
]  # fmt: skip


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"nac_cli.pipelines.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
