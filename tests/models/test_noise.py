"""The decoder's noise: a function of the codes that looks like chance, and sound that goes with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.errors import ModelError
from nac_cli.models import weights, zoo
from nac_cli.models.layers.noise import CENTRE, DEVIATION, code_noise, random_noise
from nac_cli.values import ABSENT
from tests.helpers.codecs import write_tiny_model

COUNT = 1536
"""Numbers of a frame, as in the default model."""


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A tiny model with noise blocks."""
    return zoo.load(weights.describe(write_tiny_model(tmp_path_factory.mktemp("models"), noise=True)))


def random_codes(*shape: int, size: int = 1024, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, size, shape))


def similar_codes() -> torch.Tensor:
    """512 frames `[1, 16, 512]` of which neighbours differ in one plane by 1: the hardest case for a hash."""
    codes = torch.full((1, 16, 512), 7)
    for frame in range(1, 512):
        codes[..., frame] = codes[..., frame - 1]
        codes[0, frame % 16, frame] += 1
    return codes


def correlations(rows: torch.Tensor) -> torch.Tensor:
    """Coefficients of every two rows of `[M, n]`, times sqrt(n): about standard normal for independent rows."""
    first, second = torch.triu_indices(len(rows), len(rows), 1)
    return torch.corrcoef(rows)[first, second] * rows.shape[1] ** 0.5


def bits(noise: torch.Tensor) -> np.ndarray:
    """The bits of the bytes that `noise` `[...]` was made of."""
    return np.unpackbits((noise * DEVIATION + CENTRE).round().to(torch.uint8).numpy(), axis=-1)


@given(start=st.integers(0, 39), length=st.integers(1, 40), item=st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_a_frame_s_noise_follows_from_its_codes_alone(start, length, item):
    codes = random_codes(3, 16, 40)
    stretch = slice(start, start + length)
    whole = code_noise(codes, 64)
    assert torch.equal(code_noise(codes[item : item + 1, :, stretch], 64)[0], whole[item, stretch])
    assert torch.equal(code_noise(codes.flip(0, 2), 64).flip(0, 1), whole)
    assert torch.equal(code_noise(codes, 32), whole[..., :32])


@pytest.mark.parametrize("codes", [random_codes(1, 16, 512), similar_codes()], ids=["random", "similar"])
def test_noise_has_no_mean_and_unit_variance(codes):
    """A uniform variable's square has the variance 4/5; five standard errors."""
    noise = code_noise(codes, COUNT).double()
    assert abs(noise.mean()) < 5 / noise.numel() ** 0.5
    assert abs(noise.square().mean() - 1) < 5 * (0.8 / noise.numel()) ** 0.5


@pytest.mark.parametrize("codes", [random_codes(1, 16, 512), similar_codes()], ids=["random", "similar"])
def test_frames_and_numbers_are_uncorrelated(codes):
    """Of 130,816 pairs, one beyond 5.5 standard errors comes once in 200 times; the squares are 1 on average."""
    noise = code_noise(codes, COUNT)[0].double()
    for rows in (noise, noise.T[:512]):
        scores = correlations(rows)
        assert scores.abs().max() < 5.5
        assert scores.square().mean() == pytest.approx(1, abs=0.05)


def test_a_changed_code_changes_half_of_the_bits():
    """By 1, in any plane; of the 12,288 bits of a frame, up to six standard errors more or less."""
    codes = random_codes(1, 16, 64)
    before = bits(code_noise(codes, COUNT))
    for plane in range(16):
        changed = codes.clone()
        changed[:, plane] ^= 1
        shares = (bits(code_noise(changed, COUNT)) != before).mean(axis=-1)
        assert np.abs(shares - 0.5).max() < 6 * 0.5 / before.shape[-1] ** 0.5


def test_absent_is_not_code_0_and_planes_are_not_interchangeable():
    frames = torch.tensor([[[0, ABSENT, 0, ABSENT, 3, 5], [0, 0, ABSENT, ABSENT, 5, 3]]])
    assert correlations(code_noise(frames, COUNT)[0]).abs().max() < 5


def test_training_draws_from_the_same_numbers():
    torch.manual_seed(0)
    drawn = random_noise((4, 100, COUNT), torch.device("cpu"))
    assert torch.equal(drawn.unique(), code_noise(random_codes(4, 16, 100), COUNT).unique())
    assert abs(drawn.mean()) < 5 / drawn.numel() ** 0.5


def test_channels_of_other_codes_have_other_noise():
    """Codes that differ in the last plane only, as those of nearly equal channels do."""
    codes = random_codes(1, 16, 200).repeat(2, 1, 1)
    codes[1, -1] ^= 1
    left, right = code_noise(codes, COUNT).flatten(1)
    assert abs(correlations(torch.stack([left, right])).item()) < 5


def test_the_sound_is_repeatable_and_has_noise_in_it(noisy):
    codes = tuple(random_codes(4, 2, 20, size=64))
    wav = noisy.decode(codes)
    assert torch.equal(noisy.decode(codes), wav)
    z_q = noisy.quantizer.decode(torch.stack(codes, 1))
    without = noisy.decoder(z_q, torch.zeros(2, 20, noisy.config.noise_per_frame))
    assert (wav[:, 0] - without).std() > 0.1 * without.std()
    drawn = [noisy.synthesise(z_q) for _ in range(2)]
    assert (drawn[0] - drawn[1]).std() > 0.1 * without.std()


@pytest.mark.parametrize("start, stop", [(0, 1), (0, 30), (30, 31), (17, 50), (59, 60)])
def test_with_its_context_a_chunk_sounds_as_within_the_whole(noisy, start, stop):
    hop, context = noisy.config.hop_length, noisy.decode_context
    planes = random_codes(4, 1, 60, size=64)
    planes[2:, :, 20:40] = ABSENT
    whole = noisy.decode(tuple(planes))[0, 0, start * hop : stop * hop]
    first = max(start - context, 0)
    chunk = noisy.decode(tuple(planes[..., first : stop + context]))[0, 0]
    chunk = chunk[(start - first) * hop : (stop - first) * hop]
    assert (chunk - whole).abs().max() < 1e-5 * whole.abs().max()


def test_weights_that_do_not_speak_of_noise_have_none(tmp_path):
    file = weights.describe(write_tiny_model(tmp_path))
    model = zoo.load(file)
    config = {key: value for key, value in file.config.items() if key != "noise"}
    older = zoo.load(weights.save(tmp_path / "older.safetensors", model, config, None, {}))
    assert not [name for name in older.state_dict() if name.startswith("decoder.noise")]
    codes = tuple(random_codes(4, 1, 9, size=64))
    assert torch.equal(older.decode(codes), model.decode(codes))


@pytest.mark.parametrize("noise", [False, True])
def test_a_config_that_misstates_the_noise_is_an_error(tmp_path, noise):
    file = weights.describe(write_tiny_model(tmp_path, noise=noise))
    wrong = weights.save(tmp_path / "wrong.safetensors", zoo.load(file), file.config | {"noise": not noise}, None, {})
    with pytest.raises(ModelError, match="noise.* (is missing|is unknown)"):
        zoo.load(wrong)


def test_every_shipped_weight_loads_and_its_language_model_fits():
    from nac_cli.pipelines.models.opening import open_lm

    shipped = {path for path in zoo.SHIPPED.glob("*.safetensors")}
    for path in sorted(path for path in shipped if not path.name.endswith(zoo.LM_SUFFIX)):
        file = weights.describe(path)
        assert zoo.load(file).config.noise == file.config.get("noise", False)
        if lm_file := zoo.lm_beside(file):
            assert open_lm(lm_file, file).model_id == lm_file.model_id and lm_file.size <= 10_000_000
            shipped.remove(lm_file.path)
        shipped.remove(path)
    assert not shipped, "a file without its other half"
