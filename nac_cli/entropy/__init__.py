"""Codes of a chunk to payload bytes and back. Knows no model and no file; see `payload` for the layout."""

from nac_cli.entropy.checksum import token_checksum
from nac_cli.entropy.frequencies import FrequencyTables, from_counts
from nac_cli.entropy.payload import (
    Mode,
    PayloadBits,
    pack,
    pack_smallest,
    payload_bits,
    unpack,
    unpack_side,
)
from nac_cli.entropy.side import Side

__all__ = [
    "FrequencyTables",
    "Mode",
    "PayloadBits",
    "Side",
    "from_counts",
    "pack",
    "pack_smallest",
    "payload_bits",
    "token_checksum",
    "unpack",
    "unpack_side",
]
