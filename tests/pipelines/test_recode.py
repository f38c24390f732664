"""Recoding changes how codes are packed, or how many there are, and nothing else."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest

import nac_cli
from nac_cli.container import ContainerReader, ContainerWriter, PcmDigest
from nac_cli.container.blocks import pack_block
from nac_cli.errors import CorruptStream, ModelError, OutputExists, TokenMismatch, UsageError
from nac_cli.values import Picture, Tags
from tests.helpers.codecs import TINY
from tests.helpers.sounds import clear_music, noise
from tests.helpers.streams import compressed, decoded

MODES = ("packed", "static", "lm")
TAGS = Tags((("TITLE", "Étude"), ("ARTIST", "nac")), (Picture(3, "image/png", "front", 1, 1, 24, 0, b"\x89PNG\r\n"),))
DIGEST = PcmDigest(bytes(range(16)), 16)


@pytest.fixture(scope="module")
def weights(lm_models):
    return str(lm_models / f"{TINY}.safetensors")


@pytest.fixture(scope="module")
def streams(weights):
    """12 s of stereo with all planes, in every mode."""
    sound = clear_music(2, 12, 44_100)
    return {mode: compressed(sound, weights, planes=4, entropy=mode) for mode in MODES}


def recoded(data: bytes, **options) -> bytes:
    nac_cli.recode(io.BytesIO(data), out := io.BytesIO(), device="cpu", **options)
    return out.getvalue()


def records(data: bytes):
    return list(ContainerReader(io.BytesIO(data), strict=True).chunks())


def rewritten(data: bytes, change=lambda record: record, header_samples=True, **extras) -> bytes:
    reader = ContainerReader(io.BytesIO(data), strict=True)
    info = reader.info if header_samples else replace(reader.info, num_samples=None)
    writer = ContainerWriter(out := io.BytesIO(), info, extras.get("tags"), extras.get("padding", 0))
    for record in reader.chunks():
        writer.write_chunk(change(record))
    writer.finish(reader.info.num_samples, extras.get("digest"))
    return out.getvalue()


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MODES, MODES)))
def test_any_mode_becomes_any_other_as_if_it_had_been_made_so(streams, tiny_lm, before, after):
    assert recoded(streams[before], entropy=after) == streams[after]


def test_auto_takes_the_smallest(streams, tiny_lm, weights):
    assert recoded(streams["packed"]) == compressed(clear_music(2, 12, 44_100), weights, planes=4)


@pytest.mark.parametrize("mode", MODES)
def test_fewer_planes_are_those_of_a_file_with_fewer(streams, tiny_lm, weights, mode):
    shallow = compressed(clear_music(2, 12, 44_100), weights, planes=2, entropy=mode)
    assert recoded(streams["lm"], planes=2, entropy=mode) == shallow
    assert recoded(shallow, planes=3, entropy=mode) == shallow, "planes that are not there are no error"


@pytest.mark.parametrize("bitrate", [1100, 1500, 2000])
def test_a_bitrate_is_kept_to_and_the_codes_are_a_prefix(streams, tiny_lm, bitrate):
    data = recoded(streams["static"], bitrate=bitrate)
    assert 0.95 * bitrate <= 8 * len(data) / 12 <= bitrate
    from nac_cli.entropy import unpack
    from nac_cli.models import zoo
    from nac_cli.pipelines.models.opening import CodersToUnpack

    def chunks(stream):
        reader = ContainerReader(io.BytesIO(stream), strict=True)
        coders = CodersToUnpack(zoo.find(tiny_lm), reader.info)
        for r in reader.chunks():
            yield unpack(r.payload, r.num_frames, reader.info, r.mode, coders.for_mode(r.mode))

    for before, after in zip(chunks(streams["static"]), chunks(data), strict=True):
        assert (after.depths <= before.depths).all() and len(np.unique(after.depths)) > 1
        assert np.array_equal(before.gains, after.gains) and np.array_equal(before.angles, after.angles)
        for old, new in zip(itertools.chain(*before.codes), itertools.chain(*after.codes)):
            assert np.array_equal(new[new >= 0], old[new >= 0])


def test_a_bitrate_lands_where_compressing_at_it_does(streams, tiny_lm, weights):
    """With all planes in the file the codebooks tell as much as the encoder."""
    for mode in ("static", "lm"):
        direct = compressed(clear_music(2, 12, 44_100), weights, planes=None, bitrate=1300, entropy=mode)
        assert recoded(streams["packed"], bitrate=1300, entropy=mode) == direct


def test_a_bitrate_above_the_file_s_keeps_all_and_one_below_all_is_an_error(streams, tiny_lm):
    assert records(recoded(streams["static"], bitrate=4300, entropy="static")) == records(streams["static"])
    with pytest.raises(UsageError, match="cannot be met"):
        recoded(streams["static"], bitrate=300)


def test_tags_pictures_padding_and_digest_stay(streams, tiny_lm):
    data = rewritten(streams["packed"], tags=TAGS, padding=77, digest=DIGEST)
    back = recoded(recoded(data, entropy="lm"), entropy="packed")
    assert back == data
    reader = ContainerReader(io.BytesIO(recoded(data, planes=1)))
    reader.structure()
    assert (reader.tags, reader.padding, reader.md5) == (TAGS, 77, DIGEST)


def test_a_piped_stream_gets_its_length_into_the_header(streams, tiny_lm):
    class Pipe(io.RawIOBase):
        """No seeking, a few bytes at a time."""

        def __init__(self, data):
            self._file = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            piece = self._file.read(min(len(buffer), 1000))
            buffer[: len(piece)] = piece
            return len(piece)

    piped = rewritten(streams["static"], header_samples=False)
    assert piped != streams["static"]
    nac_cli.recode(io.BufferedReader(Pipe(piped)), out := io.BytesIO(), entropy="static")
    assert out.getvalue() == streams["static"]


@pytest.mark.parametrize(("channels", "length"), [(1, 0), (1, 1), (3, 3000)])
def test_any_shape(tiny_lm, weights, channels, length):
    made = {mode: compressed(noise(channels, length), weights, planes=2, entropy=mode) for mode in MODES}
    for before, after in itertools.permutations(MODES, 2):
        assert recoded(made[before], entropy=after, check=True) == made[after]
    assert decoded(recoded(made["lm"], planes=1)).samples.shape == (channels, length)


def test_unknown_blocks_are_left_out_and_named(streams, tiny_lm):
    at = streams["packed"].index(b"CHNK")
    data = streams["packed"][:at] + pack_block("newT", b"news") + streams["packed"][at:]
    report = nac_cli.recode(io.BytesIO(data), out := io.BytesIO(), entropy="packed")
    assert out.getvalue() == streams["packed"]
    assert any("newT" in message for message in report.messages)


def test_the_report_says_what_became_of_it(streams, tiny_lm, tmp_path):
    source, target = tmp_path / "a.nac", tmp_path / "b.nac"
    source.write_bytes(streams["packed"])
    report = nac_cli.recode(source, target, entropy="lm", planes=3)
    assert (report.source_bytes, report.file_bytes) == (source.stat().st_size, target.stat().st_size)
    assert report.modes == {"lm": 2} and report.depth == 3
    assert report.as_dict()["modes"] == {"lm": 2}
    with pytest.raises(OutputExists):
        nac_cli.recode(source, target)


def test_damage_is_refused_and_leaves_no_file(streams, tiny_lm, tmp_path):
    data = streams["lm"]
    flipped = data[:3000] + bytes([data[3000] ^ 1]) + data[3001:]
    for damaged in (flipped, data[:-20]):
        with pytest.raises(CorruptStream, match="not recoded"):
            nac_cli.recode(io.BytesIO(damaged), tmp_path / "out.nac")
    cut = rewritten(data, lambda record: replace(record, payload=record.payload[:-4]))
    other = rewritten(data, lambda record: replace(record, token_checksum=record.token_checksum ^ 1))
    for mismatched in (cut, other):
        with pytest.raises(TokenMismatch, match="not recoded"):
            nac_cli.recode(io.BytesIO(mismatched), tmp_path / "out.nac")
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_is_named(streams, tiny):
    with pytest.raises(UsageError, match="lm.safetensors"):
        recoded(streams["static"], entropy="lm")
    with pytest.raises(ModelError, match="language model"):
        recoded(streams["lm"], entropy="packed")
    with pytest.raises(UsageError, match="not both"):
        recoded(streams["static"], bitrate=1000, planes=1)
    with pytest.raises(UsageError, match="1 to 4 planes"):
        recoded(streams["static"], planes=5)


def test_a_mere_change_of_mode_needs_no_torch(streams, lm_models, tmp_path):
    import os
    import subprocess
    import sys

    (tmp_path / "a.nac").write_bytes(streams["static"])
    code = "import nac_cli, sys; nac_cli.recode('a.nac', 'b.nac', entropy='packed'); print('torch' in sys.modules)"
    environment = os.environ | {"NAC_MODELS": str(lm_models), "PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert out.stdout.strip() == "False", out.stderr


def test_what_a_plane_is_worth_follows_from_the_codebooks(tiny):
    """The encoder's own measure, where all planes are there; with strides a code counts for all its frames."""
    import torch

    from nac_cli.pipelines.recode import _distortion

    model = nac_cli.load_model(tiny, "cpu")
    vectors = [plane.detach().numpy() for plane in model.code_vectors()]
    with torch.inference_mode():
        encoded = model.encode(torch.from_numpy(noise(1, 40 * 512, level=1.0).samples)[None])
    codes = [plane[0].numpy() for plane in encoded.codes]
    assert np.allclose(_distortion(codes, vectors, (1,) * 4, 40), encoded.distortion[0].numpy(), rtol=1e-3, atol=1e-5)
    tables = [np.array([[1.0], [2.0]], np.float32), np.array([[0.5], [4.0]], np.float32)]
    lost = _distortion([np.array([1, 0]), np.array([0, 1, -1])], tables, (2, 1), 3)
    assert lost.tolist() == [[2.5**2, 6**2, 1], [0.25, 16, 0], [0, 0, 0]]
