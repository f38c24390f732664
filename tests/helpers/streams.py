"""Streams for tests: compressed sounds, and streams that are damaged or claim something else."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np

import nac_cli
from nac_cli.container import ChunkRecord, ContainerReader, ContainerWriter, limits
from nac_cli.container.blocks import pack_block, pack_prefix
from nac_cli.container.header import pack_header
from nac_cli.entropy import pack, token_checksum
from nac_cli.values import ChunkCodes, Framing, Mode, StreamInfo, absent


def compressed(sound, model: str, **options) -> bytes:
    file = io.BytesIO()
    nac_cli.compress(sound, file, model=model, device="cpu", **({"planes": 2} | options))
    return file.getvalue()


def decoded(data: bytes, **options) -> nac_cli.Waveform:
    return nac_cli.decompress(io.BytesIO(data), device="cpu", **options)


def damage_middle(stream: bytes) -> bytes:
    """One byte flipped in the middle, which lies in a chunk's payload."""
    damaged = bytearray(stream)
    damaged[len(stream) // 2] ^= 0xFF
    return bytes(damaged)


def with_other_tokens(stream: bytes) -> bytes:
    """The same stream, intact, but its second chunk claims to hold other tokens."""
    reader = ContainerReader(io.BytesIO(stream))
    writer = ContainerWriter(file := io.BytesIO(), reader.info)
    for record in reader.chunks():
        writer.write_chunk(replace(record, token_checksum=record.token_checksum ^ (record.index == 1)))
    writer.finish(reader.info.num_samples)
    return file.getvalue()


def with_length(stream: bytes, hours: int) -> bytes:
    """Only the header of a stream that claims to last so long."""
    info = ContainerReader(io.BytesIO(stream)).info
    long = replace(info, num_samples=hours * 3600 * info.sample_rate)
    return pack_prefix() + pack_block("HEAD", pack_header(long))


def with_codec(stream: bytes, **changes) -> bytes:
    """The same chunks behind a header that says something else of the model."""
    reader = ContainerReader(io.BytesIO(stream))
    info = replace(reader.info, codec=replace(reader.info.codec, **changes))
    writer = ContainerWriter(file := io.BytesIO(), replace(info, num_samples=None))
    frames = 0
    for record in reader.chunks():
        writer.write_chunk(record)
        frames += record.num_frames
    most = frames * info.codec.hop_length * info.sample_rate // info.codec.sample_rate
    writer.finish(min(info.known_length, most))
    return file.getvalue()


def of_silence(stream: bytes, num_chunks: int, channels: int = 1, sample_rate: int = 44_100) -> bytes:
    """A stream of the same model in which nothing is heard: chunks as long as the format allows, of some 40 bytes."""
    codec = ContainerReader(io.BytesIO(stream)).info.codec
    frames = min(limits.MAX_CHUNK_SAMPLES // codec.hop_length, limits.MAX_CHUNK_FRAMES)
    framing = Framing(frames, limits.MAX_CHUNK_FRAMES, limits.MAX_CHUNK_FRAMES)
    info = StreamInfo(codec, sample_rate, channels, (1,) * channels, framing=framing)
    silence = ChunkCodes(
        frames,
        np.zeros((0, 2), np.int32),
        np.full((channels, framing.nodes(frames)), 150, np.int32),
        np.zeros((channels, framing.steps(frames)), np.int32),
        tuple(tuple(absent(-(-frames // stride)) for stride in codec.strides) for _ in range(channels)),
    )
    writer = ContainerWriter(file := io.BytesIO(), info)
    payload, checksum = pack(silence, info, Mode.PACKED), token_checksum(silence)
    for index in range(num_chunks):
        writer.write_chunk(ChunkRecord(index, frames, Mode.PACKED, checksum, payload))
    writer.finish(num_chunks * frames * codec.hop_length * sample_rate // codec.sample_rate)
    return file.getvalue()


def with_other_model(stream: bytes) -> bytes:
    """The same stream made by a model that nobody has."""
    reader = ContainerReader(io.BytesIO(stream))
    info = replace(reader.info, codec=replace(reader.info.codec, name="lost-model", model_id=b"\xab" * 8))
    writer = ContainerWriter(file := io.BytesIO(), info)
    for record in reader.chunks():
        writer.write_chunk(record)
    writer.finish(info.num_samples)
    return file.getvalue()
