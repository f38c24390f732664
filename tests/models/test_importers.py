"""Checkpoints that are not what they should be: a clear error that names what is wrong, and nothing
executed."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
import torch

from nac_cli.errors import ModelError
from nac_cli.models import dac, snac
from nac_cli.models.importers.dac import CHECKPOINTS as DAC_CHECKPOINTS
from nac_cli.models.importers.dac import import_dac
from nac_cli.models.importers.snac import CHECKPOINTS as SNAC_CHECKPOINTS
from nac_cli.models.importers.snac import import_snac
from nac_cli.models.importers.state import read_state
from tests.models.golden.make_dac_snac import DAC, SNAC, TRANSFORMERS
from tests.models.test_goldens import golden, save_dac, save_snac, save_transformers


@pytest.fixture(scope="module")
def dac_state():
    return golden("dac-tiny")[1]


@pytest.fixture(scope="module")
def snac_state():
    return golden("snac-tiny")[1]


def test_a_missing_tensor_is_named(dac_state, tmp_path):
    state = {name: value for name, value in dac_state.items() if name != "decoder.model.0.bias"}
    with pytest.raises(ModelError, match=r"decoder\.layers\.0\.bias is missing"):
        import_dac(save_dac(state, tmp_path / "w.pth"))


def test_an_unknown_tensor_is_named(dac_state, tmp_path):
    with pytest.raises(ModelError, match=r"discriminator\.weight is unknown"):
        import_dac(save_dac(dac_state | {"discriminator.weight": torch.zeros(3)}, tmp_path / "w.pth"))


def test_half_of_a_weight_norm_is_unknown(dac_state, tmp_path):
    state = {name: value for name, value in dac_state.items() if name != "encoder.block.0.weight_v"}
    with pytest.raises(ModelError, match="encoder.layers.0.weight"):
        import_dac(save_dac(state, tmp_path / "w.pth"))


def test_a_shape_that_the_config_contradicts_is_named(dac_state, tmp_path):
    with pytest.raises(ModelError, match=r"layers\.6\.weight has the shape \[32, 128, 3\], not \[64, 128, 3\]"):
        import_dac(save_dac(dac_state, tmp_path / "w.pth", DAC | {"latent_dim": 64}))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"decoder_rates": [8, 4, 5, 2]}, "decoder_rates"),
        ({"encoder_rates": [2, 4, -5, 8]}, "strides"),
        ({"encoder_rates": 320}, "strides"),
        ({"n_codebooks": 10**9}, "number of codebooks"),
        ({"decoder_dim": "128"}, "decoder width"),
        ({"codebook_dim": [8, 8, 8, 4]}, "codebook dimension"),
        ({"encoder_rates": [2] * 10**5}, "strides"),
        ({"decoder_rates": 7}, "decoder_rates"),
    ],
)
def test_a_dac_config_that_makes_no_network_is_an_error(dac_state, tmp_path, change, match):
    with pytest.raises(ModelError, match=match):
        import_dac(save_dac(dac_state, tmp_path / "w.pth", DAC | change))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"vq_strides": [4, 2]}, "without 1"),
        ({"attn_window_size": 2.5}, "attention window"),
        ({"noise": 1}, "noise"),
        ({"decoder_rates": [2]}, "decoder_rates"),
        ({"latent_dim": 99}, "latent_dim"),
        ({"model_type": "x"}, "'model_type'"),
        ({"encoder_dim": 10**9}, "encoder width"),
        ({"attn_window_size": None}, "layers.5"),
        ({"encoder_rates": None}, "strides"),
    ],
)
def test_a_snac_config_that_makes_no_network_is_an_error(snac_state, tmp_path, change, match):
    with pytest.raises(ModelError, match=match):
        import_snac(save_snac(snac_state, tmp_path, SNAC | change))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"model_type": "encodec"}, "encodec"),
        ({"upsampling_ratios": [2, 4, 5, 8]}, "upsampling_ratios"),
        ({"hidden_size": 64}, "has the shape"),
        ({"n_codebooks": 3}, "quantizer.planes.3.* is unknown"),
        ({"n_codebooks": 5}, "quantizer.planes.4.* is missing"),
    ],
)
def test_a_transformers_config_that_makes_another_network_is_an_error(tmp_path, change, match):
    with pytest.raises(ModelError, match=match):
        import_dac(save_transformers(golden("dac-transformers")[1], tmp_path, TRANSFORMERS | change))


def test_a_weight_norm_of_another_shape_is_named(dac_state, tmp_path):
    gain = dac_state["encoder.block.0.weight_g"]
    for wrong in (gain[:1], gain.repeat(1, 1, 7), gain[0, 0, 0]):
        with pytest.raises(ModelError, match="encoder.layers.0.weight is missing"):
            import_dac(save_dac(dac_state | {"encoder.block.0.weight_g": wrong}, tmp_path / "w.pth"))


def test_a_transformers_config_that_leaves_out_the_rate_means_16_khz(tmp_path):
    arguments = {name: value for name, value in TRANSFORMERS.items() if name != "sampling_rate"}
    model, _ = import_dac(save_transformers(golden("dac-transformers")[1], tmp_path, arguments))
    assert model.spec.sample_rate == 16_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF" * 100,
        b"PK\x03\x04" + bytes(100),
        b"\x80\x02}q\x00.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_what_is_no_checkpoint_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    (tmp_path / "config.json").write_text(json.dumps(SNAC))
    with pytest.raises(ModelError, match="pytorch_model.bin"):
        import_dac(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pytorch_model.bin"):
        import_snac(tmp_path)


@pytest.mark.parametrize(
    "content", [[1, 2], {"state_dict": 3}, {"state_dict": {"a": 1}, "metadata": {"kwargs": {}}}, 7]
)
def test_a_pickle_of_other_things_is_an_error(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w\.pth"):
        import_dac(tmp_path / "w.pth")


def test_a_cut_checkpoint_is_an_error(dac_state, tmp_path):
    path = save_dac(dac_state, tmp_path / "w.pth")
    data = path.read_bytes()
    for length in (100, len(data) // 2, len(data) - 30):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"w\.pth"):
            import_dac(path)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\x00"])
def test_a_config_that_is_no_json_object_is_an_error(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    for load in (import_dac, import_snac):
        with pytest.raises(ModelError, match=r"config\.json"):
            load(tmp_path)


def test_what_is_not_there_is_an_error(tmp_path):
    for load, path in ((import_dac, tmp_path / "no.pth"), (import_dac, tmp_path), (import_snac, tmp_path)):
        with pytest.raises(ModelError, match="is not there|no such checkpoint"):
            load(path)


class Trap:
    """Makes a folder when unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"state_dict": Trap(tmp_path / "sprung"), "metadata": {"kwargs": {}}}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="could be any code"):
        import_dac(tmp_path / "w.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_packed_checkpoint_is_not_unpacked(tmp_path):
    """A megabyte could fill all memory: torch itself stores members as they are."""
    torch.save({"a": torch.zeros(100_000)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    assert list(read_state(tmp_path / "plain.pth")) == ["a"]
    with pytest.raises(ModelError, match="unpacks to more than it is"):
        read_state(tmp_path / "packed.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_claim_no_more_than_is_in_the_file(tmp_path, zipped):
    endless = {"one value": torch.zeros(1).expand(1 << 20, 1 << 20)}
    whole = torch.zeros(10_000)
    shared = {f"part {number}": whole[number:] for number in range(50)}
    for state in (endless, shared):
        torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ModelError, match="more than such a file can hold"):
            read_state(tmp_path / "w.pth")


def test_every_published_preset_has_an_official_checkpoint():
    named = {checkpoint.preset for checkpoint in DAC_CHECKPOINTS + SNAC_CHECKPOINTS}
    assert named == {name for name in dac.PRESETS | snac.PRESETS if not name.endswith("tiny")}
    for checkpoint in DAC_CHECKPOINTS + SNAC_CHECKPOINTS:
        assert checkpoint.address.startswith("https://") and checkpoint.licence.startswith("MIT")
