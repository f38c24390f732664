"""Streams written by hand that claim what is not so, or more than they hold."""

from __future__ import annotations

import io
import math
import tracemalloc

import numpy as np
import pytest

import nac_cli
from nac_cli.errors import LimitExceeded, ModelError
from tests.helpers.sounds import HOP, noise
from tests.helpers.streams import compressed, decoded, of_silence, with_codec


@pytest.fixture(scope="module")
def stream(models):
    return compressed(noise(1, 30_000), models / "nac-44k-tiny.safetensors", entropy="packed")


CLAIMS = [
    {"codebook_sizes": (65536,) * 4}, {"codebook_sizes": (2,), "strides": (1,)},
    {"codebook_sizes": (64,) * 6, "strides": (1,) * 6}, {"strides": (2, 1, 1, 1)}, {"hop_length": 513},
    {"sample_rate": 48_000}, {"family": "dac"}, {"name": "another"},
]  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: "-".join(claim))
def test_a_header_must_describe_the_model_that_its_id_names(stream, claim):
    data = with_codec(stream, **claim)
    uses = [
        lambda: nac_cli.verify(io.BytesIO(data), "tokens"),
        lambda: nac_cli.verify(io.BytesIO(data), device="cpu"),
        lambda: decoded(data),
        lambda: nac_cli.recode(io.BytesIO(data), io.BytesIO(), entropy="packed"),
    ]
    for use in uses:
        with pytest.raises(ModelError, match="what is not so") as caught:
            use()
        assert next(iter(claim)).replace("_", " ") in str(caught.value)
    found = nac_cli.info(io.BytesIO(data))
    assert found.installed and found.model_fits is False
    assert nac_cli.info(io.BytesIO(stream)).model_fits


class Sink(io.RawIOBase):
    """Takes all and keeps nothing."""

    def writable(self):
        return True

    def write(self, data):
        return len(data)


@pytest.mark.parametrize("lost", [False, True])
def test_silence_that_a_few_bytes_claim_takes_no_memory(stream, lost):
    data = of_silence(stream, num_chunks=2, channels=2, sample_rate=96_000)
    assert len(data) < 300
    if lost:
        at = data.index(b"CHNK") + 10
        data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    nac_cli.load_model("nac-44k-tiny", "cpu")
    tracemalloc.start()
    report = nac_cli.decompress(io.BytesIO(data), Sink(), device="cpu", end=100.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.num_samples == 100 * 96_000 and bool(report.losses) == lost
    chunk = 2 * 2**22 * 4  # bytes of its samples, which are asked for and never touched
    assert peak < 3.5 * chunk


def test_codes_that_are_not_there_take_no_memory(stream):
    data = of_silence(stream, num_chunks=50)
    nac_cli.recode(io.BytesIO(stream), io.BytesIO(), entropy="packed")  # what is imported for it does not count
    tracemalloc.start()
    report = nac_cli.recode(io.BytesIO(data), io.BytesIO(), entropy="packed")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.depth == 0 and report.seconds > 4000
    codes = 50 * 4 * 2**22 // 512 * 4
    assert peak < codes / 4


def test_the_limit_on_the_duration(stream):
    for use in (decoded, lambda data, **options: nac_cli.verify(io.BytesIO(data), "tokens", **options)):
        use(stream, max_seconds=0.7)
        with pytest.raises(LimitExceeded, match="claims 1 s of sound"):
            use(stream, max_seconds=0.6)


class Pipe(io.BytesIO):
    """A file that cannot seek: nobody knows the length of what it has."""

    def seekable(self):
        return False


def test_the_limit_on_the_duration_of_a_pipe(stream):
    data = of_silence(stream, num_chunks=3)
    with pytest.raises(LimitExceeded, match="goes on, the limit is 100 s"):
        nac_cli.decompress(Pipe(data), Sink(), device="cpu", max_seconds=100)
    with pytest.raises(LimitExceeded, match="goes on, the limit is 100 s"):
        nac_cli.verify(Pipe(data), "tokens", max_seconds=100)
    assert nac_cli.verify(Pipe(data), "tokens", max_seconds=math.inf).sound


def test_samples_that_are_not_finite_are_no_sound(stream, monkeypatch, tmp_path):
    """As a weight file can lead to, whose own values are finite but huge."""
    endless = np.full((1, 864 * HOP), np.inf, np.float32)
    monkeypatch.setattr("nac_cli.pipelines.decompress.synthesise", lambda *args: iter([endless]))
    with pytest.raises(ModelError, match=r"not finite at 0\.00 s"):
        nac_cli.decompress(io.BytesIO(stream), tmp_path / "out.wav", device="cpu")
    assert not list(tmp_path.iterdir())
