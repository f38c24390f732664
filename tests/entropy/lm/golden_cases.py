"""What each golden vector of the language model is for, how it was made, and the files they are in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from nac_cli.container import ChunkRecord
from nac_cli.container.fields import pack_varint
from nac_cli.entropy import token_checksum
from nac_cli.entropy.lm import IntegerModel, LmConfig, Network, encode, load, model_id, prepare, save
from nac_cli.entropy.lm.self_test import seal
from nac_cli.entropy.side import pack_side
from nac_cli.values import ABSENT, ChunkCodes, CodecSpec, Framing, StreamInfo
from tests.container.streams import chunk_lengths, random_codes, stream_info, write_stream
from tests.entropy.lm.models import Chunk, extreme, quantised, random_chunk, small

FOLDER = Path(__file__).parent / "golden"
VECTORS, FILE = FOLDER / "vectors.json", FOLDER / "good-lm.nac"
FILE_MODEL, FILE_SAMPLES = "strides", 4400


@dataclass(frozen=True)
class Vector:
    """`codes[k]` are the codes of plane k that are present, None if `stream` is one that no encoder makes."""

    name: str
    sentence: str
    model: str
    depths: list[int]
    stream: bytes
    codes: list[list[int]] | None


MODELS = {
    "plain": "Three planes, two layers.",
    "strides": "Planes of strides 4, 2, 1, embeddings of rank 3, one hidden matrix for all planes.",
    "smallest": "One plane of two codes, one layer, a window of one frame, attention weights of 0 or 1.",
    "steep": "Numbers grow until they saturate, at every place where there is a bound.",
    "extreme": "Every parameter at one of its bounds: the largest numbers that there are.",
    "wide": "Sums of products up to nearly 2^24, odd and even ones.",
}


def make_models() -> dict[str, IntegerModel]:
    """Floats decide on these: another libm may make others. Only --regenerate-golden calls it."""
    narrow = {"width": 8, "feed_width": 12, "head_width": 12}
    strides = small((5, 9, 17), strides=(4, 2, 1), layers=1, shared_hidden=True, embedding_rank=3, **narrow)
    smallest = small((2,), layers=1, heads=1, window=1, attention_total=1, **narrow)
    models = {
        "plain": quantised(small((7, 16, 33), **narrow), 1),
        "strides": quantised(strides, 2),
        "smallest": quantised(smallest, 3),
        "steep": steep(),
        "extreme": extreme(small((6, 11), layers=1, shared_hidden=True, **narrow), 4),
        "wide": wide(),
    }
    assert models.keys() == MODELS.keys()
    return models


def steep() -> IntegerModel:
    """Every saturation decides on codes here: without any one of them the streams are others."""
    config = small((6, 11), width=8, feed_width=12, head_width=12, shared_hidden=True)
    tensors = dict(quantised(config, 8).tensors)
    for name in tensors:
        if name.endswith(".shift") and not name.startswith("head."):
            tensors[name] = np.maximum(tensors[name] - 8, 1)
    for name in ("input.start", "input.depth", "head.plane"):
        tensors[name] = np.clip(tensors[name].astype(np.int64) * 256, -(1 << 24), 1 << 24).astype(np.int32)
    return seal(IntegerModel(config, tensors))


def wide() -> IntegerModel:
    """The longest rows that weights of up to 64 allow, with sums that differ little beside their size."""
    config = small((3, 5), layers=1, width=4, feed_width=8, head_width=2064, shared_hidden=True, attention_total=132104)
    rng = np.random.default_rng(5)
    tensors = dict(quantised(config, 5).tensors)
    tensors["head.activation.0"] = rng.integers(121, 128, 1024).astype(np.int8)
    for name in ("head.logits.0", "head.logits.1"):
        weight = rng.integers(62, 65, tensors[f"{name}.weight"].shape)
        tensors[f"{name}.weight"] = weight.astype(np.int8)
        tensors[f"{name}.bias"] = (-weight.sum(axis=1) * 124).astype(np.int32)
        tensors[f"{name}.multiplier"] = np.full(len(weight), 1 << 20, np.int32)
        tensors[f"{name}.shift"] = np.array([26], np.int32)
    return seal(IntegerModel(config, tensors))


def make_vectors(networks: dict[str, Network]) -> list[Vector]:
    vectors = []

    def add(name: str, sentence: str, chunk: Chunk) -> Vector:
        codes, depths = chunk
        model = name.partition("-")[0]
        (stream,) = encode(networks[model], [chunk])
        present = [plane[plane != ABSENT].tolist() for plane in codes]
        vectors.append(Vector(name, sentence, model, depths.tolist(), stream, present))
        return vectors[-1]

    def chunk(model: str, num_frames: int, deepest: int | None = None, seed: int = 0) -> Chunk:
        return random_chunk(np.random.default_rng(seed), networks[model].config, num_frames, deepest)

    add("plain-one-frame", "One frame: nothing but the start.", chunk("plain", 1, 3))
    add("plain-window", "All planes; longer than the window.", chunk("plain", 30, 3))
    add("plain-depths", "The depth changes from frame to frame, 0 included.", chunk("plain", 24))
    add("plain-silence", "Depth 0 everywhere: no words.", chunk("plain", 5, 0))
    add("plain-late", "The first code comes after frames of depth 0.", late(networks["plain"].config))
    add(
        "strides-all",
        "Codes that cover four, two and one frame; the last frames cut through them.",
        chunk("strides", 23, 3),
    )
    add("strides-depths", "The depth changes while codes of several frames last.", chunk("strides", 22))
    add("smallest-all", "Tables of two entries.", chunk("smallest", 40, 1))
    add(
        "smallest-zero-word",
        "The encoder's end needs the additional word of zero.",
        zero_word(networks["smallest"]),
    )
    add("steep-all", "Sums leave their bounds and are cut off.", chunk("steep", 20, 2))
    add("steep-depths", "The same at changing depths.", chunk("steep", 20))
    add("extreme-all", "Parameters at their bounds.", chunk("extreme", 20, 2))
    add("extreme-depths", "The same at changing depths.", chunk("extreme", 20))
    add("wide-all", "Sums that floats of 24 bits hold, and of fewer do not.", chunk("wide", 16, 2))

    good = {vector.name: vector for vector in vectors}["plain-depths"]

    def bad(name: str, sentence: str, stream: bytes, like: Vector = good) -> None:
        vectors.append(replace(like, name=f"bad-{name}", sentence=sentence, stream=stream, codes=None))

    flipped = good.stream[:-4] + bytes([good.stream[-4] ^ 1]) + good.stream[-3:]
    bad("last-bit", "Decodes to the codes of plain-depths, but its last word is another.", flipped)
    bad("more", "plain-depths with one more word of zero.", good.stream + bytes(4))
    bad("cut", "plain-depths without its last word.", good.stream[:-4])
    bad("byte", "plain-depths without its last byte.", good.stream[:-1])
    bad("nothing", "A word where no code is.", bytes(4), like=vectors[3])
    bad("empty", "No word where codes are.", b"")
    return vectors


def late(config: LmConfig) -> Chunk:
    codes, depths = random_chunk(np.random.default_rng(0), config, 9, 3)
    depths[:6] = 0
    codes[:, :6] = ABSENT
    return codes, depths


def zero_word(network: Network) -> Chunk:
    """Found by trying: about one stream in some thousand ends so."""
    for seed in range(1 << 16):
        found = random_chunk(np.random.default_rng(seed), network.config, 1 + seed % 40, 1)
        (stream,) = encode(network, [found])
        if stream.endswith(bytes(4)):
            return found
    raise RuntimeError("no such stream")


def write_golden() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, model in make_models().items():
        save(model_path(name), model)
    networks = read_networks()
    write_vectors(make_vectors(networks))
    FILE.write_bytes(make_file(networks[FILE_MODEL]))
    (FOLDER / "README.md").write_text(readme(), encoding="utf-8")


def model_path(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"


def read_networks() -> dict[str, Network]:
    return {name: prepare(load(model_path(name))) for name in MODELS}


def write_vectors(vectors: list[Vector]) -> None:
    entries = []
    for vector in vectors:
        entry = asdict(vector) | {"stream": vector.stream.hex()}
        if entry["codes"] is None:
            entry["error"] = "corrupt"
            del entry["codes"]
        entries.append(json.dumps(entry))
    VECTORS.write_text("[\n" + ",\n".join(entries) + "\n]\n", encoding="utf-8")


def read_vectors() -> list[Vector]:
    return [
        Vector(*(entry.get(field.name) for field in fields(Vector)))
        for entry in json.loads(VECTORS.read_text(encoding="utf-8"), object_hook=with_bytes)
    ]


def with_bytes(entry: dict) -> dict:
    return entry | {"stream": bytes.fromhex(entry["stream"])}


def as_chunk(vector: Vector, config: LmConfig) -> Chunk:
    """Codes int32 `[K, F]` and depths `[F]`, as the package has them."""
    depths = np.array(vector.depths, np.int64)
    codes = np.full((config.planes, depths.size), ABSENT, np.int32)
    for row, occurs, present in zip(codes, config.occurs(depths, np.arange(depths.size)), vector.codes):
        row[occurs] = present
    return codes, depths


def file_info(lm_id: bytes | None, config: LmConfig) -> StreamInfo:
    codec = CodecSpec("strides", "demo", bytes(8), 24000, 80, config.codebook_sizes, config.strides)
    return stream_info(FILE_SAMPLES, channels=3, codec=codec, framing=Framing(64, 10, 20), lm_id=lm_id)


def make_file(network: Network) -> bytes:
    """A pair and a single channel; the second chunk's last channel has no code, the third chunk is short."""
    info = file_info(model_id(model_path(FILE_MODEL)), network.config)
    records = []
    for index, num_frames in enumerate(chunk_lengths(info, FILE_SAMPLES)):
        chunk = file_chunk(info, num_frames, index)
        payload = lm_payload(chunk, info, network)
        records.append(ChunkRecord(index, num_frames, 2, token_checksum(chunk), payload))
    return write_stream(info, records, FILE_SAMPLES)


def file_chunk(info: StreamInfo, num_frames: int, index: int) -> ChunkCodes:
    chunk = random_codes(info, num_frames, index)
    if index != 1:
        return chunk
    chunk.depths[-1] = 0
    silent = tuple(np.full_like(plane, ABSENT) for plane in chunk.codes[-1])
    return replace(chunk, codes=(*chunk.codes[:-1], silent))


def lm_payload(chunk: ChunkCodes, info: StreamInfo, network: Network) -> bytes:
    """Mode 2 as section 8.5 of the format's specification lays it out."""
    framing, strides, frames = info.framing, info.codec.strides, np.arange(chunk.num_frames)
    chunks = []
    for depths, planes in zip(chunk.depths, chunk.codes):
        codes = np.full((len(planes), frames.size), ABSENT, np.int32)
        for row, plane, stride in zip(codes, planes, strides):
            row[::stride] = plane
        chunks.append((codes, depths[frames // framing.step_frames]))
    streams = encode(network, chunks)
    counts = [pack_varint(len(stream) // 4) for stream in streams[:-1]]
    return pack_side(chunk, info) + b"".join([*counts, *streams])


def readme() -> str:
    """The list that stands beside the files."""
    return "\n".join([
        "# Golden vectors of the language model",
        "",
        "Small models and streams in mode `lm`, for nac's tests and for anyone who writes a decoder. Section",
        "14 of `format_spec.md` says what `vectors.json` holds. Made by",
        "`pytest tests/entropy/lm/test_golden.py --regenerate-golden`.",
        "",
        *(f"- `{name}.safetensors`: {sentence}" for name, sentence in MODELS.items()),
        f"- `good-lm.nac`: A whole file; needs `{FILE_MODEL}.safetensors`.",
        "",
        *(f"- {vector.name}: {vector.sentence}" for vector in read_vectors()),
        "",
    ])  # fmt: skip
