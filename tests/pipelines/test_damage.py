"""Damage costs the damaged chunk and is named; it is never noise, a hang or a traceback."""

from __future__ import annotations

import io

import numpy as np
import pytest

import nac_cli
from nac_cli.container import ContainerReader
from nac_cli.errors import CorruptStream, LimitExceeded, ModelError, OutputExists, TokenMismatch
from tests.helpers.sounds import HOP, noise
from tests.helpers.streams import compressed, decoded

CHUNK = 864 * HOP


@pytest.fixture(scope="module")
def stream(models):
    return compressed(noise(1, 3 * CHUNK + 5000), str(models / "nac-44k-tiny.safetensors"))


def spans(data: bytes) -> list[tuple[int, int]]:
    return [(e.offset, e.size) for e in ContainerReader(io.BytesIO(data)).structure() if e.kind == "CHNK"]


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def test_a_damaged_chunk_becomes_silence_and_the_rest_is_as_before(stream, tmp_path):
    offset, size = spans(stream)[1]
    report = nac_cli.decompress(io.BytesIO(flipped(stream, offset + size // 2)), tmp_path / "out.wav", bits=32)
    assert len(report.losses) == 1
    assert (report.losses[0].start, report.losses[0].stop) == pytest.approx((CHUNK / 44_100, 2 * CHUNK / 44_100))
    import soundfile

    back = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    whole = decoded(stream).samples[0]
    margin = 32 * HOP
    assert len(back) == len(whole)
    assert not back[CHUNK : 2 * CHUNK].any()
    assert np.abs(back - whole)[: CHUNK - margin].max() < 1e-5
    assert np.abs(back - whole)[2 * CHUNK + margin :].max() < 1e-5


def test_strict_stops_at_the_first_damage_and_leaves_no_file(stream, tmp_path):
    offset, size = spans(stream)[1]
    with pytest.raises(CorruptStream):
        nac_cli.decompress(io.BytesIO(flipped(stream, offset + 40)), tmp_path / "out.wav", strict=True)
    assert not list(tmp_path.iterdir())


def test_a_truncated_file_gives_its_intact_chunks(stream, tmp_path):
    offset, _ = spans(stream)[2]
    report = nac_cli.decompress(io.BytesIO(stream[: offset + 30]), tmp_path / "out.wav")
    assert report.num_samples == 3 * CHUNK + 5000
    assert report.losses[0].start == pytest.approx(2 * CHUNK / 44_100)
    assert report.losses[-1].stop == pytest.approx(report.seconds)


def test_every_kind_of_damage_to_a_small_file_is_an_error_or_named(models, tmp_path):
    """Every truncation and one flipped bit in every byte."""
    data = compressed(noise(1, 3000), str(models / "nac-44k-tiny.safetensors"))
    cases = [data[:n] for n in range(len(data))] + [flipped(data, n) for n in range(len(data))]
    for case in cases:
        try:
            report = nac_cli.verify(io.BytesIO(case), "tokens")
            assert not report.sound or case == data or case[:8] == data[:8] and case[9:10] != data[9:10]
        except nac_cli.NacError:
            pass


def test_other_codes_than_were_encoded_are_a_mismatch_not_damage(stream):
    """A stream whose every checksum holds, but whose codes are not those that the encoder had."""
    from nac_cli.container import ContainerWriter

    reader, out = ContainerReader(io.BytesIO(stream)), io.BytesIO()
    writer = ContainerWriter(out, reader.info)
    from dataclasses import replace

    for record in reader.chunks():
        writer.write_chunk(replace(record, token_checksum=record.token_checksum ^ 1))
    writer.finish(reader.info.num_samples)
    report = nac_cli.verify(io.BytesIO(out.getvalue()), "tokens")
    assert len(report.losses) == 4 or len(report.losses) == 1
    with pytest.raises(TokenMismatch):
        report.require_sound()
    with pytest.raises(TokenMismatch):
        decoded(out.getvalue())


def test_a_sound_file_is_sound_at_every_level(stream):
    for level in ("structure", "tokens", "full"):
        assert nac_cli.verify(io.BytesIO(stream), level).sound


def test_a_missing_model_is_named_with_its_id(stream, monkeypatch, tmp_path):
    wanted = nac_cli.info(io.BytesIO(stream)).stream.codec.model_id.hex()
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=wanted):
        decoded(stream)
    assert nac_cli.verify(io.BytesIO(stream), "structure").sound
    assert not nac_cli.info(io.BytesIO(stream)).installed


def test_a_stream_that_claims_too_much_is_refused(stream):
    with pytest.raises(LimitExceeded):
        nac_cli.decompress(io.BytesIO(stream), max_seconds=1.0)


def test_nothing_is_overwritten_without_force(stream, tmp_path, tiny):
    target = tmp_path / "there.wav"
    target.write_bytes(b"precious")
    with pytest.raises(OutputExists):
        nac_cli.decompress(io.BytesIO(stream), target)
    with pytest.raises(OutputExists):
        nac_cli.compress(noise(1, 1000), target, model=tiny, planes=1)
    assert target.read_bytes() == b"precious"


def test_a_failure_in_the_middle_leaves_nothing_behind(tmp_path, tiny):
    def stop(done, whole):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nac_cli.compress(noise(1, 100_000), tmp_path / "x.nac", model=tiny, planes=1, progress=stop)
    data = compressed(noise(1, 100_000), tiny)
    with pytest.raises(KeyboardInterrupt):
        nac_cli.decompress(io.BytesIO(data), tmp_path / "x.wav", progress=stop)
    assert not list(tmp_path.iterdir())
