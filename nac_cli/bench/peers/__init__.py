"""Other codecs, run in memory so that a comparison can be made at exactly the file size that nac reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nac_cli.bench.peers.aac import aac_settings
from nac_cli.bench.peers.fdk import fdk_missing, fdk_settings
from nac_cli.bench.peers.lyra import lyra_missing, lyra_settings
from nac_cli.bench.peers.mp3 import mp3_settings
from nac_cli.bench.peers.opus import opus_settings
from nac_cli.bench.peers.search import JUDGES, PeerResult, Setting, matched, through

__all__ = ["JUDGES", "PEERS", "Peer", "PeerResult", "Setting", "matched", "through"]


@dataclass(frozen=True)
class Peer:
    """`settings` are those worth a try for a bitrate (bit/s) and a number of channels; `missing` says what
    keeps the peer from working here, None if nothing does; `outside` that it is a program of its own, whose
    memory is not measured."""

    label: str
    settings: Callable[[float, int], Sequence[Setting]]
    missing: Callable[[], str | None] = lambda: None
    outside: bool = False


PEERS = {
    "opus": Peer("Opus", opus_settings),
    "mp3": Peer("MP3", mp3_settings),
    "aac": Peer("AAC", aac_settings),
    "fdkaac": Peer("HE-AAC", fdk_settings, fdk_missing, outside=True),
    "lyra": Peer("Lyra", lyra_settings, lyra_missing, outside=True),
}
