"""Every limit of format_spec.md section 12, checked before anything is allocated for the value."""

from __future__ import annotations

from nac_cli import values

MAX_PAYLOAD = 2**24 - 1
"""Bytes in one block's payload: what its 24-bit length can say."""

MAX_CHUNKS = 2**20
MAX_OTHER_BLOCKS = 2**16
"""Blocks of a file that are neither chunks nor their detail; a reader counts damaged stretches among them."""

MAX_BLOCK = {
    "HEAD": 1024,
    "CHNK": MAX_PAYLOAD,
    "detl": MAX_PAYLOAD,
    "INDX": 4 * MAX_CHUNKS + 64,
    "chan": 3,
    "tags": 2**20,
    "pict": MAX_PAYLOAD,
    "padd": MAX_PAYLOAD,
    "pmd5": 17,
}
"""Payload bytes for each known block type; an unknown type may use all that its length can say."""

MIN_RATE, MAX_RATE = values.MIN_SAMPLE_RATE, values.MAX_SAMPLE_RATE
MAX_CHANNELS = values.MAX_CHANNELS
MAX_SPEAKERS = 2**18 - 1
MIN_SOURCE_BITS, MAX_SOURCE_BITS = 8, 32
MAX_SAMPLES = 2**40
MAX_NAME_BYTES = 32
MAX_HOP = 2**16
MAX_PLANES = values.MAX_PLANES
MIN_CARDINALITY, MAX_CARDINALITY = 2, 2**16
MAX_STRIDE = 256
MAX_CHUNK_FRAMES = 2**16

MAX_CHUNK_SAMPLES = 2**22
"""Samples at the codec's rate that one chunk may decode to, per channel."""

MAX_CHUNK_CODES = 2**22
"""Codes that one chunk may hold, all channels and planes together."""

MAX_TAGS = 4096
MAX_KEY_BYTES = 255
MAX_TAG_BYTES = 2**20
MAX_PICTURES = 32
MAX_PICTURE_BYTES = 2**26
"""Payload bytes of all `tags` blocks of a file, and of all its `pict` blocks."""

RESYNC_ALLOWANCE = 2**26
RESYNC_FACTOR = 4
"""The search for an intact block may check this in vain: the allowance + factor * bytes read so far."""
