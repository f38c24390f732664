"""Weight files and how they are found."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from nac_cli.errors import ModelError
from nac_cli.models import weights, zoo
from nac_cli.models.layers.weight_norm import add_weight_norm
from nac_cli.models.spectral_arrays import SpectralArrays
from tests.helpers.codecs import TINY, family_model, write_tiny_model
from tests.reference.spectral_decoder import SpectralDecoder


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models"))


def test_a_weight_file_is_identified_by_its_hash(path):
    file = weights.describe(path)
    assert file.spec.model_id == hashlib.sha256(path.read_bytes()).digest()[:8]
    assert (file.spec.name, file.spec.family, file.spec.sample_rate) == (TINY, "spectral", 44_100)
    assert file.num_parameters > 10_000


def test_a_model_survives_the_file_up_to_half_precision(path):
    model = zoo.load(weights.describe(path))
    torch.manual_seed(0)
    wav = torch.randn(1, 1, 20 * 512)
    again = zoo.load(weights.describe(path))
    assert all((a == b).all() for a, b in zip(model.encode(wav).codes, again.encode(wav).codes))
    assert all((value == value.half().float()).all() for value in model.state_dict().values())


def test_imported_models_stay_as_precise_as_they_are(tmp_path):
    model = family_model("dac-tiny")
    file = weights.save(tmp_path / "a.safetensors", model, dataclasses.asdict(model.config), None, {}, dtype="float32")
    state = zoo.load(file).state_dict()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("value, dtype", [(float("nan"), "float32"), (70_000.0, "float16")])
def test_what_is_not_finite_is_not_written(tmp_path, value, dtype):
    model = family_model("dac-tiny")
    model.decoder.layers[0].bias[3] = value
    with pytest.raises(ModelError, match=r"decoder\.layers\.0\.bias"):
        weights.save(tmp_path / "a.safetensors", model, dataclasses.asdict(model.config), None, {}, dtype=dtype)
    assert not list(tmp_path.iterdir())


def test_weight_norm_stays_behind(tmp_path):
    model = family_model("dac-tiny")
    plain = {name: value.clone() for name, value in model.state_dict().items()}
    add_weight_norm(model)
    trained = set(model.state_dict())
    file = weights.save(tmp_path / "a.safetensors", model, dataclasses.asdict(model.config), None, {}, dtype="float32")
    assert set(model.state_dict()) == trained != set(plain), "the model in training is left alone"
    state = zoo.load(file).state_dict()
    assert all(torch.allclose(state[name], value, rtol=1e-5, atol=1e-7) for name, value in plain.items())


def test_a_copy_with_other_tables_is_another_model_with_the_same_weights(path, tmp_path):
    file = weights.describe(path)
    tables = weights.load_tables(path)[:, ::-1]
    other = dataclasses.replace(file, spec=dataclasses.replace(file.spec, name="other"))
    copy = weights.save_again(tmp_path / "b.safetensors", other, tables)
    assert copy.spec.name == "other" and copy.spec.model_id != file.spec.model_id and copy.config == file.config
    assert (weights.load_tables(copy.path) == tables).all()
    state = zoo.load(file).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in zoo.load(copy).state_dict().items())


def test_the_same_model_makes_the_same_file(path, tmp_path):
    file = weights.describe(path)
    model, tables = zoo.load(file), weights.load_tables(path)
    copies = [weights.save(tmp_path / f"{n}.safetensors", model, file.config, tables, file.training) for n in range(4)]
    assert len({copy.spec.model_id for copy in copies}) == 1
    (tmp_path / "plain").touch()
    assert copies[0].path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_tables_come_as_integers_that_sum_to_two_to_the_sixteen(path):
    tables = weights.load_tables(path)
    assert tables.dtype == np.int64
    assert (tables.sum(axis=1) == 65_536).all()


def test_models_are_found_by_name_id_and_path(path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(path.parent))
    spec = weights.describe(path).spec
    for name in (TINY, spec.model_id.hex(), path):
        assert zoo.find(name).spec == spec
    assert zoo.find_id(spec.model_id, "any").path == path


def test_an_unknown_model_is_an_error_that_names_those_there_are(path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(path.parent))
    with pytest.raises(ModelError, match=TINY):
        zoo.find("nac-99k")
    with pytest.raises(ModelError, match="0102030405060708"):
        zoo.find_id(bytes(range(1, 9)), "other")


@pytest.mark.parametrize("change", ["cut", "not safetensors", "missing"])
def test_a_damaged_weight_file_is_a_clear_error(path, tmp_path, change):
    bad = tmp_path / "bad.safetensors"
    if change == "cut":
        bad.write_bytes(path.read_bytes()[:-100])
    elif change == "not safetensors":
        bad.write_bytes(b"RIFF" * 100)
    with pytest.raises(ModelError, match="bad.safetensors"):
        zoo.find(bad)


def test_weights_that_do_not_fit_their_config_are_an_error(path, tmp_path):
    file = weights.describe(path)
    model = zoo.load(file)
    wrong = weights.save(tmp_path / "wrong.safetensors", model, file.config | {"coarse_width": 52}, None, {})
    with pytest.raises(ModelError, match="has the shape"):
        zoo.load(wrong)
    strange = dataclasses.replace(file, spec=dataclasses.replace(file.spec, family="martian"))
    with pytest.raises(ModelError, match="martian"):
        zoo.load(strange)


@pytest.mark.parametrize("noise", [False, True])
def test_a_decoder_written_from_the_specification_makes_the_same_sound(tmp_path, noise):
    path = write_tiny_model(tmp_path, noise=noise)
    model = zoo.load(weights.describe(path))
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 64, (4, 30))
    codes[2:, 10:] = -1
    codes[:, 20:23] = -1
    ours = model.decode(tuple(torch.from_numpy(plane)[None] for plane in codes))[0, 0].numpy()
    theirs = SpectralDecoder(path).decode(codes)
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def with_metadata(data: bytes, **changes: str) -> bytes:
    """A weight file that says something else of itself."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] |= changes
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


SPEC = {
    "name": "x", "family": "spectral", "sample_rate": 44_100, "hop_length": 512, "codebook_sizes": [64], "strides": [1],
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": "[" * 100_000},
        {"config": "[" * 100_000},
        {"config": "3"},
        {"training": "[]"},
        {"training": '{"before": 3}'},
        {"training": '{"steps": "many"}'},
        {"training": '{"licence": ["MIT"]}'},
        {"spec": "[]"},
        {"spec": json.dumps(SPEC | {"sample_rate": 1e400})},
        {"spec": json.dumps(SPEC | {"hop_length": 0})},
        {"spec": json.dumps(SPEC | {"codebook_sizes": [64] * 65, "strides": [1] * 65})},
        {"spec": json.dumps(SPEC | {"codebook_sizes": [64, 64]})},
        {"spec": json.dumps(SPEC | {"name": "a\x1b[2Jb"})},
        {"spec": json.dumps(SPEC | {"name": "x" * 33})},
        {"spec": json.dumps(SPEC | {"family": 7})},
    ],
    ids=lambda changes: " ".join(f"{name} {value[:20]}" for name, value in changes.items()),
)
def test_a_file_that_says_nonsense_of_itself_is_no_model_and_harms_no_other(path, tmp_path, monkeypatch, changes):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    (tmp_path / "strange.safetensors").write_bytes(with_metadata(path.read_bytes(), **changes))
    with pytest.raises(ModelError, match="strange.safetensors: its description is none"):
        zoo.find(tmp_path / "strange.safetensors")
    assert zoo.DEFAULT in [file.spec.name for file in zoo.available()]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_damage(path, tmp_path, value):
    file = weights.describe(path)
    tensors = {name: array.astype(np.float16) for name, array in weights.load_arrays(path).items()}
    tensors["decoder.head.bias"][5] = value
    strange = weights._write(tmp_path / "strange.safetensors", tensors, file.spec, file.config, None, {})
    for load in (zoo.load, lambda file: SpectralArrays(file, 1)):
        with pytest.raises(ModelError, match=r"decoder\.head\.bias has values that are not finite"):
            load(strange)


@pytest.mark.parametrize("kind", [np.int16, np.float64])
def test_values_of_another_type_are_damage(path, tmp_path, kind):
    file = weights.describe(path)
    tensors = weights.load_arrays(path)
    tensors["decoder.head.bias"] = tensors["decoder.head.bias"].astype(kind)
    strange = weights._write(tmp_path / "strange.safetensors", tensors, file.spec, file.config, None, {})
    for load in (zoo.load, lambda file: SpectralArrays(file, 1)):
        with pytest.raises(ModelError, match=r"decoder\.head\.bias is of the type"):
            load(strange)
