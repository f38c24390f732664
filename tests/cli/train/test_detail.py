"""Tables of the detail coder, from the command line."""

from __future__ import annotations

from nac_cli.entropy.detail.tables import PATH
from nac_cli.files import sha256_of
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY

FEW = ("--model", TINY, "--clips", 4, "--seconds", 1, "--rates", "8", "--threads", 1)


def test_tables_from_a_corpus_with_what_they_save(nac, corpus, tmp_path):
    target = tmp_path / "tables.safetensors"
    result = nac("train", "detail", corpus, "--out", target, *FEW, "--json")
    assert result.exit_code == 0, result.output
    (record,) = lines(result)
    assert record["sha256"] == sha256_of(target).hex() != sha256_of(PATH).hex()
    assert record["layers"] >= 1 and all(row["bitrate"] == 8000 for row in record["held_out"])
    assert nac("train", "detail", corpus, "--out", target, *FEW).exit_code == 9, "there are tables already"
    again = nac("train", "detail", corpus, "--out", target, *FEW, "--force")
    assert again.exit_code == 0 and "8.00 kbit/s" in again.stdout and record["sha256"] in again.stderr


def test_the_tables_of_the_package_stay_as_they_are(nac, corpus):
    before = sha256_of(PATH)
    result = nac("train", "detail", corpus, "--out", PATH, *FEW, "--force")
    assert result.exit_code == 2 and "detail coding 0" in result.stderr
    assert sha256_of(PATH) == before


def test_bitrates_that_leave_nothing_for_detail(nac, corpus, tmp_path):
    result = nac("train", "detail", corpus, "--out", tmp_path / "t.safetensors", *FEW, "--rates", "2,6")
    assert result.exit_code == 2 and "2200" in result.stderr
