"""The `.nac` container: blocks, header, tags, chunks, index. Laid out in the order of format_spec.md."""

from nac_cli.container.chunk import MODES, ChunkRecord
from nac_cli.container.detail import DetailRecord, LostDetail
from nac_cli.container.editor import ContainerEditor
from nac_cli.container.fitting import fitting_tags
from nac_cli.container.header import chunk_frames
from nac_cli.container.index import Index
from nac_cli.container.reader import ContainerReader, Extent
from nac_cli.container.scan import Damage
from nac_cli.container.sequence import DamagedChunk
from nac_cli.container.sizes import TAG_PADDING, ByteCounts, overhead_bytes, stream_bytes
from nac_cli.container.tags import PcmDigest, is_valid_key, pack_tags
from nac_cli.container.writer import ContainerWriter
from nac_cli.values import Picture, Tags

__all__ = [
    "MODES", "TAG_PADDING", "ByteCounts", "ChunkRecord", "ContainerEditor", "ContainerReader", "ContainerWriter",
    "Damage", "DamagedChunk", "DetailRecord", "Extent", "Index", "LostDetail", "PcmDigest", "Picture", "Tags",
    "chunk_frames", "fitting_tags", "is_valid_key", "overhead_bytes", "pack_tags", "stream_bytes",
]  # fmt: skip
