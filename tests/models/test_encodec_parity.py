"""EnCodec at full size against the official package and `transformers`, where they are installed.

Random weights, saved as the reference saves them and read through our importer: codes exactly equal, latents
and sound within 1e-5 of the loudest sample. The stored results of `test_encodec_import` need neither package.
"""

from __future__ import annotations

import importlib.util

import pytest
import torch

from nac_cli.models.importers.encodec import import_encodec
from tests.models import encodec_reference

OFFICIAL = pytest.mark.skipif(not encodec_reference.INSTALLED, reason="needs the packages encodec and einops")
TRANSFORMERS = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the package transformers"
)
LENGTHS = {
    "24khz": (1, 2, 5, 319, 320, 321, 2239, 2240, 24_000 + 7),
    "48khz": (1, 319, 320, 321, 47_520, 47_521, 47_680, 48_000, 48_001, 95_040 + 400),
    "32khz": (1, 639, 640, 641, 8_007),
}
UNDECODABLE = 47_700
"""A length at which the official package cannot decode: its last segment ends before the one before it."""


@pytest.fixture(scope="module", autouse=True)
def one_thread_and_no_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """The package's model and ours, by kind."""
    pairs, folder = {}, tmp_path_factory.mktemp("official")
    with torch.inference_mode(False):
        for kind in ("24khz", "48khz"):
            model = encodec_reference.official(kind)
            path = folder / f"encodec_{kind}-random.th"
            torch.save(model.state_dict(), path)
            pairs[kind] = model, import_encodec(path)[0]
    return pairs


def near(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return ours.shape == theirs.shape and bool((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max())


@OFFICIAL
@pytest.mark.parametrize(
    ("kind", "length"), [(kind, length) for kind in ("24khz", "48khz") for length in LENGTHS[kind]]
)
def test_as_the_official_package(official, kind, length):
    theirs, ours = official[kind]
    wav = 0.1 * torch.randn(1, ours.channels, length)
    expected, segments = theirs.encode(wav), ours.encode_segments(wav)
    assert len(segments) == len(expected)
    for segment, (codes, scale) in zip(segments, expected, strict=True):
        assert (torch.stack(segment.codes, 1) == codes).all()
        assert scale is None or near(segment.scale, scale[:, 0])
    part = wav[..., : ours.config.segment_length or length] / segments[0].scale
    assert near(ours.encoder(part), theirs.encoder(part))
    assert near(ours.decode_segments(segments, length), theirs.decode(expected)[..., :length])


@OFFICIAL
@pytest.mark.parametrize("kind", ["24khz", "48khz"])
def test_each_bitrate_of_the_package_is_a_prefix_of_our_planes(official, kind):
    theirs, ours = official[kind]
    wav = 0.1 * torch.randn(1, ours.channels, 5_000)
    codes = torch.stack(ours.encode(wav).codes, 1)
    for bitrate in ours.config.bitrates:
        theirs.set_target_bandwidth(bitrate / 1000)
        prefix = theirs.encode(wav)[0][0]
        assert prefix.shape[1] == ours.config.codebooks_at(bitrate)
        assert (prefix == codes[:, : prefix.shape[1]]).all()
    theirs.bandwidth = None


@OFFICIAL
def test_a_length_that_the_package_cannot_decode(official):
    theirs, ours = official["48khz"]
    wav = 0.1 * torch.randn(1, 2, UNDECODABLE)
    with pytest.raises(RuntimeError):
        theirs.decode(theirs.encode(wav))
    segments = ours.encode_segments(wav)
    wav_hat = ours.decode_segments(segments, UNDECODABLE)
    assert wav_hat.shape == wav.shape
    first = ours.decode(segments[0].codes, segments[0].scale)
    assert near(wav_hat[..., : ours.config.segment_stride], first[..., : ours.config.segment_stride])


@TRANSFORMERS
@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("kind", LENGTHS)
def test_as_transformers(tmp_path, kind, pickled):
    theirs = transformers_model(kind)
    if pickled:
        theirs.config.save_pretrained(tmp_path)
        torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    else:
        theirs.save_pretrained(tmp_path)
    with torch.inference_mode(False):
        ours, _ = import_encodec(tmp_path)
    for length in LENGTHS[kind]:
        wav = 0.1 * torch.randn(1, ours.channels, length)
        most = theirs.config.target_bandwidths[-1]
        codes, scales, lacking = theirs.encode(wav, bandwidth=most, return_dict=False)
        segments = ours.encode_segments(wav)
        assert len(segments) == len(codes)
        for segment, expected in zip(segments, codes, strict=True):
            ours_here = torch.stack(segment.codes, 1)
            assert (ours_here == expected[..., : ours_here.shape[-1]]).all()
        wav_hat = theirs.decode(codes, scales, last_frame_pad_length=lacking, return_dict=False)[0]
        assert near(ours.decode_segments(segments, length), wav_hat[..., :length])


def transformers_model(kind: str):
    """`kind` as configured by facebook/encodec_*: the last is MusicGen's, neither causal nor with
    segments."""
    from transformers import EncodecConfig, EncodecModel

    config = {
        "24khz": {},
        "48khz": {
            "target_bandwidths": [3.0, 6.0, 12.0, 24.0],
            "sampling_rate": 48_000,
            "audio_channels": 2,
            "normalize": True,
            "chunk_length_s": 1.0,
            "overlap": 0.01,
            "norm_type": "time_group_norm",
            "use_causal_conv": False,
        },
        "32khz": {
            "target_bandwidths": [2.2],
            "sampling_rate": 32_000,
            "num_filters": 64,
            "upsampling_ratios": [8, 5, 4, 4],
            "codebook_size": 2048,
            "use_causal_conv": False,
            "use_conv_shortcut": False,
        },
    }[kind]
    with torch.inference_mode(False):
        model = EncodecModel(EncodecConfig(**config)).eval().requires_grad_(False)
        noise = 0.1 * torch.randn(4, model.config.audio_channels, 8_000)
        residual = model.encoder(noise).transpose(1, 2).flatten(0, 1)
        for layer in model.quantizer.layers:
            book = layer.codebook
            book.embed.copy_(residual[torch.randint(len(residual), (len(book.embed),))])
            book.embed.mul_(1 + 0.1 * torch.randn_like(book.embed))
            residual = residual - book.decode(book.encode(residual))
    return model
