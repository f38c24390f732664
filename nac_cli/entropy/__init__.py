"""Codes of a chunk to payload bytes and back. Knows no model and no file; see `payload` for the layout."""

from nac_cli.entropy.checksum import token_checksum
from nac_cli.entropy.coders import Coders
from nac_cli.entropy.frequencies import FrequencyTables, from_counts
from nac_cli.entropy.payload import (
    Packed,
    PayloadBits,
    code_counts,
    pack,
    pack_smallest,
    payload_bits,
    split_payload,
    unpack,
    unpack_each,
    unpack_side,
)
from nac_cli.entropy.side import Side
from nac_cli.values import Mode

__all__ = [
    "Coders",
    "FrequencyTables",
    "Mode",
    "Packed",
    "PayloadBits",
    "Side",
    "code_counts",
    "from_counts",
    "pack",
    "pack_smallest",
    "payload_bits",
    "split_payload",
    "token_checksum",
    "unpack",
    "unpack_each",
    "unpack_side",
]
