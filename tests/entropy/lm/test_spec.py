"""What format_spec.md says of language models: its tables, and its examples step by step."""

from __future__ import annotations

import json
import re
from itertools import islice

import numpy as np
import pytest

from nac_cli.entropy.lm import arithmetic
from nac_cli.entropy.lm.arithmetic import BACKENDS, Norm, Rescale, Shares, isqrt, whole
from nac_cli.entropy.lm.config import LIMITS
from nac_cli.entropy.lm.weights import layout
from tests.entropy.lm.golden_cases import model_path
from tests.entropy.lm.models import small
from tests.helpers.specification import SPEC, example, example_bytes, table
from tests.reference.lm_decoder import LanguageModel, frequencies, norm, scale, share
from tests.reference.lm_model import forms
from tests.reference.payload_decoder import Layout, decode_payload

SECTION = SPEC[SPEC.index("### 17.5") : SPEC.index("### 17.6")]


def rows(heading: str) -> list[list[int]]:
    return [[int(cell) for cell in row] for row in table(heading)]


def numbers(pattern: str) -> list[int]:
    """Those that the pattern's groups find in the example."""
    return [int(number) for number in re.search(pattern, SECTION, re.DOTALL).groups()]


@pytest.fixture(scope="module")
def exponential() -> np.ndarray:
    """A table with the entries that the examples use."""
    entries = np.zeros(1024, np.int64)
    entries[0], entries[1], *first = numbers(r"starts (\d+), (\d+), has (\d+) at place (\d+)")
    second = numbers(r"has (\d+) at place (\d+) and (\d+) at\s+place (\d+)")
    for value, place in (first, second[:2], second[2:]):
        entries[place] = value
    return entries


def test_scale():
    for x, m, s, sum_, result in rows("### 17.5"):
        assert x * m + 2 ** (s - 1) == sum_
        assert scale(np.array(x), m, s) == result
        for backend in BACKENDS:
            rescale = Rescale(np.array([m]), 0, s, np.array([abs(x)]), backend)
            assert whole(rescale(np.array([x], backend.dtype))) == [result]


def test_norm():
    shift, q, r, step, v = numbers(r"entries, shift (\d+): q = (\d+), r = (\d+) .*? by (\d+)\),\s+v = (\d+)")
    x, n, gain, scaled, results = np.array(rows("| x[i] | n[i] |")).T
    assert (x * x).sum() == q and isqrt(np.array([q])) == r and (r + 1) ** 2 - q == step and 2**46 // r == v
    assert scale(x, v, 16).tolist() == n.tolist()
    assert scale(n, gain, shift).tolist() == scaled.tolist()
    assert norm(x, gain, shift).tolist() == results.tolist()
    for backend in BACKENDS:
        assert Norm(gain, shift, backend)(x[None].astype(backend.wide))[0].tolist() == results.tolist()


def test_share(exponential):
    total, sum_, lack = numbers(r"total (\d+),.*?sum of e is (\d+)\. The shares lack (\d+) of")
    z, distance, e, results = np.array(rows("| z[i] | largest")).T
    assert (z.max() - z).tolist() == distance.tolist()
    assert exponential[np.minimum(distance, 1023)].tolist() == e.tolist() and e.sum() == sum_
    assert share(z, total, exponential).tolist() == results.tolist()
    assert total - results.sum() == lack
    for backend in BACKENDS:
        made = Shares(exponential, backend)
        assert made.parts(made.entries(z.astype(backend.wide)), total, np.int64).tolist() == results.tolist()


def test_table_of_logits(exponential):
    sum_, before = numbers(r"sum\s+of e is (\d+); the frequencies sum to (\d+) before")
    n, z, distance, e, first, results = np.array(rows("| n | z[n] |")).T
    assert n.tolist() == list(range(len(n))) and (z.max() - z).tolist() == distance.tolist()
    assert exponential[np.minimum(distance, 1023)].tolist() == e.tolist() and e.sum() == sum_
    assert (1 + share(z, 65536 - len(z), exponential)).tolist() == first.tolist() and first.sum() == before
    assert frequencies(z, exponential).tolist() == results.tolist() and results.sum() == 65536
    for backend in BACKENDS:
        made = arithmetic.frequencies(z[None].astype(backend.wide), Shares(exponential, backend))
        assert made[0].tolist() == results.tolist()


@pytest.fixture(scope="module")
def plain() -> LanguageModel:
    return LanguageModel(model_path("plain").read_bytes())


def test_payload(plain):
    data, wanted = example_bytes("lm-payload"), json.loads(example("json", "lm-payload"))
    names = ("channels", "pairs", "sizes", "strides", "num_frames", "step_frames", "node_frames")
    chunk = decode_payload(data, 2, Layout(*(wanted[name] for name in names)), language_model=plain)
    assert f"{chunk.checksum():08X}" == wanted["token_checksum"]
    for name in ("angles", "gains", "depths", "codes"):
        assert getattr(chunk, name) == wanted[name]


def test_trace_of_a_stream(plain):
    wanted = json.loads(example("json", "lm-payload"))
    trace = iter(rows("| frame | plane | code |"))
    tables = []

    def choose(t: int, k: int, table: list[int]) -> int:
        frame, plane, code, cum, freq = next(trace)
        assert (frame, plane) == (t, k) and (cum, freq) == (sum(table[:code]), table[code])
        tables.append(table)
        return code

    steps = wanted["depths"][0]
    assert plain.walk([steps[t // 4] for t in range(7)], choose) == wanted["codes"][0]
    assert not list(islice(trace, 1))
    said = re.search(r"its table is ([\d, ]+); before\s+the second code of plane 0 it is ([\d, ]+)\.", SPEC)
    assert [tables[0], tables[3]] == [[int(entry) for entry in text.split(",")] for text in said.groups()]


@pytest.mark.parametrize("bad", [b"\x04", b"\x83\x00", b"\x02", b"\xff" * 10])
def test_lengths_that_are_not(plain, bad):
    """More words than there are, a needlessly long number, another number, no number."""
    data, wanted = example_bytes("lm-payload"), json.loads(example("json", "lm-payload"))
    names = ("channels", "pairs", "sizes", "strides", "num_frames", "step_frames", "node_frames")
    assert data[12] == 3
    with pytest.raises(ValueError, match="corrupt"):
        decode_payload(data[:12] + bad + data[13:], 2, Layout(*(wanted[name] for name in names)), language_model=plain)


def test_config_keys_and_limits():
    keys = {row[0]: row[2:4] for row in table("### B.2")}
    assert keys.pop("shared_hidden") == ["", ""]
    assert {key: (int(least), int(most)) for key, (least, most) in keys.items()} == dict(LIMITS)


@pytest.mark.parametrize("changes", [{}, {"embedding_rank": 3, "shared_hidden": True, "strides": (4, 2, 1)}])
def test_tensors_and_their_ranges(changes):
    """The reference decoder's list, which is that of B.3, against the package's."""
    config = small(**changes)
    ours = {
        name: (field.dtype.__name__, list(field.shape), field.low, field.high) for name, field in layout(config).items()
    }
    types = {"I8": "int8", "I32": "int32", "U8": "uint8"}
    theirs = {name: (types[kind], *form) for name, kind, *form in forms(json.loads(config.to_json()))}
    assert ours == theirs


def test_every_tensor_is_in_the_text():
    """Names that differ in nothing but numbers once."""
    text = SPEC[SPEC.index("### B.3") : SPEC.index("### B.4")]
    named = set(re.findall(r"^\| `([\w.]+)`", text, re.MULTILINE))
    parts = re.compile(r"\.(weight|bias|multiplier|shift|gain)$")
    roots = {parts.sub("", name) for name in layout(small())}
    assert {re.sub(r"\.[ijk](?=\.|$)", ".0", name) for name in named} == {
        re.sub(r"\.\d+(?=\.|$)", ".0", name) for name in roots
    }
