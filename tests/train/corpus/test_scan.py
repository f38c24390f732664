"""A scan says what is there, by the measures that prepare uses."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from nac_cli.errors import AudioError
from nac_cli.train.corpus.encoding import Encoding
from nac_cli.train.corpus.prepare import find_audio, prepare, read_manifest
from nac_cli.train.corpus.scan import scan
from nac_cli.train.corpus.shards import pack


def noise(seconds, rate, channels=1):
    return np.random.default_rng(0).normal(0, 0.1, (round(seconds * rate), channels)).clip(-1, 1)


def write_m4a(path, samples, rate):
    """AAC in MP4, which libsndfile cannot read."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.T.astype(np.float32).copy(), "fltp", "mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for domain in ("music", "speech"):
        (folder / domain).mkdir()
    soundfile.write(folder / "music" / "a.wav", noise(2, 44_100, 2), 44_100)
    dull = np.sin(np.arange(2 * 44_100) / 20)
    soundfile.write(folder / "music" / "dull.flac", 0.3 * dull, 44_100)
    soundfile.write(folder / "music" / "c.mp3", noise(2, 44_100), 44_100)
    soundfile.write(folder / "speech" / "b.ogg", noise(3, 22_050), 22_050)
    write_m4a(folder / "speech" / "d.m4a", noise(2, 44_100), 44_100)
    soundfile.write(folder / "speech" / "short.wav", noise(0.1, 44_100), 44_100)
    (folder / "speech" / "broken.flac").write_bytes(b"fLaC but nothing else")
    (folder / "speech" / "empty.wav").write_bytes(b"")
    (folder / "speech" / "words.txt").write_text("no sound, and not called so")
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return scan(folder, workers=1)


def test_sums_by_domain(found, folder):
    assert found.kind == "folder" and set(found.domains) == {"music", "speech"}
    music, speech = found.domains["music"], found.domains["speech"]
    assert music.files == 3 and music.seconds == pytest.approx(6, abs=0.1)
    assert music.sample_rates == {44_100: 3} and music.channels == {2: 1, 1: 2}
    assert speech.seconds == pytest.approx(5, abs=0.1) and speech.sample_rates == {22_050: 1, 44_100: 1}
    wav_bits = 8 * (folder / "music" / "a.wav").stat().st_size
    assert music.bitrate > wav_bits / 6.1
    assert found.total.files == 5 and found.total.channels == {2: 1, 1: 4}


def test_what_cannot_be_used_is_named_with_the_reason(found):
    assert len(found.unreadable) == 3
    names = ("broken.flac", "empty.wav", "short.wav")
    reasons = {name: line for line in found.unreadable for name in names if name in line}
    assert len(reasons) == 3 and "shorter" in reasons["short.wav"] and "empty" in reasons["empty.wav"]


def test_scan_and_prepare_agree(found, folder, tmp_path):
    items = prepare(find_audio(folder), tmp_path, 44_100, workers=1)
    assert len(items) == found.total.files
    prepared = scan(tmp_path)
    assert prepared.kind == "corpus" and prepared.total.bitrate is None
    for domain, sums in prepared.domains.items():
        assert sums.seconds == pytest.approx(found.domains[domain].seconds, abs=0.1)
        assert sums.full_band_seconds == pytest.approx(found.domains[domain].full_band_seconds, abs=0.1)
    by_source = sum(item.seconds for item in read_manifest(tmp_path))
    assert prepared.licences == {"": pytest.approx(by_source)}
    shard = pack(tmp_path, tmp_path / "shards", 1 << 20, Encoding("opus", 48_000), workers=1).shards[0]
    assert scan(shard).kind == "shard" and scan(shard).total.seconds == pytest.approx(by_source, abs=0.01)


def test_full_band_is_measured(found):
    assert found.domains["music"].full_band_seconds == pytest.approx(4, abs=0.1), "noise at 44.1 kHz, not the tone"


def test_the_middle_of_a_long_file(tmp_path):
    rate = 16_000
    samples = np.concatenate([noise(2, rate), np.full((rate, 1), 0.5), noise(2, rate)])
    for name in ("a.wav", "a.mp3"):
        soundfile.write(tmp_path / name, samples, rate)
    for number, item in enumerate(prepare(find_audio(tmp_path), tmp_path / "out", rate, max_seconds=0.8, workers=1)):
        middle, _ = soundfile.read(tmp_path / "out" / item.path)
        assert item.seconds == pytest.approx(0.8, abs=0.01), number
        assert middle.std() < 0.1, "constant, or what MP3 makes of it"


def test_nothing_to_scan(tmp_path):
    with pytest.raises(AudioError, match="no sound files"):
        scan(tmp_path)
