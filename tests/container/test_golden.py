"""Golden files: today's writer still makes the good ones, today's reader still judges all of them alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from nac_cli.container.chunk import MODES
from nac_cli.errors import FormatError
from tests.container.golden_cases import CASES, DETAIL, STATIC_TABLES, readme
from tests.container.streams import random_codes, read_all
from tests.reference.file_decoder import decode_detail, decode_file

FOLDER = Path(__file__).parent / "golden"
GOOD = [name for name in CASES if name.startswith("good-")]


@pytest.fixture(scope="module", autouse=True)
def regenerate(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--regenerate-golden"):
        FOLDER.mkdir(exist_ok=True)
        for name, case in CASES.items():
            (FOLDER / f"{name}.nac").write_bytes(case.data)
        (FOLDER / "README.md").write_text(readme(), encoding="utf-8")


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.nac").read_bytes()


def test_no_file_is_missing_or_unexplained():
    assert {path.stem for path in FOLDER.glob("*.nac")} == set(CASES)
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == readme()


@pytest.mark.parametrize("name", CASES)
def test_the_format_has_not_changed(name):
    assert CASES[name].data == golden(name), "the writer changed: a new version of the format is due"


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_verdict(name, pipe):
    case = CASES[name]
    if case.error is None:
        records, markers, reader = read_all(golden(name), pipe, strict=True)
        assert not markers and [record.index for record in records] == list(case.chunks)
        return
    with pytest.raises(FormatError) as strict:
        read_all(golden(name), pipe, strict=True)
    assert type(strict.value) is case.error
    if case.chunks is None:
        with pytest.raises(case.error):
            read_all(golden(name), pipe)
    else:
        records, _, reader = read_all(golden(name), pipe)
        assert [record.index for record in records] == list(case.chunks)
        assert reader.damage


@pytest.mark.parametrize("name", GOOD)
def test_a_decoder_made_from_the_specification_alone_reads_them(name):
    data = golden(name)
    tables = [table.tolist() for table in STATIC_TABLES.tables]
    head, chunks = decode_file(data, tables)
    records, _, reader = read_all(data, strict=True)
    info = reader.info
    assert (head["sample_rate"], head["channels"], head["num_samples"]) == (
        info.sample_rate, info.channels, info.num_samples,
    )  # fmt: skip
    assert (tuple(head["sizes"]), tuple(head["strides"])) == (info.codec.codebook_sizes, info.codec.strides)
    for index, chunk in enumerate(chunks):
        wanted = random_codes(info, records[index].num_frames, seed=index)
        assert chunk.angles == wanted.angles.tolist()
        assert chunk.gains == wanted.gains.tolist()
        assert chunk.depths == wanted.depths.tolist()
        for runs, planes in zip(chunk.codes, wanted.codes):
            assert runs == [plane[plane >= 0].tolist() for plane in planes]


def test_wrong_tokens_are_the_checksums_to_find():
    with pytest.raises(ValueError, match="chunk 1"):
        decode_file(golden("bad-tokens"))


def test_every_mode_but_the_reserved_one_has_a_good_file():
    modes = {record.mode for name in GOOD for record in read_all(golden(name))[0]}
    assert modes == set(MODES) - {2}


def test_the_reference_reads_detail():
    """Every checksum is right (or `decode_detail` would raise), and the integers make the same bytes again."""
    from nac_cli.entropy.detail.channels import pack_layers, unpack_layers

    details = decode_detail(golden("good-detail"))
    assert {index: [len(layer.levels) for layer in layers] for index, layers in details.items()} == {0: [768], 2: [256]}
    assert min(details[0][0].levels) == -32782
    for index, samples in ((0, 640), (2, 240)):
        layers = unpack_layers(DETAIL[index].payload, 1, samples, 8000)
        assert layers[0].levels.tolist() == details[index][0].levels
        assert pack_layers(layers, 8000) == DETAIL[index].payload
