"""The decoder that is written from format_spec.md alone, against the package, on random models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nac_cli.entropy.lm import encode, load, model_id, prepare, save
from nac_cli.entropy.lm.config import LIMITS, LmConfig
from nac_cli.values import ABSENT
from tests.entropy.lm.golden_cases import model_path
from tests.entropy.lm.models import extreme, quantised, random_chunk, small
from tests.reference.lm_decoder import LanguageModel
from tests.reference.lm_model import LIMITS as REFERENCE_LIMITS
from tests.reference.lm_model import Model


@st.composite
def configs(draw: st.DrawFn) -> LmConfig:
    planes, heads = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 4]))
    return small(
        tuple(draw(st.lists(st.integers(2, 40), min_size=planes, max_size=planes))),
        strides=draw(st.sampled_from([(1, 1, 1, 1), (8, 4, 2, 1), (1, 3, 2, 1)]))[:planes],
        layers=draw(st.integers(1, 2)),
        width=heads * draw(st.integers(1, 5)),
        heads=heads,
        window=draw(st.integers(1, 30)),
        shared_hidden=draw(st.booleans()),
        embedding_rank=draw(st.sampled_from([0, 1, 5])),
        attention_total=draw(st.sampled_from([1, 255, 65535, 132104])),
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configs(), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_both_decoders_agree(tmp_path: Path, config, num_frames, seed, steep):
    """With and without rank and shared matrix; strides; windows below and above the chunk; steep weights."""
    path = tmp_path / "model.safetensors"
    save(path, extreme(config, seed) if steep else quantised(config, seed, 20))
    reference = LanguageModel(path.read_bytes())
    assert reference.id == model_id(path).hex()
    codes, depths = random_chunk(np.random.default_rng(seed), config, num_frames)
    (stream,) = encode(prepare(load(path)), [(codes, depths)])
    assert reference.decode(stream, depths.tolist()) == [row[row != ABSENT].tolist() for row in codes]


def test_both_know_the_same_limits():
    assert {name: tuple(bounds) for name, bounds in LIMITS.items()} == REFERENCE_LIMITS


@pytest.mark.parametrize("name, byte", [("head.logits.0.bias", 1), ("exponential", 201), ("test.sha256", 31)])
def test_a_changed_file_has_another_answer(name, byte):
    """One bit of a tensor, which is still in its range."""
    data = model_path("plain").read_bytes()
    tensor = Model(data).tensors[name]
    at = data.index(tensor.astype("u1" if name == "test.sha256" else "<i4").tobytes()) + byte
    with pytest.raises(ValueError, match="known-answer"):
        LanguageModel(data[:at] + bytes([data[at] ^ 32]) + data[at + 1 :])
