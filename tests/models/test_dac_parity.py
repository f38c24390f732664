"""Our DAC against descript-audio-codec and transformers, at full size, through the importer. Skipped
without them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nac_cli.models.dac import PRESETS
from nac_cli.models.importers.dac import import_dac
from tests.models.official import close, dac_class, randomise, sound, transformers_dac

ARGUMENTS = {
    "dac-44k-8kbps": {},
    "dac-44k-16kbps": {"latent_dim": 128, "n_codebooks": 18},
    "dac-24k": {"sample_rate": 24_000, "encoder_rates": [2, 4, 5, 8], "decoder_rates": [8, 5, 4, 2], "n_codebooks": 32},
    "dac-16k": {"sample_rate": 16_000, "encoder_rates": [2, 4, 5, 8], "decoder_rates": [8, 5, 4, 2], "n_codebooks": 12},
}
"""Of the package's class, as its `conf/final` has them."""


@torch.inference_mode()
def assert_parity(ours, reference_encode, reference_decode, full_length: bool) -> None:
    """Latents, codes and waveforms of both for lengths that divide by nothing. `reference_encode` gives
    the encoder's output and the codes, `reference_decode` the waveform of codes."""
    hop = ours.spec.hop_length
    for length in (1, 2 * hop, 15 * hop + 17):
        frames = -(-length // hop)
        wav = torch.nn.functional.pad(sound(length, ours.spec.sample_rate, length), (0, frames * hop - length))
        z, codes = reference_encode(wav)
        assert close(ours.encoder(wav), z)
        encoded = ours.encode(wav)
        assert torch.equal(torch.stack(encoded.codes, 1), codes)
        theirs, wav_hat = reference_decode(codes), ours.decode(encoded.codes)
        assert wav_hat.shape == (1, 1, frames * hop)
        missing = frames * hop - theirs.shape[-1]
        assert missing == (0 if full_length else 8)
        assert close(wav_hat[..., : frames * hop - missing], theirs)
        assert not wav_hat[..., frames * hop - missing :].any()
    assert all(len(plane.unique()) > 3 for plane in encoded.codes)
    assert wav_hat.std() > 0.01


@pytest.mark.parametrize("name", ARGUMENTS)
def test_codes_and_sound_equal_those_of_descript_audio_codec(name, tmp_path):
    reference = randomise(dac_class()(**ARGUMENTS[name]), 1)
    path = tmp_path / "weights.pth"
    reference.save(path, package=False)
    ours, licence = import_dac(path)
    assert ours.spec.name == name and ours.config == PRESETS[name] and "MIT" in licence

    def encode(wav):
        return reference.encoder(wav), reference.encode(wav)[1]

    def decode(codes):
        return reference.decode(reference.quantizer.from_codes(codes)[0])

    assert_parity(ours, encode, decode, full_length=ours.spec.sample_rate == 44_100)
    planes = ours.encode(sound(8 * ours.spec.hop_length, 44_100)).codes
    fewer = tuple(plane if k < 5 else torch.full_like(plane, -1) for k, plane in enumerate(planes))
    with torch.inference_mode():
        theirs = decode(torch.stack(planes[:5], 1))
        assert close(ours.decode(fewer)[..., : theirs.shape[-1]], theirs)


@pytest.mark.parametrize("name", ["dac-44k-8kbps", "dac-24k", "dac-16k"])
def test_codes_and_sound_equal_those_of_transformers(name, tmp_path):
    model_type, config_type = transformers_dac()
    config = PRESETS[name]
    reference = model_type(
        config_type(
            sampling_rate=config.sample_rate, downsampling_ratios=list(config.strides), n_codebooks=config.num_codebooks
        )
    )
    for layer in reference.modules():
        if isinstance(layer, nn.Conv1d):
            layer.reset_parameters()
    randomise(reference, 2)
    reference.save_pretrained(tmp_path)
    ours, _ = import_dac(tmp_path)
    assert ours.spec.name == name

    def encode(wav):
        return reference.encoder(wav), reference.encode(wav).audio_codes

    def decode(codes):
        return reference.decode(audio_codes=codes).audio_values[:, None]

    assert_parity(ours, encode, decode, full_length=config.sample_rate == 44_100)
