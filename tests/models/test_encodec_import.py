"""Official EnCodec checkpoints read into our model: the same codes and the same sound as the package they
come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nac_cli.errors import ModelError
from nac_cli.models.encodec.config import EncodecConfig
from nac_cli.models.importers.encodec import CHECKPOINTS, import_encodec

GOLDEN = Path(__file__).parent / "golden"
TINY = {
    "sample_rate": 300,
    "strides": (2, 3),
    "width": 2,
    "latent_width": 6,
    "num_codebooks": 3,
    "codebook_size": 8,
}
CONFIGS = {
    "encodec-causal": EncodecConfig(**TINY),
    "encodec-segments": EncodecConfig(
        **TINY, channels=2, causal=False, norm="layer", normalise=True, segment_length=300, segment_stride=297
    ),
}
LENGTHS = [("encodec-causal", length) for length in (1, 5, 6, 7, 250)]
LENGTHS += [("encodec-segments", length) for length in (7, 299, 301, 650)]


def stored(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def weights(name: str) -> dict[str, torch.Tensor]:
    """Under their official names, as the package saves them."""
    return {
        key.removeprefix("weights/"): torch.from_numpy(value).float()
        for key, value in stored(name).items() if key.startswith("weights/")
    }  # fmt: skip


def saved(state: dict, path: Path) -> Path:
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    paths = {name: saved(weights(name), folder / f"{name}.th") for name in CONFIGS}
    return {name: import_encodec(path, CONFIGS[name])[0] for name, path in paths.items()}


@pytest.mark.parametrize(("name", "length"), LENGTHS)
def test_latents_codes_and_sound_are_those_of_the_official_package(models, name, length):
    model, golden = models[name], stored(name)
    wav = torch.from_numpy(golden[f"{length}/wav"]).float()
    segments = model.encode_segments(wav)
    assert len(segments) == sum(key.startswith(f"{length}/codes/") for key in golden)
    for number, segment in enumerate(segments):
        start = number * model.config.segment_stride
        part = wav[..., start : start + (model.config.segment_length or length)]
        z = model.encoder(part / segment.scale).numpy()
        assert np.abs(z - golden[f"{length}/z/{number}"]).max() < 1e-5 * np.abs(z).max()
        assert (torch.stack(segment.codes, 1).numpy() == golden[f"{length}/codes/{number}"]).all()
        assert segment.scale.numpy() == pytest.approx(golden[f"{length}/scale/{number}"], rel=1e-6)
    wav_hat, expected = model.decode_segments(segments, length).numpy(), golden[f"{length}/wav_hat"]
    assert wav_hat.shape == expected.shape
    assert np.abs(wav_hat - expected).max() < 1e-5 * np.abs(expected).max()


def in_the_other_layout(name: str, folder: Path, parametrised: bool) -> Path:
    """The stored weights as `transformers` has them, by a table of names of its own."""
    state = {}
    for key, value in weights(name).items():
        key = re.sub(r"(en|de)coder\.model", r"\1coder.layers", key)
        key = re.sub(r"conv(tr)?\.conv(tr)?\.", "conv.", key)
        key = re.sub(r"conv(tr)?\.norm\.", "norm.", key)
        key = key.replace("quantizer.vq.layers", "quantizer.layers").replace("_codebook", "codebook")
        if parametrised:
            key = key.replace("weight_g", "parametrizations.weight.original0")
            key = key.replace("weight_v", "parametrizations.weight.original1")
        state[key] = value.contiguous()
    config = CONFIGS[name]
    entries = {
        "model_type": "encodec",
        "sampling_rate": 300,
        "audio_channels": config.channels,
        "num_filters": 2,
        "hidden_size": 6,
        "codebook_size": 8,
        "upsampling_ratios": [3, 2],
        "use_causal_conv": config.causal,
        "normalize": config.normalise,
        "norm_type": "weight_norm" if config.causal else "time_group_norm",
        "chunk_length_s": 1.0 if config.segment_length else None,
        "overlap": 0.01 if config.segment_length else None,
        "target_bandwidths": [0.45],
        "pad_mode": "reflect",
        "trim_right_ratio": 1.0,
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(entries))
    save_file(state, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("parametrised", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_layout_of_transformers_gives_the_same_model(models, tmp_path, name, parametrised):
    model, _ = import_encodec(in_the_other_layout(name, tmp_path, parametrised))
    expected = models[name].state_dict()
    assert model.config.segment_stride == CONFIGS[name].segment_stride
    assert model.state_dict().keys() == expected.keys()
    assert all((value == expected[key]).all() for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("decoder.model.1.lstm.bias_hh_l1"), r"decoder\.1\.lstm\.bias_hh_l1"),
        (lambda state: state.pop("encoder.model.3.conv.conv.weight_v"), r"encoder\.3\.conv\.weight"),
        (lambda state: state.update(extra=torch.zeros(1)), "extra"),
        (lambda state: state.update({"decoder.model.1.lstm.bias_hh_l1": torch.zeros(3)}), "has the shape"),
        (lambda state: state.update({"encoder.model.0.conv.conv.weight_g": torch.ones(7)}), r"encoder\.0"),
        (lambda state: state.update({"encoder.model.0.conv.conv.bias": "text"}), "tensor"),
        (lambda state: state.update({"encoder.model.0.conv.conv.bias": Path("x")}), "tensors"),
    ],
)
def test_a_checkpoint_that_does_not_fit_names_the_first_tensor(tmp_path, change, message):
    state = weights("encodec-causal")
    change(state)
    with pytest.raises(ModelError, match=message):
        import_encodec(saved(state, tmp_path / "bad.th"), CONFIGS["encodec-causal"])


@pytest.mark.parametrize("content", [b"", b"RIFF" * 100, b"PK\x03\x04" + bytes(100), None])
@pytest.mark.parametrize("name", ["bad.th", "bad.safetensors"])
def test_a_file_that_is_no_checkpoint_is_a_clear_error(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=name):
        import_encodec(path)


def test_a_damaged_download_is_noticed_by_its_name(tmp_path):
    path = saved(weights("encodec-causal"), tmp_path / "encodec_24khz-d7cc33bc.th")
    with pytest.raises(ModelError, match="SHA-256"):
        import_encodec(path)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "bert"}, {"pad_mode": "constant"}, {"trim_right_ratio": 0.5}, {"codebook_dim": 7},
        {"num_filters": 1 << 40}, {"num_filters": "2"}, {"upsampling_ratios": "32"},
        {"upsampling_ratios": [0]},
        {"target_bandwidths": []}, {"target_bandwidths": [float("inf")]}, {"norm_type": "none"},
        {"chunk_length_s": -1.0}, {"use_causal_conv": "yes"}, {"dilation_growth_rate": 99},
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_met_is_a_clear_error(tmp_path, change):
    folder = in_the_other_layout("encodec-causal", tmp_path, False)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=r"config\.json"):
        import_encodec(folder)


def test_a_folder_without_weights_says_what_is_expected(tmp_path):
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        import_encodec(tmp_path)


def test_every_official_checkpoint_has_an_address_and_a_licence(models):
    assert {checkpoint.preset for checkpoint in CHECKPOINTS} == {"encodec-24k", "encodec-48k", ""}
    assert all(checkpoint.address.endswith(checkpoint.name) for checkpoint in CHECKPOINTS)
    assert all("CC BY-NC 4.0" in checkpoint.licence for checkpoint in CHECKPOINTS)
