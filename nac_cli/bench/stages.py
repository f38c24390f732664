"""Compressing and decompressing with each stage done before the next begins, so that it can be timed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nac_cli.bench.stopwatch import Clock, inside, inside_call

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec
    from nac_cli.models.weights import WeightFile


@dataclass(frozen=True)
class Pass:
    """Compressing or decompressing one sound: `seconds` by stage, in order. `speed` is seconds of sound a
    second."""

    direction: str
    entropy: str
    temperature: str
    seconds: dict[str, float]
    sound_seconds: float
    peak_bytes: int | None = None

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def speed(self) -> float:
        return self.sound_seconds / max(self.total, 1e-9)


def stages(source: Path, codec: Codec, file: WeightFile, entropy: str, bitrate: int, threads: int | None) -> list[Pass]:
    """Compress and decompress with each stage's work done before the next begins."""
    from nac_cli.audio import Resampler, create_audio, open_audio, open_source
    from nac_cli.container import ContainerReader, ContainerWriter
    from nac_cli.pipelines.chain.analysis import analyse
    from nac_cli.pipelines.chain.framing import stream_for
    from nac_cli.pipelines.chain.packing import Packer, with_lm_id
    from nac_cli.pipelines.chain.stages import device_of
    from nac_cli.pipelines.chain.synthesis import synthesise
    from nac_cli.pipelines.chain.unpacking import decode_records
    from nac_cli.pipelines.compress import BLOCK_SAMPLES
    from nac_cli.pipelines.models.opening import CodersToUnpack, coders_to_pack
    from nac_cli.pipelines.rate.fitting import fit_default

    device = device_of(codec).type
    coders, modes = coders_to_pack(file, entropy, threads)
    packed, restored = source.with_suffix(".nac"), source.with_suffix(".out.wav")
    there, back = Clock(device), Clock(device)
    with (
        there("read"),
        closing(open_source(source)) as origin,
        open_audio(origin, lambda message: None) as reader,
    ):
        blocks = list(reader.blocks(BLOCK_SAMPLES))
        rate, channels = reader.sample_rate, reader.channels
    length = sum(block.shape[1] for block in blocks)
    info = stream_for(codec, rate, channels, length, 16)
    with (
        inside(codec.encoder, device) as network,
        inside_call(codec, "encode", device) as whole,
        there("prepare"),
    ):
        chunks = list(analyse(blocks, info, codec))
    there.move("prepare", "encode", network())
    there.move("prepare", "quantise", whole() - network())
    with there("entropy"):
        packer = Packer(chunks, info, coders, modes)
        records = fit_default(packer, bitrate * len(info.groups))
    with there("write"), open(packed, "wb") as target:
        writer = ContainerWriter(target, with_lm_id(info, records, coders))
        for record in records:
            writer.write_chunk(record)
        writer.finish(length)
    with back("read"), open(packed, "rb") as origin:
        stream = ContainerReader(origin)
        records = list(stream.chunks())
    with back("entropy"):
        unpack = CodersToUnpack(file, stream.info, threads)
        codes = list(decode_records(records, stream.info, unpack, [], strict=True))
    with (
        inside(codec.decoder, device) as network,
        inside_call(codec, "decode", device) as whole,
        back("finish"),
    ):
        waves = list(synthesise(codes, stream.info, codec))
    back.move("finish", "dequantise", whole() - network())
    back.move("finish", "decode", network())
    with back("write"):
        resampler = Resampler(channels, file.spec.sample_rate, rate)
        parts = [*(resampler.push(wave) for wave in waves), resampler.finish()]
        samples = np.concatenate(parts, axis=1)[:, :length]
        with create_audio(restored, rate, channels, "wav", 16, length) as audio:
            audio.write(samples)
    seconds = length / rate
    order = ("read", "entropy", "dequantise", "decode", "finish", "write")
    return [
        Pass("compress", entropy, "warm", there.seconds, seconds),
        Pass("decompress", entropy, "warm", {name: back.seconds[name] for name in order}, seconds),
    ]
