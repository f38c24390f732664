"""Prefetching of codes: short files decode theirs together, since a language model works on many streams as fast as on
one, and a file of some seconds has only a few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nac_cli.container import ChunkRecord, ContainerReader
from nac_cli.entropy import split_payload
from nac_cli.entropy.lm_streams import streams_ahead
from nac_cli.errors import NacError
from nac_cli.models import zoo
from nac_cli.pipelines.chain.unpacking import STREAMS_AHEAD
from nac_cli.pipelines.endpoints import open_stream
from nac_cli.pipelines.models.opening import CodersToUnpack
from nac_cli.values import Mode

if TYPE_CHECKING:
    from nac_cli.entropy.lm import LanguageModel

SHORT = STREAMS_AHEAD // 2
"""A file with more streams fills batches by itself."""


class Prefetch:
    """Decodes the codes of short files in a batch before their turn; `None` stands for a pipe.

    Errors are left to the file's own turn: here a file that cannot be read is passed over.
    """

    def __init__(self, sources: Sequence[Path | None], threads: int | None = None):
        self._sources, self._threads, self._next = sources, threads, 0

    def advance_to(self, index: int) -> None:
        """Decode the codes of some files from `index` on, unless that has been done: to be called before that file is
        decoded."""
        if index < self._next or len(self._sources) < 2:
            return
        streams: list[tuple[bytes, np.ndarray]] = []
        lm: LanguageModel | None = None
        for number in range(index, len(self._sources) + 1):
            self._next = number
            if number == len(self._sources) or len(streams) >= STREAMS_AHEAD:
                break
            found = self._streams(self._sources[number])
            if found is None:
                continue
            file_lm, own = found
            if lm not in (None, file_lm):
                break
            lm, streams = file_lm, streams + own
        if lm is not None:
            lm.decode_ahead(*zip(*streams))

    def _streams(self, source: Path | None) -> tuple[LanguageModel, list[tuple[bytes, np.ndarray]]] | None:
        """The language model of a short file and its streams; None for any other."""
        if source is None:
            return None
        try:
            with open_stream(source) as file:
                reader = ContainerReader(file)
                info, streams = reader.info, []
                if info.lm_id is None:
                    return None
                for record in reader.chunks():
                    if isinstance(record, ChunkRecord) and record.mode == Mode.LM:
                        side, section = split_payload(record.payload, record.num_frames, info)
                        streams += streams_ahead(section, side.depths, record.num_frames, info)
                    if len(streams) > SHORT:
                        return None
            if not streams:
                return None
            coders = CodersToUnpack(zoo.find_id(info.codec.model_id, info.codec.name), info, self._threads)
            lm = coders.for_mode(Mode.LM).lm
            return None if lm is None else (lm, streams)
        except NacError:
            return None
