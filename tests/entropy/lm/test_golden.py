"""Golden vectors: package and reference decoder reproduce them, the encoder makes the same streams."""

from __future__ import annotations

import io

import numpy as np
import pytest

from nac_cli.container import ContainerReader
from nac_cli.entropy import Coders, pack, token_checksum, unpack
from nac_cli.entropy.lm import LanguageModel, Network, decode, encode, measure, prepare
from nac_cli.entropy.lm.arithmetic import BACKENDS
from nac_cli.entropy.lm.weights import load
from nac_cli.errors import CorruptStream
from nac_cli.values import Mode
from tests.container.streams import chunk_lengths
from tests.entropy.lm.golden_cases import (
    FILE,
    FILE_MODEL,
    FILE_SAMPLES,
    FOLDER,
    MODELS,
    as_chunk,
    file_chunk,
    file_info,
    make_file,
    model_path,
    read_networks,
    read_vectors,
    readme,
    write_golden,
)
from tests.reference.file_decoder import decode_file
from tests.reference.lm_decoder import LanguageModel as Reference


@pytest.fixture(scope="module", autouse=True)
def regenerate(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--regenerate-golden"):
        write_golden()


@pytest.fixture(scope="module")
def networks(regenerate) -> dict[str, Network]:
    return read_networks()


@pytest.fixture(scope="module")
def references(regenerate) -> dict[str, Reference]:
    return {name: Reference(model_path(name).read_bytes()) for name in MODELS}


def test_no_file_is_missing_or_unexplained():
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {*(model_path(name).name for name in MODELS), "vectors.json", "good-lm.nac", "README.md"}
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == readme()


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.dtype.__name__)
def test_the_package_reproduces_them(networks, backend):
    """Together, as chunks of one batch, on every backend."""
    for name, network in networks.items():
        network = Network(load(model_path(name)), backend)
        vectors = [vector for vector in read_vectors() if vector.model == name]
        chunks = [as_chunk(vector, network.config) for vector in vectors if vector.codes is not None]
        assert encode(network, chunks) == [vector.stream for vector in vectors if vector.codes is not None]
        depths = [np.array(vector.depths, np.int64) for vector in vectors]
        decoded = decode(network, [vector.stream for vector in vectors], depths)
        for vector, codes in zip(vectors, decoded):
            if vector.codes is None:
                assert isinstance(codes, CorruptStream), vector.name
            else:
                assert codes.tolist() == as_chunk(vector, network.config)[0].tolist(), vector.name


def test_the_reference_decoder_reproduces_them(references):
    for vector in read_vectors():
        reference = references[vector.model]
        if vector.codes is None:
            with pytest.raises(ValueError, match="corrupt|whole number"):
                reference.decode(vector.stream, vector.depths)
        else:
            assert reference.decode(vector.stream, vector.depths) == vector.codes, vector.name


def test_wide_sums_need_all_24_bits(networks):
    """Tables of the wide model change if products are rounded to 23 bits: what the vector is for holds."""
    vector = next(vector for vector in read_vectors() if vector.name == "wide-all")
    model = load(model_path("wide"))

    class Rounded(type(BACKENDS[0])):
        def product(self, left, right):
            return super().product(left, right) // 2 * 2

    chunk, rounding = as_chunk(vector, model.config), Network(model, Rounded(np.int64))
    exact, rounded = measure(networks["wide"], *chunk), measure(rounding, *chunk)
    assert (exact.widths != rounded.widths).any()


def test_whole_file_by_the_reference_decoder(references):
    head, chunks = decode_file(FILE.read_bytes(), language_model=references[FILE_MODEL])
    info = file_info(bytes.fromhex(references[FILE_MODEL].id), prepare(load(model_path(FILE_MODEL))).config)
    assert (head["channels"], head["groups"], head["lm_id"]) == (3, [2, 1], info.lm_id.hex())
    lengths = chunk_lengths(info, FILE_SAMPLES)
    assert len(chunks) == len(lengths) > 2
    for index, (chunk, num_frames) in enumerate(zip(chunks, lengths)):
        wanted = file_chunk(info, num_frames, index)
        assert chunk.checksum() == token_checksum(wanted)
        assert chunk.depths == wanted.depths.tolist()
        for planes, expected in zip(chunk.codes, wanted.codes, strict=True):
            assert planes == [plane[plane >= 0].tolist() for plane in expected]


def test_whole_file_by_the_package():
    coders = Coders(lm=LanguageModel(model_path(FILE_MODEL)))
    reader = ContainerReader(io.BytesIO(FILE.read_bytes()), strict=True)
    for record in reader.chunks():
        chunk = unpack(record.payload, record.num_frames, reader.info, record.mode, coders)
        assert token_checksum(chunk) == record.token_checksum
        assert pack(chunk, reader.info, Mode.LM, coders) == record.payload


def test_whole_file_is_still_written_alike(networks):
    assert make_file(networks[FILE_MODEL]) == FILE.read_bytes()


def test_a_file_needs_its_own_language_model(references):
    for other in (None, references["plain"]):
        with pytest.raises(ValueError, match="is needed"):
            decode_file(FILE.read_bytes(), language_model=other)
