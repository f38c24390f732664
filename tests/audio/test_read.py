from __future__ import annotations

import io
import os
import warnings

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.audio import open_audio, open_source, read_tags
from nac_cli.errors import AudioError
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE, SAMPLES = 44100, 30011


def read(source, size: int = 4096) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing here is odd
        with open_audio(source) as sound:
            blocks = list(sound.blocks(size))
    assert all(block.shape[1] == size for block in blocks[:-1])
    assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
    return np.concatenate([np.zeros((sound.channels, 0), np.float32), *blocks], axis=1)


def align(sound: np.ndarray, original: np.ndarray) -> float:
    """Signal to noise ratio in dB where both are compared sample by sample."""
    error = sound[:, : original.shape[1]] - original[:, : sound.shape[1]]
    return 10 * np.log10(np.mean(original**2) / np.mean(error**2))


@pytest.mark.parametrize(
    "format, subtype, bits",
    [
        ("WAV", "PCM_U8", 8), ("WAV", "PCM_16", 16), ("WAV", "PCM_24", 24), ("WAV", "PCM_32", 32),
        ("WAV", "FLOAT", 32), ("WAVEX", "PCM_24", 24), ("RF64", "PCM_16", 16), ("W64", "PCM_16", 16),
        ("AIFF", "PCM_24", 24), ("CAF", "PCM_16", 16), ("CAF", "ALAC_24", 24), ("AU", "PCM_16", 16),
        ("FLAC", "PCM_16", 16), ("FLAC", "PCM_24", 24),
    ],
)  # fmt: skip
def test_lossless_formats_are_exact(format, subtype, bits):
    original = tones(SAMPLES)
    file = sound_file(original, RATE, format, subtype)
    with open_audio(io.BytesIO(file)) as sound:
        assert (sound.sample_rate, sound.channels, sound.num_samples) == (RATE, 2, SAMPLES)
        assert sound.source_bits == bits
        assert sound.seconds == pytest.approx(SAMPLES / RATE)
        assert sound.format_name
    got = read(io.BytesIO(file))
    assert got.shape == original.shape
    assert np.abs(got - original).max() <= (1e-7 if subtype == "FLOAT" else 1.01 * 2.0 ** (1 - min(bits, 24)))


LOSSY = [("OGG", "VORBIS", 44100), ("OGG", "OPUS", 48000), ("MP3", "MPEG_LAYER_III", 44100)]


@pytest.mark.parametrize("format, subtype, rate", LOSSY)
def test_lossy_formats_of_libsndfile_keep_length_and_timing(format, subtype, rate):
    original = tones(SAMPLES, rate=rate)
    file = sound_file(original, rate, format, subtype)
    with open_audio(io.BytesIO(file)) as sound:
        assert (sound.num_samples, sound.source_bits) == (SAMPLES, 0)
    got = read(io.BytesIO(file))
    assert got.shape == original.shape
    assert align(got, original) > 10


FFMPEG_FORMATS = [
    ("ipod", "aac", "stereo"), ("ipod", "alac", "stereo"), ("mp4", "aac", "mono"),
    ("mov", "pcm_s16be", "stereo"), ("matroska", "flac", "stereo"), ("tta", "tta", "stereo"),
    ("wv", "wavpack", "stereo"), ("mp3", "libmp3lame", "stereo"),
    ("flac", "flac", "5.1"), ("ipod", "aac", "5.1"), ("mov", "pcm_s24le", "7.1"), ("ipod", "aac", "7.1"),
]  # fmt: skip


@pytest.mark.parametrize("format, codec, layout", FFMPEG_FORMATS)
def test_formats_of_ffmpeg_keep_length_channels_and_timing(format, codec, layout):
    original = tones(SAMPLES, channels=av.AudioLayout(layout).nb_channels)
    got = read(io.BytesIO(ffmpeg_file(original, RATE, format, codec, layout)))
    assert got.shape == original.shape
    assert align(got[:3], original[:3]) > 10  # behind them comes a subwoofer, which AAC filters


INEXACT = [
    ("asf", "wmav2", 44100), ("adts", "aac", 44100), ("webm", "libopus", 48000), ("mpegts", "aac", 48000),
]  # fmt: skip


@pytest.mark.parametrize("format, codec, rate", INEXACT)
def test_containers_without_exact_length_are_read(format, codec, rate):
    original = tones(SAMPLES, rate=rate)
    file = ffmpeg_file(original, rate, format, codec)
    with open_audio(io.BytesIO(file)) as sound:
        assert (sound.num_samples, sound.source_bits) == (None, 0)
    got = read(io.BytesIO(file))
    assert abs(got.shape[1] - SAMPLES) <= 4096


@pytest.mark.parametrize("channels", range(1, 9))
def test_one_to_eight_channels(channels):
    original = tones(1000, channels)
    got = read(io.BytesIO(sound_file(original, 8000)))
    assert got.shape == original.shape
    assert np.abs(got - original).max() < 2**-15


def test_sound_of_a_video_file():
    file = io.BytesIO()
    original = tones(48000, rate=48000)
    with av.open(file, "w", format="mp4") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height = 64, 48
        sound = container.add_stream("aac", rate=48000, layout="stereo")
        for frame in range(25):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), frame, np.uint8))))
        resampler = av.AudioResampler(sound.codec_context.format, "stereo", 48000, frame_size=1024)
        samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(original.T).reshape(1, -1), "flt", "stereo")
        samples.sample_rate, samples.pts = 48000, 0
        for piece in [*resampler.resample(samples), *resampler.resample(None)]:
            container.mux(sound.encode(piece))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    got = read(io.BytesIO(file.getvalue()))
    assert got.shape == original.shape
    assert align(got, original) > 10


def test_video_without_sound_is_an_error():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height = 64, 48
        container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
        container.mux(picture.encode(None))
    with pytest.raises(AudioError, match="no audio stream"):
        open_audio(io.BytesIO(file.getvalue()))


def test_of_several_audio_streams_one_is_taken_and_told():
    told = []
    file = ffmpeg_file(tones(20000), RATE, "matroska", "flac", streams=2)
    with open_audio(io.BytesIO(file), told.append) as sound:
        assert sum(block.shape[1] for block in sound.blocks(1000)) == 20000
    assert len(told) == 1 and "2 audio streams" in told[0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 4000), st.sampled_from(["WAV", "FLAC", "OGG", "MP3", "M4A"]))
def test_every_length_and_block_size(num_samples, size, format):
    shortest = {"WAV": 0, "OGG": 0, "FLAC": 1}.get(format, 1152)  # what the libraries write
    num_samples = max(num_samples, shortest)
    original = tones(num_samples)
    if format == "M4A":
        file = ffmpeg_file(original, RATE, "ipod", "alac")
    else:
        subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(format, "PCM_16")
        file = sound_file(original, RATE, format, subtype)
    whole, split = read(io.BytesIO(file), 1 << 20), read(io.BytesIO(file), size)
    assert whole.shape == (2, num_samples)
    assert np.array_equal(whole, split)


def test_paths_and_open_files(tmp_path):
    path = tmp_path / "töne – 音.wav"
    path.write_bytes(sound_file(tones(500), RATE))
    assert read(path).shape == read(str(path)).shape == (2, 500)
    with path.open("rb") as file:
        file.seek(17)
        assert read(file).shape == (2, 500), "a file object is read from its start"
        assert not file.closed, "it belongs to the caller"


def test_the_name_does_not_matter(tmp_path):
    for name in ("sound.raw", "sound.mp3", "sound", "sound.txt"):
        (tmp_path / name).write_bytes(sound_file(tones(500), RATE, "FLAC"))
        assert read(tmp_path / name).shape == (2, 500)


def test_flac_behind_an_id3_tag():
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 44]) + bytes(300)
    file = tag + sound_file(tones(SAMPLES), RATE, "FLAC")
    with open_audio(io.BytesIO(file)) as sound:
        assert (sound.num_samples, sound.source_bits) == (SAMPLES, 16)
    assert np.array_equal(read(io.BytesIO(file)), read(io.BytesIO(file[len(tag) :])))


def test_floats_beyond_full_scale_stay():
    original = tones(100) * 4
    assert np.array_equal(read(io.BytesIO(sound_file(original, RATE, "WAV", "FLOAT"))), original)


OUTSIDE = [(9, 44100, "1 to 8"), (1, 7999, "8000 to 192000"), (1, 192001, "8000 to 192000")]


@pytest.mark.parametrize("channels, rate, allowed", OUTSIDE)
def test_limits_are_named(channels, rate, allowed):
    with pytest.raises(AudioError, match=allowed):
        open_audio(io.BytesIO(sound_file(tones(100, channels), rate)))


def test_what_cannot_be_opened_is_an_audio_error(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is not sound\n" * 500)
    (tmp_path / "zeros.flac").write_bytes(bytes(10000))
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(20000))
    cases = {
        "empty.wav": "empty", "text.wav": "not sound", "zeros.flac": "no(t| audio) s",
        "noise.mp3": "not sound",
        ".": "directory", "missing.wav": "does not exist", "nul\0.wav": "cannot be opened",
    }  # fmt: skip
    for name, message in cases.items():
        with pytest.raises(AudioError, match=message) as caught:
            open_audio(str(tmp_path / name) if name != "." else tmp_path)
        assert str(tmp_path) in str(caught.value)
        assert caught.value.exit_code == 3


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(sound_file(tones(10), RATE))
    path.chmod(0)
    with pytest.raises(AudioError, match="cannot be opened: permission denied"):
        open_audio(path)


def test_a_playlist_opens_no_other_files(tmp_path):
    (tmp_path / "other.aac").write_bytes(ffmpeg_file(tones(20000), RATE, "adts", "aac"))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{tmp_path}/other.aac\n#EXT-X-ENDLIST\n"
    for text in (playlist, f"ffconcat version 1.0\nfile {tmp_path}/other.aac\n"):
        (tmp_path / "list.m3u8").write_text(text)
        with pytest.raises(AudioError, match="not sound"):
            open_audio(tmp_path / "list.m3u8")


def test_block_size_must_be_positive():
    file = io.BytesIO(sound_file(tones(10), RATE))
    with open_audio(file) as sound, pytest.raises(ValueError, match="at least one"):
        next(sound.blocks(0))


class FailingDisk(io.BytesIO):
    """A file whose middle cannot be read."""

    def readinto(self, buffer) -> int:
        if self.tell() + len(buffer) > 60_000:
            raise OSError(5, "Input/output error")
        return super().readinto(buffer)


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
def test_a_failing_disk_is_an_audio_error(format):
    file = FailingDisk(sound_file(tones(100_000), RATE, format))
    with pytest.raises(AudioError, match="cannot be read: input/output error"), open_audio(file) as sound:
        list(sound.blocks(100))


def test_a_source_is_opened_once_for_sound_and_tags(tmp_path):
    (tmp_path / "a.wav").write_bytes(sound_file(tones(100), RATE))
    origin = open_source(tmp_path / "a.wav")
    assert not read_tags(origin)
    for _ in range(2):
        with open_audio(origin) as sound:
            assert sound.name == str(tmp_path / "a.wav")
            assert sum(block.shape[1] for block in sound.blocks(7)) == 100
    origin.close()
    assert origin.file.closed
