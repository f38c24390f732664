"""The `HEAD` payload: `StreamInfo` to bytes and back."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from nac_cli.container import limits
from nac_cli.container.blocks import pack_block, pack_prefix
from nac_cli.container.fields import FieldReader, pack_text, pack_varint
from nac_cli.errors import CorruptStream, LimitExceeded, UnsupportedStream, UsageError
from nac_cli.values import CodecSpec, Framing, StreamInfo

ID_SIZE = 8
_HAS_LM = 0x01


def pack_header(info: StreamInfo) -> bytes:
    """Raises `UsageError` when `info` is not one a reader would accept and give back unchanged."""
    try:
        payload = _pack_fields(info)
        accepted = unpack_header(payload, "HEAD") == replace(info, speakers=None)
    except (CorruptStream, LimitExceeded, ValueError) as error:
        raise UsageError(f"this stream cannot be written: {error}") from error
    if not accepted:
        raise UsageError(f"this stream cannot be written: {info} contradicts itself")
    return payload


def unpack_header(payload: bytes, where: str) -> StreamInfo:
    """Raises `CorruptStream`, `UnsupportedStream` (a reserved bit) or `LimitExceeded`."""
    fields = FieldReader(payload, where)
    flags = fields.u8("flags")
    if flags & ~_HAS_LM:
        raise UnsupportedStream(f"{where}: reserved flags are set ({flags:#04x}); this needs a newer nac")
    sample_rate = fields.number("sample rate", limits.MIN_RATE, limits.MAX_RATE)
    channels = fields.within("channels", fields.u8("channels"), 1, limits.MAX_CHANNELS)
    groups = _unpack_groups(fields, channels)
    source_bits = fields.u8("source bits")
    if source_bits:
        fields.within("source bits", source_bits, limits.MIN_SOURCE_BITS, limits.MAX_SOURCE_BITS)
    num_samples = fields.number("samples + 1", 0, limits.MAX_SAMPLES + 1) - 1
    codec = _unpack_codec(fields)
    framing = _unpack_framing(fields, codec, channels)
    lm_id = fields.raw("LM id", ID_SIZE) if flags & _HAS_LM else None
    fields.end()
    length = None if num_samples < 0 else num_samples
    info = StreamInfo(codec, sample_rate, channels, groups, length, source_bits, framing, lm_id)
    if length is not None:
        num_chunks(info, length)  # for its limit
    return info


def pack_speakers(info: StreamInfo) -> bytes:
    """The `chan` payload: the mask of speakers. Raises `UsageError` for one that cannot be that of the channels."""
    payload = pack_varint(info.speakers or 0)
    try:
        unpack_speakers(payload, "chan", info.channels)
    except (CorruptStream, LimitExceeded) as error:
        raise UsageError(f"this stream cannot be written: {error}") from error
    return payload


def unpack_speakers(payload: bytes, where: str, channels: int) -> int:
    """Raises `CorruptStream` or `LimitExceeded`."""
    fields = FieldReader(payload, where)
    mask = fields.number("mask of speakers", 0, limits.MAX_SPEAKERS)
    if mask.bit_count() > channels:
        raise fields.corrupt(f"{mask.bit_count()} speakers for {channels} channels")
    fields.end()
    return mask


def stream_header(info: StreamInfo, detail: bool = False) -> bytes:
    """All in front of tags and chunks: signature, version, `HEAD`, and `chan` where speakers are said; chunks may have
    `detail`."""
    said = info.speakers is not None
    chan = pack_block("chan", pack_speakers(info)) if said else b""
    return pack_prefix(later=detail or said) + pack_block("HEAD", pack_header(info)) + chan


def num_chunks(info: StreamInfo, num_samples: int) -> int:
    """Chunks that hold `num_samples` source samples. Raises `LimitExceeded`."""
    count = -(-info.frames_for(num_samples) // info.framing.chunk_frames)
    if count > limits.MAX_CHUNKS:
        raise LimitExceeded(f"{num_samples} samples need {count} chunks, the limit is {limits.MAX_CHUNKS}")
    return count


def chunk_frames(info: StreamInfo, num_samples: int, index: int) -> int:
    """Frames of chunk `index` in a stream of `num_samples` source samples; 0 for an index behind its end."""
    left = info.frames_for(num_samples) - index * info.framing.chunk_frames
    return min(max(left, 0), info.framing.chunk_frames)


def _pack_fields(info: StreamInfo) -> bytes:
    samples_plus_1 = 0 if info.num_samples is None else info.num_samples + 1
    framing = info.framing
    return b"".join([
        bytes([_HAS_LM if info.lm_id is not None else 0]),
        pack_varint(info.sample_rate),
        bytes([info.channels, _pack_groups(info.groups), info.source_bits]),
        pack_varint(samples_plus_1),
        _pack_codec(info.codec),
        pack_varint(framing.chunk_frames), pack_varint(framing.step_frames), pack_varint(framing.node_frames),
        info.lm_id or b"",
    ])  # fmt: skip


def _pack_groups(groups: tuple[int, ...]) -> int:
    """One bit a group, the first group lowest: 1 for a pair, 0 for a single channel."""
    return sum(1 << position for position, size in enumerate(groups) if size == 2)


def _unpack_groups(fields: FieldReader, channels: int) -> tuple[int, ...]:
    bits = fields.u8("groups")
    groups: list[int] = []
    left = channels
    while left:
        size = 1 + (bits & 1)
        if size > left:
            raise fields.corrupt(f"the last group is a pair, but {channels} channels leave it one")
        groups.append(size)
        left -= size
        bits >>= 1
    if bits:
        raise fields.corrupt(f"groups go on beyond the {channels} channels")
    return tuple(groups)


def _pack_codec(codec: CodecSpec) -> bytes:
    planes = list(zip(codec.codebook_sizes, codec.strides, strict=True))
    runs = [(len(list(run)), size, stride) for (size, stride), run in groupby(planes)]
    return b"".join([
        codec.model_id, pack_text(codec.family), pack_text(codec.name),
        pack_varint(codec.sample_rate), pack_varint(codec.hop_length), pack_varint(codec.num_codebooks),
        *(pack_varint(count) + pack_varint(size) + pack_varint(stride) for count, size, stride in runs),
    ])  # fmt: skip


def _unpack_codec(fields: FieldReader) -> CodecSpec:
    model_id = fields.raw("model id", ID_SIZE)
    family, name = _unpack_name(fields, "family"), _unpack_name(fields, "model name")
    sample_rate = fields.number("codec sample rate", limits.MIN_RATE, limits.MAX_RATE)
    hop_length = fields.number("hop length", 1, limits.MAX_HOP)
    num_planes = fields.number("planes", 1, limits.MAX_PLANES)
    planes: list[tuple[int, int]] = []
    while len(planes) < num_planes:
        count = fields.varint("planes in a run")
        if not 1 <= count <= num_planes - len(planes):
            raise fields.corrupt(f"a run of {count} planes, with {num_planes - len(planes)} left to describe")
        size = fields.number("codebook size", limits.MIN_CARDINALITY, limits.MAX_CARDINALITY)
        stride = fields.number("stride", 1, limits.MAX_STRIDE)
        if planes and planes[-1] == (size, stride):
            raise fields.corrupt("two neighbouring runs of planes are alike and should be one")
        planes += [(size, stride)] * count
    sizes, strides = zip(*planes)
    return CodecSpec(name, family, model_id, sample_rate, hop_length, sizes, strides)


def _unpack_name(fields: FieldReader, name: str) -> str:
    text = fields.text(name, 1, limits.MAX_NAME_BYTES)
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text):
        raise fields.corrupt(f"{name} holds a control character")
    return text


def _unpack_framing(fields: FieldReader, codec: CodecSpec, channels: int) -> Framing:
    names = ("chunk", "step", "node")
    chunk, step, node = (fields.number(f"{name} frames", 1, limits.MAX_CHUNK_FRAMES) for name in names)
    if any(chunk % stride for stride in codec.strides):
        raise fields.corrupt(f"chunks of {chunk} frames are no multiple of every stride in {codec.strides}")
    fields.within("samples a chunk", chunk * codec.hop_length, 1, limits.MAX_CHUNK_SAMPLES)
    codes = channels * sum(chunk // stride for stride in codec.strides)
    fields.within("codes a chunk", codes, 1, limits.MAX_CHUNK_CODES)
    return Framing(chunk, step, node)
