"""Streams for tests: compressed sounds, and streams that are damaged or claim something else."""

from __future__ import annotations

import io
from dataclasses import replace

import nac_cli
from nac_cli.container import ContainerReader, ContainerWriter
from nac_cli.container.blocks import pack_block, pack_prefix
from nac_cli.container.header import pack_header


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


def with_other_model(stream: bytes) -> bytes:
    """The same stream made by a model that nobody has."""
    reader = ContainerReader(io.BytesIO(stream))
    info = replace(reader.info, codec=replace(reader.info.codec, name="lost-model", model_id=b"\xab" * 8))
    writer = ContainerWriter(file := io.BytesIO(), info)
    for record in reader.chunks():
        writer.write_chunk(record)
    writer.finish(info.num_samples)
    return file.getvalue()
