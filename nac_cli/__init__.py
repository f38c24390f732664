"""nac: a neural audio codec for files.

    import nac_cli

    report = nac_cli.compress("song.wav", "song.nac", bitrate=6000)
    nac_cli.decompress("song.nac", "song.wav", force=True)
    print(nac_cli.info("song.nac").bitrate)

Importing this package imports neither torch nor numpy; the functions that need them do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nac_cli.errors import NacError

if TYPE_CHECKING:
    from nac_cli.archive.operations import (
        ArchiveOptions,
        ArchiveReport,
        RestoreOptions,
        RestoreReport,
        archive_library,
        archive_status,
        export_archive,
        restore_archive,
        verify_archive,
    )
    from nac_cli.archive.workers.choice import Workers
    from nac_cli.pipelines.compress import CompressReport, compress
    from nac_cli.pipelines.decompress import DecompressReport, decompress
    from nac_cli.pipelines.info import FileInfo, info
    from nac_cli.pipelines.models.load import load_model
    from nac_cli.pipelines.recode import RecodeReport, recode
    from nac_cli.pipelines.tag import TagReport, tag
    from nac_cli.pipelines.tag_changes import TagChanges
    from nac_cli.pipelines.verify import VerifyReport, verify
    from nac_cli.values import Waveform

__version__ = "0.2.0"

_HOMES = {
    "Waveform": "values",
    "compress": "pipelines.compress",
    "CompressReport": "pipelines.compress",
    "decompress": "pipelines.decompress",
    "DecompressReport": "pipelines.decompress",
    "info": "pipelines.info",
    "FileInfo": "pipelines.info",
    "verify": "pipelines.verify",
    "VerifyReport": "pipelines.verify",
    "load_model": "pipelines.models.load",
    "recode": "pipelines.recode",
    "RecodeReport": "pipelines.recode",
    "tag": "pipelines.tag",
    "TagReport": "pipelines.tag",
    "TagChanges": "pipelines.tag_changes",
    "archive_library": "archive.operations",
    "ArchiveOptions": "archive.operations",
    "ArchiveReport": "archive.operations",
    "archive_status": "archive.operations",
    "export_archive": "archive.operations",
    "restore_archive": "archive.operations",
    "RestoreOptions": "archive.operations",
    "RestoreReport": "archive.operations",
    "verify_archive": "archive.operations",
    "Workers": "archive.workers.choice",
}

__all__ = [
    "NacError", "Waveform", "__version__",
    "compress", "CompressReport", "decompress", "DecompressReport", "info", "FileInfo", "verify", "VerifyReport",
    "load_model", "recode", "RecodeReport", "tag", "TagReport", "TagChanges",
    "archive_library", "ArchiveOptions", "ArchiveReport", "archive_status", "export_archive", "restore_archive",
    "RestoreOptions", "RestoreReport", "verify_archive", "Workers",
]  # fmt: skip


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"nac_cli.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
