"""The same sound in every entropy mode: the codes are the same, and all promises hold with a language model too."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

import nac_cli
from nac_cli.container import ContainerReader, ContainerWriter, stream_bytes
from nac_cli.entropy.lm import model_id
from nac_cli.errors import ModelError, TokenMismatch, UsageError
from nac_cli.pipelines.chain import unpacking as decoding
from tests.helpers.codecs import TINY, TINY_LM, write_tiny_lm
from tests.helpers.sounds import HOP, clear_music, noise
from tests.helpers.streams import compressed, decoded

CHUNK = 864 * HOP
MODES = ("packed", "static", "lm")


@pytest.fixture(scope="module")
def streams(lm_models):
    """25 s of stereo in every mode."""
    sound, weights = clear_music(2, 25, 44_100), str(lm_models / f"{TINY}.safetensors")
    return {mode: compressed(sound, weights, planes=3, entropy=mode) for mode in (*MODES, "auto")}


@pytest.fixture(scope="module")
def whole(streams, lm_models):
    """Their sound, `[2, T]`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAC_MODELS", str(lm_models))
        return decoded(streams["packed"]).samples


def records(data: bytes):
    reader = ContainerReader(io.BytesIO(data), strict=True)
    return reader, list(reader.chunks())


def rewritten(data: bytes, change, **header) -> bytes:
    """The stream with `change` applied to each record, its blocks' checksums renewed."""
    reader, found = records(data)
    writer = ContainerWriter(out := io.BytesIO(), replace(reader.info, **header))
    for record in found:
        writer.write_chunk(change(record))
    writer.finish(reader.info.num_samples)
    return out.getvalue()


def test_the_sound_does_not_depend_on_the_mode(streams, whole, tiny_lm):
    checksums = {mode: [r.token_checksum for r in records(data)[1]] for mode, data in streams.items()}
    for mode, data in streams.items():
        assert np.array_equal(decoded(data).samples, whole)
        assert checksums[mode] == checksums["packed"]


def test_a_mode_that_is_asked_for_is_used_and_auto_takes_the_smallest(streams, lm_models):
    sizes = {}
    for mode, data in streams.items():
        info = nac_cli.info(io.BytesIO(data))
        assert mode == "auto" or info.modes == {mode: 3}
        sizes[mode] = [len(record.payload) for record in records(data)[1]]
        lm_used = "lm" in info.modes
        assert info.stream.lm_id == (model_id(lm_models / f"{TINY_LM}.safetensors") if lm_used else None)
    assert sizes["auto"] == [min(chunk) for chunk in zip(*(sizes[mode] for mode in MODES))]
    assert sum(sizes["lm"]) < 0.95 * sum(sizes["static"])


def test_info_counts_bits_and_codes_without_any_model(streams, tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    frames = -(-25 * 44_100 // HOP)
    for mode in MODES:
        info = nac_cli.info(io.BytesIO(streams[mode]))
        assert info.plane_codes[:3] == (2 * frames,) * 3 and info.plane_codes[3] == 0
        assert info.code_bits[mode] == pytest.approx(6, abs=0.1) or mode == "lm" and info.code_bits[mode] < 5.8
        assert info.lm_installed is (False if mode == "lm" else None)


@pytest.mark.parametrize("mode", ["auto", "lm"])
@pytest.mark.parametrize(("channels", "length"), [(1, 0), (1, 1), (2, 3000), (3, 20_000), (1, CHUNK + 1)])
def test_any_shape_comes_back(tiny_lm, mode, channels, length):
    sound = noise(channels, length)
    data = compressed(sound, tiny_lm, entropy=mode, check=True)
    assert decoded(data).samples.shape == sound.samples.shape
    assert nac_cli.verify(io.BytesIO(data)).sound


def test_silence_costs_next_to_nothing(tiny_lm):
    silence = nac_cli.Waveform(np.zeros((2, 60 * 44_100), np.float32), 44_100)
    for mode in ("auto", "lm"):
        data = compressed(silence, tiny_lm, planes=4, entropy=mode)
        assert len(data) < 500
        assert not decoded(data).samples.any()


@pytest.mark.parametrize(
    ("channels", "sample_rate", "bitrate"),
    [(1, 44_100, 900), (1, 16_000, 1300), (2, 44_100, 1500), (2, 48_000, 2500), (3, 22_050, 3000)],
)
def test_the_file_keeps_to_the_bitrate(tiny_lm, channels, sample_rate, bitrate):
    sound = clear_music(channels, 21, sample_rate)
    data = compressed(sound, tiny_lm, planes=None, bitrate=bitrate)
    assert 0.95 * bitrate <= 8 * len(data) / sound.duration <= bitrate
    assert "lm" in nac_cli.info(io.BytesIO(data)).modes


def test_a_bitrate_that_all_planes_do_not_need_is_told(tiny_lm):
    sound = clear_music(1, 21, 44_100)
    report = nac_cli.compress(sound, io.BytesIO(), bitrate=2100, model=tiny_lm, device="cpu")
    assert report.depth == 4 and report.bitrate < 0.95 * 2100
    assert any("no use for 2100 bit/s" in message for message in report.messages)


@pytest.mark.parametrize("silent", [0.5, 1.0])
def test_silence_has_no_use_for_planes_either(tiny_lm, silent):
    sound = clear_music(1, 21, 44_100)
    start = round((1 - silent) * sound.samples.shape[1])
    sound.samples[:, start:] = 0
    report = nac_cli.compress(sound, io.BytesIO(), bitrate=2100, detail=False, model=tiny_lm, device="cpu")
    assert any("no use for 2100 bit/s" in message for message in report.messages)


def test_a_language_model_that_fits_badly_breaks_no_promise(models, tmp_path, monkeypatch):
    """Random weights: fixed tables are smaller, and auto says so."""
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    (tmp_path / f"{TINY}.safetensors").write_bytes((models / f"{TINY}.safetensors").read_bytes())
    write_tiny_lm(tmp_path, seed=3)
    sound = noise(2, 21 * 44_100)
    for mode in ("auto", "lm"):
        data = compressed(sound, TINY, planes=None, bitrate=2000, entropy=mode)
        assert 0.95 * 2000 <= 8 * len(data) / sound.duration <= 2000
        assert ("lm" in nac_cli.info(io.BytesIO(data)).modes) == (mode == "lm")


def test_few_passes_of_the_language_model(tiny_lm, monkeypatch):
    """Its passes are nearly all of the time that compressing takes."""
    from nac_cli.entropy.lm import LanguageModel

    passed = []
    measure = LanguageModel.measure

    def counting(self, chunks):
        passed.append(sum(int((codes >= 0).sum()) for codes, _ in chunks))
        return measure(self, chunks)

    monkeypatch.setattr(LanguageModel, "measure", counting)
    data = compressed(clear_music(2, 60, 44_100), tiny_lm, planes=None, bitrate=1800, entropy="lm")
    codes = sum(nac_cli.info(io.BytesIO(data)).plane_codes)
    assert sum(passed) < 2.6 * codes


def test_overhead_stays_within_its_bounds(streams):
    reader, found = records(streams["lm"])
    counts = stream_bytes(reader.info, [len(r.payload) for r in found], reader.info.num_samples)
    assert counts.total == len(streams["lm"])
    assert counts.overhead <= 128 + 24 * len(found) * reader.info.channels


def test_a_mode_that_the_model_lacks_is_an_error(tiny):
    with pytest.raises(UsageError, match="nac-44k-tiny.lm.safetensors"):
        compressed(noise(1, 3000), tiny, entropy="lm")
    with pytest.raises(UsageError, match="choose one of auto"):
        compressed(noise(1, 3000), tiny, entropy="zip")


def test_a_missing_language_model_is_named_with_its_id(streams, tiny, models):
    wanted = nac_cli.info(io.BytesIO(streams["lm"])).stream.lm_id.hex()
    with pytest.raises(ModelError, match=wanted) as caught:
        decoded(streams["lm"])
    assert f"{TINY_LM}.safetensors" in str(caught.value) and str(models) in str(caught.value)
    with pytest.raises(ModelError, match=wanted):
        nac_cli.verify(io.BytesIO(streams["lm"]), "tokens")
    assert nac_cli.verify(io.BytesIO(streams["lm"]), "structure").sound


def test_an_id_that_no_chunk_makes_use_of_asks_for_nothing(streams, whole, tiny):
    data = rewritten(streams["static"], lambda record: record, lm_id=b"nowhere!")
    assert np.array_equal(decoded(data).samples, whole)


def test_a_language_model_for_another_codec_is_refused(lm_models, models, tmp_path, monkeypatch):
    from nac_cli.entropy.lm import save
    from tests.entropy.lm.models import quantised, small

    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    (tmp_path / f"{TINY}.safetensors").write_bytes((models / f"{TINY}.safetensors").read_bytes())
    save(tmp_path / f"{TINY_LM}.safetensors", quantised(small()))
    with pytest.raises(ModelError, match="codebooks"):
        compressed(noise(1, 3000), TINY)
    assert compressed(noise(1, 3000), TINY, entropy="static")


def test_a_language_model_that_fails_its_test_is_a_mismatch(lm_models, streams, tmp_path, monkeypatch):
    """Another answer in the file stands for another machine's arithmetic."""
    from nac_cli.entropy.lm import load, save
    from nac_cli.models import zoo

    model = load(lm_models / f"{TINY_LM}.safetensors")
    answer = model["test.sha256"] ^ 1
    save(tmp_path / f"{TINY_LM}.safetensors", replace(model, tensors={**model.tensors, "test.sha256": answer}))
    (tmp_path / f"{TINY}.safetensors").write_bytes((lm_models / f"{TINY}.safetensors").read_bytes())
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    lm_id = zoo.lm_beside(zoo.find(TINY)).model_id
    data = rewritten(streams["lm"], lambda record: record, lm_id=lm_id)
    with pytest.raises(TokenMismatch, match="known-answer"):
        decoded(data)


def test_damage_costs_the_damaged_chunk_only(streams, whole, tiny_lm, tmp_path):
    def spoil(record):
        """Its block's checksum holds: to a reader it looks as if made by other tables."""
        return replace(record, payload=record.payload[:-4]) if record.index == 1 else record

    data = rewritten(streams["lm"], spoil)
    report = nac_cli.decompress(io.BytesIO(data), tmp_path / "out.wav", bits=32, device="cpu")
    assert [type(loss.error) for loss in report.losses] == [TokenMismatch]
    assert (report.losses[0].start, report.losses[0].stop) == pytest.approx((CHUNK / 44_100, 2 * CHUNK / 44_100))
    import soundfile

    back = soundfile.read(tmp_path / "out.wav", dtype="float32")[0].T
    margin = 32 * HOP
    assert np.abs(back - whole)[:, : CHUNK - margin].max() < 1e-5
    assert not back[:, CHUNK : 2 * CHUNK].any()
    assert np.abs(back - whole)[:, 2 * CHUNK + margin :].max() < 1e-5
    with pytest.raises(TokenMismatch, match="chunk 1: the bytes are intact"):
        decoded(data)


def test_other_codes_than_were_encoded_are_a_mismatch(streams, tiny_lm):
    data = rewritten(streams["lm"], lambda record: replace(record, token_checksum=record.token_checksum ^ 1))
    report = nac_cli.verify(io.BytesIO(data), "tokens")
    with pytest.raises(TokenMismatch):
        report.require_sound()


def test_modes_may_change_from_chunk_to_chunk(streams, whole, tiny_lm):
    others = {mode: records(data)[1] for mode, data in streams.items()}
    lm_id = records(streams["lm"])[0].info.lm_id
    for order in (("packed", "lm", "static"), ("lm", "packed", "lm"), ("static", "packed", "lm")):
        data = rewritten(streams["packed"], lambda r, order=order: others[order[r.index]][r.index], lm_id=lm_id)
        assert np.array_equal(decoded(data).samples, whole)


@pytest.mark.parametrize(("start", "end"), [(9.9, 10.2), (12.3, 20.5), (24.0, None)])
def test_a_range_is_a_slice_of_the_whole(streams, whole, tiny_lm, start, end):
    wanted = whole[:, round(start * 44_100) : None if end is None else round(end * 44_100)]
    part = decoded(streams["lm"], start=start, end=end).samples
    assert part.shape == wanted.shape
    assert np.abs(part - wanted).max() < 1e-4


class Seen(list):
    """Batches of records that were decoded together, by number."""

    def __init__(self, monkeypatch):
        super().__init__()
        decode = decoding._decode

        def watched(found, *args):
            self.append([record.index for record in found])
            return decode(found, *args)

        monkeypatch.setattr(decoding, "_decode", watched)


def test_chunks_are_decoded_together_up_to_a_bound(tiny_lm, monkeypatch):
    sound = clear_music(1, 60, 44_100)
    data = compressed(sound, tiny_lm, planes=1, entropy="lm")
    seen = Seen(monkeypatch)
    whole = decoded(data).samples
    assert seen == [[0, 1, 2, 3, 4, 5]]
    seen.clear()
    decoded(data, start=12.0, end=15.0)
    assert seen == [[0, 1, 2, 3]], "a range decodes no more than it needs, and little around it"
    seen.clear()
    monkeypatch.setattr(decoding, "STREAMS_AHEAD", 4)
    assert np.array_equal(decoded(data).samples, whole)
    assert seen == [[0, 1, 2, 3], [4, 5]]
    seen.clear()
    decoded(compressed(sound, tiny_lm, planes=1, entropy="static"))
    assert seen == [[0], [1], [2], [3], [4], [5]], "what needs no language model does not wait for other chunks"


def test_a_pipe_is_read_no_further_than_the_bound(tiny_lm, monkeypatch):
    """Sound comes before the end of the stream has been written."""
    data = compressed(clear_music(1, 25, 44_100), tiny_lm, planes=1, entropy="lm")
    monkeypatch.setattr(decoding, "STREAMS_AHEAD", 2)
    reader = ContainerReader(io.BytesIO(data))
    from nac_cli.models import zoo
    from nac_cli.pipelines.models.opening import CodersToUnpack

    taken = []

    def counted():
        for record in reader.chunks():
            taken.append(record.index)
            yield record

    coders = CodersToUnpack(zoo.find(tiny_lm), reader.info)
    next(decoding.decode_records(counted(), reader.info, coders, []))
    assert taken == [0, 1]


def test_hundreds_of_random_corruptions_are_each_detected(tiny_lm):
    """Behind the block's own checksum, as a faulty writer would make them."""
    from tests.helpers.lm_corruptions import corrupt_and_check

    data = compressed(clear_music(2, 1, 44_100), tiny_lm, planes=4, entropy="lm")
    assert corrupt_and_check(data, count=300, seed=1) == 300
