from __future__ import annotations

import re
from pathlib import Path

from nac_cli.entropy.lm import model_id
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY, TINY_LM


def test_the_list_names_what_is_installed(nac):
    result = nac("models")
    assert result.exit_code == 0
    assert TINY in result.stdout and "spectral" in result.stdout and "44.1 kHz" in result.stdout


def test_json_has_a_line_for_each_model(nac, models):
    tiny = next(line for line in lines(nac("models", "--json")) if line["name"] == TINY)
    assert tiny["path"] == str(models / f"{TINY}.safetensors")
    assert tiny["planes"] == 4 and tiny["parameters"] > 100_000 and len(tiny["id"]) == 16
    frame_rate = 44_100 / 512
    assert abs(tiny["channel_bitrate_min"] - 6 * frame_rate) < 0.1
    assert abs(tiny["channel_bitrate_max"] - 24 * frame_rate) < 0.1


def test_path_can_be_used_by_a_script(nac, models):
    assert Path(nac("models", "path", TINY).stdout.rstrip("\n")) == models / f"{TINY}.safetensors"


def test_show(nac, models, tmp_path):
    result = nac("models", "show", TINY)
    assert result.exit_code == 0
    assert "none beside the weight file" in result.stdout
    (record,) = lines(nac("models", "show", TINY, "--json"))
    assert record["config"]["num_codebooks"] == 4 and record["training"] == {"steps": 0}


def test_show_counts_the_steps_of_all_runs_behind_a_model(nac, models, tmp_path):
    from nac_cli.models import weights, zoo

    file = zoo.find(TINY)
    training = {"steps": 2_000, "before": [{"steps": 1_000, "config": {}}]}
    weights.save(tmp_path / "mine.safetensors", zoo.load(file), file.config, None, training)
    assert "3000 steps in 2 runs" in nac("models", "show", tmp_path / "mine.safetensors").stdout
    assert "in 2 runs" not in nac("models", "show", TINY).stdout


def test_the_card_beside_the_weights_is_shown(nac, models, tmp_path):
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes((models / f"{TINY}.safetensors").read_bytes())
    (tmp_path / "mine.md").write_text("# card")
    assert str(tmp_path / "mine.md") in nac("models", "show", weights).stdout


def test_a_language_model_is_shown_with_its_codec(nac, lm_models):
    path = lm_models / f"{TINY_LM}.safetensors"
    lm_id, size = model_id(path).hex(), path.stat().st_size
    found = [line for line in lines(nac("models", "--json")) if line["name"] == TINY]
    assert [line["lm"] for line in found] == [{"id": lm_id, "bytes": size, "path": str(path)}]
    assert lm_id in nac("models").stdout
    shown = nac("models", "show", TINY)
    assert lm_id in shown.stdout and f"{size / 1000:.1f} kB" in shown.stdout
    assert nac("models", "show", path).exit_code == 7, "it is no codec"


def test_a_codec_without_a_language_model(nac):
    assert re.search(r"Language model +none", nac("models", "show", TINY).stdout)
    (record,) = lines(nac("models", "show", TINY, "--json"))
    assert record["lm"] is None


def test_an_unknown_model(nac):
    for command in ("path", "show"):
        result = nac("models", command, "nonsense")
        assert result.exit_code == 7
        assert TINY in result.stderr


def test_a_file_that_is_no_model(nac, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"garbage")
    assert nac("models", "show", tmp_path / "x.safetensors").exit_code == 7
