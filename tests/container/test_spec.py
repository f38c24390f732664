"""format_spec.md is read, and has to say what the code does."""

from __future__ import annotations

import io
import json
import re
from itertools import combinations

import pytest
import torch

from nac_cli import errors, speakers
from nac_cli.container import MODES, ContainerReader, limits
from nac_cli.container.blocks import crc8
from nac_cli.container.fields import pack_varint
from nac_cli.detail_layer import MOST_GAIN, MOST_LEVEL, PREDICTIONS, SHAPES, STEPS
from nac_cli.entropy import token_checksum, unpack
from nac_cli.entropy.detail.channels import SIZE_BYTES
from nac_cli.errors import NacError
from nac_cli.models.layers.noise import code_noise
from tests.container.streams import write_stream
from tests.helpers.specification import SPEC, example, example_bytes, table
from tests.reference.file_decoder import SPEAKERS, USUAL, decode_file, read_blocks, read_speakers, read_tags
from tests.reference.payload_decoder import Layout, decode_payload
from tests.reference.range_decoder import RangeDecoder
from tests.reference.spectral_decoder import MULTIPLIERS, SEED, STEP, frame_noise, frame_states, frame_words


def test_varint_examples():
    for value, data in table("**varint**"):
        number = 2**63 - 1 if value == "2^63 - 1" else int(value)
        assert pack_varint(number) == bytes.fromhex(data)


def test_block_types_and_their_limits():
    assert {row[0]: int(row[3]) for row in table("| type | content | times |")} == limits.MAX_BLOCK


def test_modes():
    assert {int(number): name for number, name, _ in table("| mode | name |")} == MODES


def test_errors_and_exit_codes():
    rows = table("## 13 Errors")
    assert {name: int(code) for name, code, _ in rows} == {name: getattr(errors, name).exit_code for name, _, _ in rows}


def test_limits():
    numbers = {row[0]: row[1:] for row in table("## 12 Limits")}
    wanted = {
        "sample rate, codec rate (Hz)": (limits.MIN_RATE, limits.MAX_RATE),
        "channels": (1, limits.MAX_CHANNELS),
        "mask of speakers": (0, limits.MAX_SPEAKERS),
        "source bits (0: unknown)": (limits.MIN_SOURCE_BITS, limits.MAX_SOURCE_BITS),
        "bytes of family, of name": (1, limits.MAX_NAME_BYTES),
        "hop length": (1, limits.MAX_HOP),
        "planes": (1, limits.MAX_PLANES),
        "codebook size": (limits.MIN_CARDINALITY, limits.MAX_CARDINALITY),
        "stride": (1, limits.MAX_STRIDE),
        "chunk, step, node frames": (1, limits.MAX_CHUNK_FRAMES),
        "chunk frames · hop length": (1, limits.MAX_CHUNK_SAMPLES),
        "codes of a chunk, all planes and channels": (1, limits.MAX_CHUNK_CODES),
        "chunks": (0, limits.MAX_CHUNKS),
        "blocks that are neither CHNK nor detl, damaged stretches included": (0, limits.MAX_OTHER_BLOCKS),
        "tags of a file; their payload bytes": (0, f"{limits.MAX_TAGS}; {limits.MAX_TAG_BYTES}"),
        "bytes of a tag's key": (1, limits.MAX_KEY_BYTES),
        "pictures of a file; their payload bytes": (0, f"{limits.MAX_PICTURES}; {limits.MAX_PICTURE_BYTES}"),
        "detail: step; form; prediction": (0, f"{STEPS - 1}; {SHAPES - 1}; {PREDICTIONS - 1}"),
        "bytes that say the size of a layer": (1, SIZE_BYTES),
        "detail: magnitude of a level; of a gain": (0, f"{MOST_LEVEL}; {MOST_GAIN}"),
    }
    for what, bounds in wanted.items():
        assert numbers.pop(what) == [str(bound) for bound in bounds], what
    assert numbers == {
        "payload of a block": ["0", "by type, section 4; 2^24 - 1 for unknown types"],
        "samples per channel": ["0", "2^40"],
    }
    assert (limits.MAX_SAMPLES, limits.MAX_PAYLOAD) == (2**40, 2**24 - 1)
    assert (limits.RESYNC_ALLOWANCE, limits.RESYNC_FACTOR) == (2**26, 4)


def test_the_header_check_notices_three_flipped_bits():
    """CRC-8 is linear: a pattern of flips goes unnoticed only if it is a codeword itself."""
    syndromes = [crc8((1 << bit).to_bytes(7, "big")) for bit in range(56)] + [1 << bit for bit in range(8)]
    for count in (1, 2, 3):
        for flips in combinations(syndromes, count):
            total = 0
            for syndrome in flips:
                total ^= syndrome
            assert total


def test_complete_file_by_the_reference_decoder():
    data, wanted = example_bytes("complete-file"), json.loads(example("json", "complete-file"))
    head, (chunk,) = decode_file(data)
    assert (head["sample_rate"], head["num_samples"], head["name"]) == (8000, 400, "tiny")
    assert [chunk.gains, chunk.depths, chunk.codes] == [wanted["gains"], wanted["depths"], wanted["codes"]]
    assert read_tags(read_blocks(data)[1][1]) == wanted["tags"]


def test_complete_file_by_nac():
    data, wanted = example_bytes("complete-file"), json.loads(example("json", "complete-file"))
    reader = ContainerReader(io.BytesIO(data), strict=True)
    (record,) = reader.chunks()
    codes = unpack(record.payload, record.num_frames, reader.info, record.mode)
    assert token_checksum(codes) == record.token_checksum
    assert (codes.gains.tolist(), codes.depths.tolist()) == (wanted["gains"], wanted["depths"])
    assert [[plane[plane >= 0].tolist() for plane in planes] for planes in codes.codes] == wanted["codes"]
    assert [f"{key}={value}" for key, value in reader.tags.items] == wanted["tags"]
    assert write_stream(reader.info, [record], 400, reader.tags) == data


def test_speakers():
    data, wanted = example_bytes("speakers"), json.loads(example("json", "speakers"))
    head, chunks = decode_file(data)
    assert chunks == [] and data[8:10] == b"\x01\x01"
    assert [head[name] for name in ("speakers", "groups", "num_samples")] == [11, wanted["groups"], 0]
    kind, payload = read_blocks(data)[1]
    assert (kind, read_speakers(payload, 3)) == ("chan", (wanted["speakers"], wanted["names"]))
    reader = ContainerReader(io.BytesIO(data), strict=True)
    assert (reader.info.speakers, reader.info.groups) == (wanted["speakers"], tuple(wanted["groups"]))
    assert list(speakers.names_of(reader.info.speakers, 3)) == wanted["names"]
    assert speakers.groups_of(reader.info.speakers, 3) == reader.info.groups
    assert write_stream(reader.info, [], 0) == data


def test_speakers_of_bits_and_of_numbers_of_channels():
    rows = table("### 6.6 chan")
    named = {int(row[i]): row[i + 1].partition(",")[0] for row in rows for i in (0, 2, 4)}
    assert [named[bit] for bit in range(len(named))] == SPEAKERS == list(speakers.NAMES)
    (masks,) = table("| channels | 1 | 2 |")
    assert [int(mask, 16) for mask in masks[1:]] == USUAL == list(speakers.USUAL.values())


def test_static_payload():
    data, wanted = example_bytes("static-payload"), json.loads(example("json", "static-payload"))
    names = ("channels", "pairs", "sizes", "strides", "num_frames", "step_frames", "node_frames")
    chunk = decode_payload(data, 1, Layout(*(wanted[name] for name in names)), wanted["tables"])
    assert f"{chunk.checksum():08X}" == wanted["token_checksum"]
    for name in ("angles", "gains", "depths", "codes"):
        assert getattr(chunk, name) == wanted[name]


def test_range_coder_trace():
    frequencies = [30000, 20000, 15535, 1]
    coder = RangeDecoder(b"".join(int(word, 16).to_bytes(4, "little") for word in ("752FF969", "B534B886")))
    for quantile, code, *after in table("### 17.2"):
        if code:
            scale = coder.range >> 24
            assert ((coder.point - coder.lower) % 2**64) // scale == int(quantile, 16)
            assert coder.decode(frequencies) == int(code)
        assert [f"{value:016X}" for value in (coder.lower, coder.range, coder.point)] == after


def test_noise_constants():
    constants = re.findall("0x([0-9A-F]{8})", SPEC[SPEC.index("### A.3") :])
    assert [int(constant, 16) for constant in constants] == [*MULTIPLIERS, SEED, STEP]


def test_noise_trace():
    start, *planes = table("### 17.4")
    words = table("| word | state + word")
    codes = [int(code) for _, code, _, _ in planes]
    states = frame_states(codes)
    assert [int(after, 16) for *_, after in (start, *planes)] == states
    assert [int(before, 16) for _, _, before, _ in planes] == [s ^ (c + 2) for s, c in zip(states, codes)]
    ours = code_noise(torch.tensor(codes)[None, :, None], 4 * len(words))[0, 0].reshape(-1, 4).tolist()
    theirs = frame_noise(codes, len(words))
    for j, (number, before, mixed, data, numbers) in enumerate(words):
        assert (int(number), int(before, 16)) == (j, (states[-1] + j * STEP) % 2**32)
        assert int(mixed, 16) == frame_words(codes, j + 1)[j]
        assert bytes.fromhex(data) == int(mixed, 16).to_bytes(4, "little")
        assert numbers == ", ".join(f"{value:.6f}" for value in ours[j])
        assert numbers == ", ".join(f"{value:.6f}" for value in theirs[4 * j : 4 * j + 4])


def test_contents_lead_somewhere():
    anchors = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in SPEC.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", SPEC)) <= anchors


@pytest.mark.parametrize("byte", range(0, 132))
def test_no_byte_of_the_example_can_change(byte):
    data = bytearray(example_bytes("complete-file"))
    if byte == 9:
        return  # the minor version
    data[byte] ^= 0x10
    with pytest.raises(ValueError):
        decode_file(bytes(data))
    with pytest.raises(NacError):
        list(ContainerReader(io.BytesIO(bytes(data)), strict=True).chunks())
