"""Peers that are programs: stand-ins that note what they are told, since nobody may have the real ones."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from nac_cli.bench.peers import PEERS, fdk, matched, through
from nac_cli.bench.peers.aac import AacSetting
from nac_cli.bench.peers.fdk import HE, LC, FdkSetting
from nac_cli.bench.peers.lyra import LyraSetting
from nac_cli.errors import UsageError

PYTHON = f"#!{sys.executable}\nimport pathlib, shutil, sys\nhere = pathlib.Path(__file__).parent\n"
NOTING = 'here.joinpath("arguments").write_text(" ".join(sys.argv[1:]))\n'


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Writes a stand-in by name; there are no other programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    fdk._delay.cache_clear()
    fdk._has_encoder.cache_clear()

    def write(name: str, script: str) -> None:
        (tmp_path / name).write_text(PYTHON + NOTING + script)
        (tmp_path / name).chmod(0o755)

    write.folder = tmp_path
    return write


@pytest.fixture
def sound():
    return 0.1 * np.random.default_rng(0).standard_normal((1, 44_100)).astype(np.float32)


def bare_aac(seconds: float = 1.0) -> bytes:
    return AacSetting(44_100).encode(np.zeros((1, int(44_100 * seconds)), np.float32), 64_000)


@pytest.mark.parametrize("name", ["fdkaac", "lyra"])
def test_what_is_not_installed_is_named(name, programs):
    assert "install" in PEERS[name].missing() or "PATH" in PEERS[name].missing()
    assert PEERS["opus"].missing() is None


def test_fdkaac_is_run_as_its_manual_says(programs, sound):
    programs.folder.joinpath("made").write_bytes(bare_aac())
    programs("fdkaac", 'shutil.copy(here / "made", sys.argv[9])')
    assert PEERS["fdkaac"].missing() is None
    assert {setting.profile.label for setting in PEERS["fdkaac"].settings(24_000, 1)} == {"LC", "HE"}
    assert {setting.profile.label for setting in PEERS["fdkaac"].settings(24_000, 2)} == {"LC", "HE", "HE v2"}
    setting = FdkSetting(HE, 44_100)
    assert setting.encode(sound, 24_000) == bare_aac()
    assert (programs.folder / "arguments").read_text().startswith("-S -G 1 -p 5 -b 24000 -o ")


def test_a_refusal_of_fdkaac_is_passed_on(programs, sound):
    programs("fdkaac", 'sys.exit("ERROR: unsupported sample rate")')
    with pytest.raises(UsageError, match="does not encode at 24000 bit/s: ERROR: unsupported"):
        through(sound, 44_100, 24_000, FdkSetting(LC, 44_100))


def test_an_ffmpeg_with_the_encoder_serves_as_well_and_one_without_does_not(programs, sound):
    programs("ffmpeg", 'print(" A....D aac  AAC (Advanced Audio Coding)")')
    assert "libfdk_aac" in PEERS["fdkaac"].missing()
    fdk._has_encoder.cache_clear()
    programs.folder.joinpath("made").write_bytes(bare_aac())
    programs(
        "ffmpeg",
        """
if "-encoders" in sys.argv:
    print(" A....D libfdk_aac  Fraunhofer FDK AAC (codec aac)")
else:
    shutil.copy(here / "made", sys.argv[-1])
""",
    )
    assert PEERS["fdkaac"].missing() is None
    setting = next(s for s in PEERS["fdkaac"].settings(24_000, 1) if s.profile is HE)
    assert setting.encode(sound, 24_000) == bare_aac()
    told = (programs.folder / "arguments").read_text()
    assert "-c:a libfdk_aac -profile:a aac_he -b:a 24000 " in told and str(setting).startswith("ffmpeg HE")


@pytest.mark.parametrize("late", [0, 961])
def test_what_a_program_leaves_at_the_start_is_taken_off(late, programs, sound, monkeypatch):
    """A stand-in whose files hold the sound itself, late."""
    setting = FdkSetting(HE, 44_100)
    monkeypatch.setattr(FdkSetting, "encode", lambda self, audio, bitrate: audio.astype(np.float32).tobytes())

    def decode(file, channels):
        return np.pad(np.frombuffer(file, np.float32).reshape(channels, -1), ((0, 0), (late, 3)))

    monkeypatch.setattr(fdk.ffmpeg, "decode", decode)
    assert np.array_equal(through(sound, 44_100, 24_000, setting).decoded, sound)


@pytest.fixture
def lyra(programs):
    """A Lyra whose packets are 16-bit samples of 3.2 kbit/s in number."""
    programs(
        "encoder_main",
        """
given = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
source = pathlib.Path(given["input_path"])
assert pathlib.Path(given["model_path"], "lyragan.tflite").exists()
samples = source.read_bytes()[44:]
size = int(given["bitrate"]) * len(samples) // 2 // 16000 // 8
pathlib.Path(given["output_dir"], source.stem + ".lyra").write_bytes(samples[:size])
""",
    )
    programs(
        "decoder_main",
        """
import soundfile, numpy
given = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
source = pathlib.Path(given["encoded_path"])
samples = numpy.resize(numpy.frombuffer(source.read_bytes(), numpy.int16), 16000)
soundfile.write(pathlib.Path(given["output_dir"], source.stem + "_decoded.wav"), samples, 16000)
""",
    )
    assert "no folder model_coeffs" in PEERS["lyra"].missing()
    (programs.folder / "model_coeffs").mkdir()
    (programs.folder / "model_coeffs" / "lyragan.tflite").touch()
    assert PEERS["lyra"].missing() is None


@pytest.mark.parametrize(("target", "rate"), [(1000, 3200), (5900, 6000), (48_000, 9200)])
def test_lyra_has_the_nearest_of_its_three_bitrates(target, rate, lyra, sound):
    result = matched(sound, 44_100, target, PEERS["lyra"].settings(target, 1), judges=["si_sdr"])
    assert result.bitrate == pytest.approx(rate, rel=0.01) and result.setting == str(LyraSetting(rate))
    assert result.meets(target) == (target == 5900) and result.decoded.shape == sound.shape


def test_lyra_codes_channels_one_by_one(lyra, sound):
    pair = np.concatenate([sound, 0.5 * sound])
    result = through(pair, 44_100, 12_000, LyraSetting(6000))
    assert result.bitrate == pytest.approx(12_000, rel=0.01)
    assert np.std(result.decoded[1]) == pytest.approx(0.5 * np.std(result.decoded[0]), rel=0.01)


def test_a_lyra_that_fails_says_what_it_said(lyra, programs, sound):
    programs("encoder_main", 'sys.exit("no model")')
    with pytest.raises(UsageError, match="encoder_main does not work at 6000 bit/s: no model"):
        through(sound, 44_100, 6000, LyraSetting(6000))


def test_settings_have_names_of_their_own():
    for name in ("fdkaac", "lyra", "opus", "mp3", "aac"):
        settings = PEERS[name].settings(24_000, 2)
        assert len({str(setting) for setting in settings}) == len(settings) > 1
