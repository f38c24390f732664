"""`nac models import`, `export`, `remove`, `count`, `official`."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path

import pytest
import torch

from nac_cli.models import weights, zoo
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY, TINY_LM, family_model, write_family_model
from tests.helpers.sounds import write_sound


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A user's folder of models that is not there yet."""
    monkeypatch.setenv("NAC_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """SNAC's smallest preset in the layout of its vendor's repositories."""
    return write_snac(tmp_path / "snac")


def write_snac(folder: Path) -> Path:
    model = family_model("snac-tiny")
    config = model.config
    theirs = {
        "sampling_rate": config.sample_rate,
        "encoder_rates": list(config.strides),
        "decoder_rates": list(config.strides[::-1]),
        "encoder_dim": config.encoder_width,
        "decoder_dim": config.decoder_width,
        "attn_window_size": config.attention_window,
        "vq_strides": list(config.plane_strides),
        "codebook_size": config.codebook_size,
        "codebook_dim": config.codebook_dim,
        "noise": True,
        "depthwise": True,
    }
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(theirs))
    state = {name.replace("layers", "block"): value for name, value in model.state_dict().items()}
    names = {"quantizer.planes.": "quantizer.quantizers.", ".project_in.": ".in_proj.", ".project_out.": ".out_proj."}
    renamed = {}
    for name, value in state.items():
        for ours, package in names.items():
            name = name.replace(ours, package)
        name = f"{name}.weight" if name.endswith(".codebook") else name
        renamed[name] = value
    torch.save(renamed, folder / "pytorch_model.bin")
    return folder


def test_an_import_is_installed_named_and_as_precise_as_it_was(nac, folder, checkpoint):
    result = nac("models", "import", checkpoint)
    assert result.exit_code == 0, result.stderr
    assert "MIT" in result.stderr
    file = weights.describe(folder / "snac-tiny.safetensors")
    assert file.spec.name == "snac-tiny" and file.training["imported"] == "snac"
    state = weights.load_state(file.path)
    assert all(torch.equal(state[name], value) for name, value in family_model("snac-tiny").state_dict().items())
    assert "snac" in nac("models", "list").stdout and "MIT" in nac("models").stdout
    assert "Siuzdak" in nac("models", "show", "snac-tiny").stdout


def test_an_imported_model_codes_and_decodes(nac, folder, checkpoint, tmp_path):
    nac("models", "import", checkpoint, "--name", "mine")
    sound = write_sound(tmp_path / "a.wav", seconds=1.0, channels=2)
    for args in (
        ("compress", sound, "--model", "mine"), ("verify", tmp_path / "a.nac"),
        ("recode", tmp_path / "a.nac", "-o", tmp_path / "b.nac", "-q", 1),
        ("decompress", tmp_path / "b.nac", "-o", tmp_path / "b.wav"),
    ):  # fmt: skip
        result = nac(*args)
        assert result.exit_code == 0, (args, result.stderr)
    assert "mine (snac" in nac("info", tmp_path / "b.nac").stdout


def test_json_and_refusal_to_replace(nac, folder, checkpoint):
    (record,) = lines(nac("models", "import", checkpoint, "--json"))
    assert record["exit_code"] == 0 and record["family"] == "snac" and len(record["id"]) == 16
    again = nac("models", "import", checkpoint, "--json")
    assert again.exit_code == 9 and lines(again)[0]["exit_code"] == 9
    assert nac("models", "import", checkpoint, "--force").exit_code == 0


@pytest.mark.parametrize(
    "args, code, said",
    [
        (("nowhere.pth",), 7, "no such checkpoint"),
        (("empty",), 7, "--family"),
        (("empty", "--family", "mp3"), 2, "no importer"),
        (("snac", "--name", "nac-44k"), 2, "comes with nac"),
        (("snac", "--name", "../x"), 2, "cannot be called"),
        (("snac", "--config", "snac/config.json"), 2, "give no config"),
        (("snac", "--family", "dac"), 7, "model_type"),
        (("junk.pth",), 7, "not a checkpoint"),
        (("short.pth",), 7, "damaged, or not a checkpoint"),
        (("pipe.pth",), 7, "no such checkpoint"),
        (("short.safetensors",), 7, "neither a whole weight file"),
        (("junk/model.safetensors",), 7, "damaged, or not a checkpoint"),
        (("junk.pth", "--family", "snac"), 7, "config.json: is not there"),
        (("strange",), 7, "'mimi'"),
    ],
)
def test_what_cannot_be_imported(nac, folder, checkpoint, lm_models, tmp_path, monkeypatch, args, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.pth").write_bytes(b"junk")
    (tmp_path / "short.pth").write_bytes((checkpoint / "pytorch_model.bin").read_bytes()[:5000])
    (tmp_path / "short.safetensors").write_bytes((lm_models / f"{TINY}.safetensors").read_bytes()[:5000])
    os.mkfifo(tmp_path / "pipe.pth")
    for name, kind in (("junk", "dac"), ("strange", "mimi")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": kind}))
        (tmp_path / name / "model.safetensors").write_bytes(b"junk")
    result = nac("models", "import", *args)
    assert result.exit_code == code and said in result.stderr
    assert not list(folder.glob("*"))


def test_a_folder_that_takes_no_model(nac, folder, checkpoint, tmp_path, monkeypatch):
    (folder / "snac-tiny.safetensors").mkdir(parents=True)  # where the file would be written
    assert nac("models", "import", checkpoint).exit_code == 3
    monkeypatch.setenv("NAC_MODELS", str(checkpoint / "config.json" / "models"))
    assert nac("models", "import", checkpoint).exit_code == 3


def test_weight_files_of_nac_go_out_and_come_in_unchanged_with_their_language_model(nac, lm_models, folder, tmp_path):
    weights_file = lm_models / f"{TINY}.safetensors"
    assert nac("models", "export", weights_file, tmp_path / "out.safetensors").exit_code == 0
    assert (tmp_path / "out.safetensors").read_bytes() == weights_file.read_bytes()
    assert nac("models", "import", tmp_path / "out.safetensors").exit_code == 0
    assert (folder / f"{TINY}.safetensors").read_bytes() == weights_file.read_bytes()
    assert (folder / f"{TINY_LM}.safetensors").read_bytes() == (lm_models / f"{TINY_LM}.safetensors").read_bytes()
    assert nac("models", "import", tmp_path / "out.safetensors", "--name", "other", "--force").exit_code == 2
    assert nac("models", "export", TINY, tmp_path / "out.safetensors").exit_code == 9
    assert nac("models", "export", TINY, tmp_path / "out.bin").exit_code == 2


def test_remove(nac, folder, checkpoint, tmp_path):
    nac("models", "import", checkpoint)
    (folder / "snac-tiny.md").write_text("# card")
    (record,) = lines(nac("models", "remove", "snac-tiny", "--json"))
    assert len(record["deleted"]) == 2 and not list(folder.glob("*"))
    assert nac("models", "remove", "snac-tiny").exit_code == 7


def test_what_is_not_the_user_s_stays(nac, folder, models):
    for name in ("nac-44k", models / f"{TINY}.safetensors"):
        assert nac("models", "remove", name).exit_code == 2
    assert (models / f"{TINY}.safetensors").exists() and nac("models", "path", "nac-44k").exit_code == 0


def test_count(nac, folder, checkpoint, tmp_path):
    nac("models", "import", checkpoint)
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    write_sound(recordings / "a.wav", seconds=3.0)
    (recordings / "b.wav").write_bytes(b"no sound")
    result = nac("models", "count", "snac-tiny", recordings, "--threads", 1)
    assert result.exit_code == 0 and "left out" in result.stderr and "new model" in result.stderr
    assert weights.load_tables(folder / "snac-tiny-static.safetensors").shape == (3, 64)
    assert nac("models", "count", "snac-tiny", recordings).exit_code == 9
    (record,) = lines(nac("models", "count", "snac-tiny", recordings, "--name", "x", "--seconds", 1, "--json"))
    assert record["recordings"] == 1 and record["seconds"] < 1.1
    silent = tmp_path / "silent"
    silent.mkdir()
    assert nac("models", "count", "snac-tiny", silent, "--name", "y").exit_code == 2


def test_the_official_ones_have_addresses_and_licences(nac):
    result = nac("models", "official", "--json")
    assert result.exit_code == 0
    for record in lines(result):
        assert record["address"].startswith("https://") and record["licence"] and record["family"]
    assert {"dac-44k-8kbps", "encodec-24k", "snac-44k"} <= {record["preset"] for record in lines(result)}
    assert "weights_44khz_16kbps.pth" in nac("models", "official").stdout


def test_the_hub_needs_its_package(nac, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = nac("models", "import", "hf:someone/something")
    assert result.exit_code == 7 and "nac-cli[hub]" in result.stderr


def test_the_hub(nac, folder, checkpoint, monkeypatch):
    """A stand-in for the package: it knows one repository."""
    fetched = []

    class HfApi:
        def list_repo_files(self, repository):
            if repository != "someone/snac":
                raise ConnectionError("no route to host")
            return [path.name for path in checkpoint.iterdir()] + ["README.md"]

    def hf_hub_download(repository, name):
        fetched.append(name)
        return str(checkpoint / name)

    hub = types.SimpleNamespace(HfApi=HfApi, hf_hub_download=hf_hub_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert nac("models", "import", "hf:someone/snac").exit_code == 0
    assert fetched == ["config.json", "pytorch_model.bin"]
    assert weights.describe(folder / "snac-tiny.safetensors").training["imported"] == "hf:someone/snac"
    result = nac("models", "import", "hf:someone/else")
    assert result.exit_code == 7 and "no route to host" in result.stderr


def test_a_shape_of_no_preset_for_encodec(nac, folder, tmp_path):
    model = family_model("encodec-24k-tiny")
    state = {}
    for name, value in model.state_dict().items():
        half, _, rest = name.partition(".")
        if half == "quantizer":
            state[name.replace("planes", "vq.layers").replace(".codebook", "._codebook.embed")] = value
        else:
            kind = "convtr" if value.dim() == 3 and ".conv." in name and is_transposed(model, name) else "conv"
            state[f"{half}.model.{rest}".replace(".conv.", f".{kind}.{kind}.")] = value
    torch.save(state, tmp_path / "mine.th")
    (tmp_path / "shape.json").write_text(json.dumps({"config": {"width": 8, "latent_width": 32, "num_codebooks": 4}}))
    assert nac("models", "import", tmp_path / "mine.th").exit_code == 7
    result = nac("models", "import", tmp_path / "mine.th", "--config", tmp_path / "shape.json")
    assert result.exit_code == 7 and "shape" in result.stderr  # 1024 codes are not 64
    (tmp_path / "shape.json").write_text('{"width": "wide"}')
    assert nac("models", "import", tmp_path / "mine.th", "--config", tmp_path / "shape.json").exit_code == 7
    (tmp_path / "shape.json").write_text('{"no such": 1}')
    assert nac("models", "import", tmp_path / "mine.th", "--config", tmp_path / "shape.json").exit_code == 7
    (tmp_path / "shape.json").write_text("[1]")
    assert nac("models", "import", tmp_path / "mine.th", "--config", tmp_path / "shape.json").exit_code == 2
    shape = {"width": 8, "latent_width": 32, "num_codebooks": 4, "codebook_size": 64}
    (tmp_path / "shape.json").write_text(json.dumps(shape))
    result = nac("models", "import", tmp_path / "mine.th", "--config", tmp_path / "shape.json", "--name", "mine")
    assert result.exit_code == 0, result.stderr


def test_a_taae_is_divided_into_other_planes_after_training(nac, folder, tmp_path):
    trained, levels = write_family_model(tmp_path, "taae-tiny"), tmp_path / "levels.json"
    levels.write_text('{"levels": [6]}')
    result = nac("models", "import", trained, "--config", levels, "--name", "taae-400")
    assert result.exit_code == 0, result.stderr
    file = zoo.find("taae-400")
    assert (
        file.spec.codebook_sizes == (6**6,)
        and weights.load_state(trained).keys() == weights.load_state(file.path).keys()
    )
    sound = write_sound(tmp_path / "a.wav", seconds=3.0)
    assert nac("compress", sound, "--model", "taae-400").exit_code == 0
    assert nac("decompress", tmp_path / "a.nac", "-o", tmp_path / "b.wav").exit_code == 0
    for args, said in (
        (("compress", sound, "-f", "--model", "taae-400", "--entropy", "static"), "too large"),
        (("models", "count", "taae-400", sound), "32768"),
        (("models", "import", trained, "--family", "dac"), "not dac"),
        (("models", "import", write_family_model(tmp_path, "dac-tiny"), "--config", levels), "give no config"),
    ):
        refused = nac(*args)
        assert refused.exit_code == 2 and said in refused.stderr


def is_transposed(model, name: str) -> bool:
    module = model.get_submodule(name.rpartition(".")[0])
    return isinstance(module, torch.nn.ConvTranspose1d)
