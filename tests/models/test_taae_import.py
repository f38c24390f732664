"""Our TAAE against stored outputs of the official packages (`golden/make_taae.py`), which need not be
installed; and checkpoints that are not what they should be."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nac_cli.errors import ModelError
from nac_cli.models.importers.taae import CHECKPOINTS, import_taae
from nac_cli.models.layers.rotary import frequencies
from nac_cli.models.taae.config import PRESETS
from tests.models.taae_reference import GOLDEN_CONFIG, random_weight

GOLDEN = Path(__file__).parent / "golden" / "taae.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def state(golden) -> dict[str, torch.Tensor]:
    """Weights in the official layout."""
    shapes = {line.split()[0]: tuple(map(int, line.split()[1:])) for line in golden["names"].tolist()}
    constants = {"beta": torch.zeros(256), "inv_freq": frequencies(64)}
    made = {}
    for name, shape in shapes.items():
        constant = constants.get(name.rpartition(".")[2])
        made[name] = random_weight(name, shape) if constant is None else constant.clone()
    return made


@pytest.fixture(scope="module")
def folder(state, tmp_path_factory) -> Path:
    return save(state, tmp_path_factory.mktemp("checkpoint"))


def save(state: dict[str, torch.Tensor], folder: Path, config: dict = GOLDEN_CONFIG) -> Path:
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(state, folder / "model.safetensors")
    return folder


def close(ours: torch.Tensor, theirs: np.ndarray) -> bool:
    theirs = torch.from_numpy(theirs)
    return ours.shape == theirs.shape and ((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()).item()


@pytest.mark.parametrize("levels", [(6,), (5, 5), (3, 3, 3, 3)])
@torch.inference_mode()
def test_latents_codes_and_sound_equal_the_official_ones(golden, folder, levels):
    model, licence = import_taae(folder, levels)
    assert "Stability AI Community License" in licence
    wav, key = torch.from_numpy(golden["wav"]).float(), ",".join(map(str, levels))
    assert close(model.latents(wav).transpose(1, 2), golden["z"])
    codes = model.encode(wav).codes
    expected = torch.from_numpy(golden[f"{key}/codes"].astype(np.int64)).unbind(-1)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(codes, expected, strict=True))
    assert close(model.decode(codes), golden[f"{key}/wav_hat"])


@torch.inference_mode()
def test_both_kinds_of_file_are_one_model(state, folder, tmp_path):
    (tmp_path / "model_config.json").write_text(json.dumps(GOLDEN_CONFIG))
    torch.save({"state_dict": state}, tmp_path / "model.ckpt")
    first = import_taae(folder)[0].state_dict()
    for path in (tmp_path, tmp_path / "model.ckpt"):
        other = import_taae(path)[0].state_dict()
        assert first.keys() == other.keys() and all(torch.equal(first[name], other[name]) for name in first)


def test_a_bottleneck_that_one_plane_holds_is_kept_and_others_are_divided(state, folder, tmp_path):
    assert import_taae(folder)[0].config.levels == (5, 5)  # 17 to the power of 6
    for levels in (6, [6] * 6):
        config = copy.deepcopy(GOLDEN_CONFIG)
        config["model"]["bottleneck"]["config"]["levels"] = levels
        assert import_taae(save(state, tmp_path, config))[0].config.levels == (6,)


def test_a_missing_tensor_is_named(state, tmp_path):
    missing = "decoder.layers.1.layers.0.2.ff.ff.2.bias"
    state = {name: value for name, value in state.items() if name != missing}
    with pytest.raises(ModelError, match=r"decoder\.1\.blocks\.1\.feed_out\.bias is missing"):
        import_taae(save(state, tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "discriminator.weight",
        "encoder.layers.1.layers.2.9.pre_norm.gamma",
        "encoder.layers.1.layers.2.1.conformer.bias",
    ],
)
def test_an_unknown_tensor_is_named(state, tmp_path, name):
    with pytest.raises(ModelError, match=f"{name} is unknown"):
        import_taae(save(state | {name: torch.zeros(256)}, tmp_path))


@pytest.mark.parametrize("ending", ["pre_norm.beta", "rope.inv_freq"])
def test_constants_of_another_value_are_not_ignored(state, tmp_path, ending):
    name = f"encoder.layers.1.layers.2.1.{ending}"
    with pytest.raises(ModelError, match=f"{name} is unknown"):
        import_taae(save(state | {name: state[name] + 0.5}, tmp_path))


@pytest.mark.parametrize(
    "change, match",
    [
        ({"use_snake": True}, "use_snake"),
        ({"conformer": True}, "conformer"),
        ({"use_dilated_conv": True}, "use_dilated_conv"),
        ({"layer_scale": False}, "layer_scale"),
        ({"c_mults": [1, 2]}, "c_mults"),
        ({"strides": [1, 3]}, "odd"),
        ({"strides": 2}, "strides"),
        ({"channels": 10**9}, "channels"),
        ({"channels": 320}, "multiple"),
        ({"latent_dim": 8}, "latent_dim"),
        ({"transformer_depths": [1, 3]}, "is missing"),
        ({"transformer_depths": [1, 1]}, "is unknown"),
        ({"sliding_window": [-1, -1]}, "window"),
        ({"channels": "2", "c_mults": [10**12]}, "channels"),
        ({"c_mults": []}, "c_mults"),
        ({"channels": 384}, "has the shape"),
        ({"latent_dim": None}, "latent_dim"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_network_that_is_not_ours_is_an_error(state, tmp_path, change, match):
    config = copy.deepcopy(GOLDEN_CONFIG)
    for half in ("encoder", "decoder"):
        config["model"][half]["config"] |= change
    with pytest.raises(ModelError, match=match):
        import_taae(save(state, tmp_path, config))


@pytest.mark.parametrize(
    "path, value",
    [
        (("model", "encoder", "type"), "dac"),
        (("model", "pretransform", "type"), "pqmf"),
        (("model", "bottleneck", "type"), "vae"),
        (("model", "encoder"), None),
        (("model",), []),
        (("model", "pretransform"), 3),
        (("sample_rate",), None),
        (("model", "pretransform", "config"), []),
        (("model", "bottleneck", "config"), 6),
        (("model", "pretransform", "config", "patch_size"), 160),
        (("model", "io_channels"), 2),
        (("model", "downsampling_ratio"), 320),
        (("model", "bottleneck", "config", "num_codebooks"), 2),
        (("model", "decoder", "soft_clip"), "yes"),
        (("model", "decoder", "config", "strides"), [2, 1]),
    ],
)
def test_a_description_that_is_not_one_is_an_error(folder, tmp_path, path, value):
    config = copy.deepcopy(GOLDEN_CONFIG)
    part = config
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (tmp_path / "model_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"model_config\.json"):
        import_taae(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(100), b"\x80\x02}q\x00."])
def test_what_is_no_checkpoint_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "model_config.json").write_text(json.dumps(GOLDEN_CONFIG))
    with pytest.raises(ModelError, match="no such checkpoint"):
        import_taae(tmp_path)
    for name in ("model.ckpt", "model.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name):
            import_taae(tmp_path)


def test_official_checkpoints_name_presets_addresses_and_licence():
    for checkpoint in CHECKPOINTS:
        assert checkpoint.preset in PRESETS
        assert checkpoint.address.startswith("https://huggingface.co/stabilityai/")
        assert "Community License" in checkpoint.licence
