"""The corpus is rebuilt from packages: the right files, for the right domain, and nothing that is held out."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import zipfile
from collections import Counter
from dataclasses import replace

import pytest
import soundfile

from nac_cli.errors import AudioError, UsageError
from nac_cli.train.corpus import debian, packages, renders
from nac_cli.train.corpus.build import Recipe, build
from nac_cli.train.corpus.extras import find_extras
from nac_cli.train.corpus.prepare import MANIFEST, SourceFile, read_manifest
from tests.train.corpus.debian_fake import install_apt_get, member, sound_bytes, write_deb

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Debian's tools are scripts and pipes")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is Debian's")

GAMES = "usr/share/games/"
TABLE = """package\tdomain\tminutes\tmean_kbps\tfullband_share\tlicence
pkg-game\tmusic\t1\t120\t1.00\tCC0
pkg-game\tspeech\t1\t60\t1.00\tGPL-2
pkg-game\tgame-sfx\t1\t130\t1.00\tMIT
0ad-data\tenv\t1\t120\t1.00\tCC-BY-SA-3.0
kajongg\tspeech\t1\t120\t1.00\tGPL-2
pkg-poor\tmusic\t1\t60\t1.00\tGPL-2
pkg-unclear\tmusic\t1\t120\t1.00\t?
pkg-gone\tmusic\t1\t120\t1.00\tCC0
"""


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A table, its packages, and an apt-get that knows them. Returns the table and the log of downloads."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    write_deb(
        folder / "pkg-game_1_all.deb",
        [
            (f"./{GAMES}music/theme.flac", sound_bytes(2, seed=1)),
            (f"./{GAMES}voices/hello.flac", sound_bytes(1, seed=2)),
            (f"./{GAMES}boom.flac", sound_bytes(0.5, seed=3)),
            (f"./{GAMES}click.flac", sound_bytes(0.1)),
            (f"./{GAMES}phone.flac", sound_bytes(1, rate=8000)),
            (f"./{GAMES}readme.txt", b"not sound"),
            (f"./{GAMES}broken.ogg", b"no sound either"),
        ],
    )
    write_deb(
        folder / "0ad-data_1_all.deb",
        [(f"./{GAMES}audio/{name}.flac", sound_bytes(1)) for name in ("water/river", "weather/rain", "birds")],
    )
    for name in ("kajongg", "pkg-poor", "pkg-unclear"):
        write_deb(folder / f"{name}_1_all.deb", [("./a.flac", sound_bytes(1))])
    log = install_apt_get(tmp_path / "bin", folder)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    table = tmp_path / "table.tsv"
    table.write_text(TABLE)
    return table, log


def make(tmp_path, recipe, said=None, **options):
    recipe = replace(recipe, render_minutes=0, workers=1, **options)
    report = [].append if said is None else said.append
    return build(tmp_path / "corpus", tmp_path / "cache", recipe, report, lambda done, whole, text: None)


@needs_dpkg
def test_a_corpus_from_packages(tmp_path, mirror):
    table, log = mirror
    said = []
    built = make(tmp_path, Recipe(table), said)
    got = {(item.source, item.domain, item.licence): item for item in read_manifest(tmp_path / "corpus")}
    assert set(got) == {
        ("debian:pkg-game", "music", "CC0"),
        ("debian:pkg-game", "speech", "GPL-2"),
        ("debian:pkg-game", "env", "MIT"),
        ("debian:0ad-data", "env", "CC-BY-SA-3.0"),
    }
    music = got["debian:pkg-game", "music", "CC0"]
    assert music.seconds == pytest.approx(2, abs=0.01) and music.full_band
    assert built.left_out == Counter({"held out": 2, "shorter than 0.3 s": 1, "below 16 kHz": 1, "unreadable": 1})
    assert built.missing == ["pkg-gone"] and len(said) == 1 and "Unable to locate package" in said[0]
    assert set(log.read_text().split()) == {"pkg-game", "0ad-data", "pkg-gone"}, "others are not even fetched"
    assert not list((tmp_path / "cache").rglob("*.flac")), "unpacked files are dropped"


@needs_dpkg
def test_what_is_in_the_cache_is_not_fetched_again(tmp_path, mirror):
    table, log = mirror
    make(tmp_path, Recipe(table), only=("pkg-game",))
    make(tmp_path, Recipe(table), only=("pkg-game",), keep=True)
    assert log.read_text().split() == ["pkg-game"]
    assert (tmp_path / "cache/unpacked/pkg-game" / GAMES / "boom.flac").is_file()


@needs_dpkg
def test_caps(tmp_path, mirror):
    built = make(tmp_path, Recipe(mirror[0]), only=("pkg-game",), max_minutes=1.5 / 60)
    assert {item.domain for item in built.items} == {"speech", "env"}, "the music alone is longer"
    assert built.left_out["over the cap of its domain"] == 1


@needs_dpkg
def test_a_higher_bitrate_can_be_asked_for(tmp_path, mirror):
    built = make(tmp_path, Recipe(mirror[0]), only=("pkg-game",), min_kbps=125)
    assert [item.domain for item in built.items] == ["env"]


@pytest.mark.parametrize("name", ["kajongg", "pkg-poor", "pkg-unclear", "no-such-package"])
def test_a_package_that_is_not_to_be_used_cannot_be_asked_for(tmp_path, mirror, name):
    with pytest.raises(UsageError, match=name):
        make(tmp_path, Recipe(mirror[0]), only=(name,))


@needs_dpkg
def test_no_package_at_all(tmp_path, mirror):
    with pytest.raises(AudioError, match="no corpus"):
        make(tmp_path, Recipe(mirror[0]), only=("pkg-gone",))
    assert not (tmp_path / "corpus" / MANIFEST).exists()


def test_without_apt_get(tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="apt-get.*Debian"):
        make(tmp_path, Recipe(mirror[0]))


@needs_dpkg
def test_hostile_members_stay_out(tmp_path):
    outside = tmp_path / "outside.wav"
    deb = write_deb(
        tmp_path / "bad_1_all.deb",
        [
            ("../outside.wav", b"x"),
            ("a/../../outside.wav", b"x"),
            (member("link.wav", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (member("hard.wav", tarfile.LNKTYPE, "/etc/passwd"), b""),
            (member("folder", tarfile.SYMTYPE, str(tmp_path)), b""),
            (member("pipe.wav", tarfile.FIFOTYPE), b""),
            (str(outside), b"x"),
            ("folder/good.wav", b"good"),
        ],
    )
    names = debian.unpack(deb, tmp_path / "in" / "unpacked", {".wav"})
    assert not outside.exists() and not (tmp_path / "in/outside.wav").exists()
    assert not (tmp_path / "good.wav").exists()
    there = [path for path in (tmp_path / "in").rglob("*") if not path.is_dir()]
    assert not any(path.is_symlink() for path in there)
    assert "folder/good.wav" in names and len(there) == len(names)
    assert (tmp_path / "in/unpacked/folder/good.wav").read_bytes() == b"good"


@needs_dpkg
def test_a_zip_archive_in_a_package_is_a_folder_of_it(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("music/theme.wav", "music/notes.txt", "../../../outside.wav"):
            archive.writestr(name, name)
    deb = write_deb(
        tmp_path / "game_1_all.deb", [("base/data.pk3", packed.getvalue()), ("base/bad.zip", b"PK nonsense")]
    )
    names = debian.unpack(deb, tmp_path / "in", {".wav"})
    assert names == ["base/data.pk3/music/theme.wav", "base/data.pk3/outside.wav"]
    assert (tmp_path / "in" / names[0]).read_text() == "music/theme.wav"
    there = {str(path.relative_to(tmp_path / "in")) for path in (tmp_path / "in").rglob("*") if path.is_file()}
    assert there == set(names) and not (tmp_path / "outside.wav").exists()


@needs_dpkg
@pytest.mark.parametrize("keep", [0, 40, 3000])
def test_a_damaged_package_is_reported(tmp_path, keep):
    deb = write_deb(tmp_path / "cut_1_all.deb", [("./a.wav", bytes(5000))])
    deb.write_bytes(deb.read_bytes()[:keep])
    with pytest.raises(AudioError, match="cut_1_all.deb: the package is damaged"):
        debian.unpack(deb, tmp_path / "unpacked", {".wav"})


@pytest.mark.parametrize(
    ("path", "seconds", "domains", "domain"),
    [
        ("x/anything.ogg", 1, ["music"], "music"),
        ("x/Voices/a.ogg", 90, ["music", "speech", "game-sfx"], "speech"),
        ("x/a.ogg", 90, ["music", "game-sfx"], "music"),
        ("x/music/a.ogg", 5, ["music", "game-sfx"], "music"),
        ("x/a.ogg", 5, ["music", "game-sfx", "env"], "game-sfx"),
        ("x/forest.ogg", 5, ["music", "game-sfx", "env"], "env"),
        ("x/forest.ogg", 5, ["music", "game-sfx"], "game-sfx"),
    ],
)
def test_domains(path, seconds, domains, domain):
    assert packages.domain_of(path, seconds, domains) == domain


def test_the_table_that_ships():
    found = {package.name: package for package in packages.read_packages()}
    held_out = packages.read_held_out()
    assert len(found) > 80 and "openttd-openmsx" in found
    assert not {"mazeofgalious-data", "noiz2sa-data", "hyperrogue-music"} & set(found)
    assert all(row.licensed for package in found.values() for row in package.offers.values())
    assert held_out.forbids("redeclipse-data", "usr/share/games/redeclipse/sounds/ambience/a.ogg")
    assert held_out.forbids("tuxpaint-stamps-default", "usr/x_da.ogg")
    assert not held_out.forbids("tuxpaint-stamps-default", "usr/x_de.ogg") and not held_out.forbids("0ad-data")


@pytest.mark.parametrize("table", ["nonsense", TABLE.replace("120", "much"), TABLE.replace("pkg-gone", "-o=x")])
def test_a_damaged_table(tmp_path, table):
    (tmp_path / "t.tsv").write_text(table)
    with pytest.raises(UsageError, match="t.tsv"):
        packages.read_packages(tmp_path / "t.tsv")


def test_extras_have_domain_and_licence_by_their_names(tmp_path):
    (tmp_path / "LICENCES.tsv").write_text(
        "file_prefix\tsource_repository\tlicence\tminutes\nspeech-ann\ta\tCC0\t1\nenv\tb\tCC-BY\t1\nenv\tc\tCC0\t1\n"
    )
    for name in ("speech-ann-00.flac", "env-00.flac", "music-unknown.flac"):
        (tmp_path / name).write_bytes(sound_bytes(0.5))
    said = []
    found = {file.domain: file for file in find_extras(tmp_path, said.append)}
    assert found["speech"].licence == "CC0" and found["speech"].source == "extra:speech-ann"
    assert found["env"].licence == "CC-BY | CC0"
    assert set(found) == {"speech", "env"} and len(said) == 1 and "music-unknown" in said[0]
    (tmp_path / "LICENCES.tsv").unlink()
    with pytest.raises(UsageError, match="LICENCES"):
        find_extras(tmp_path, said.append)


MIDI = bytes.fromhex("4d546864 00000006 0000 0001 0060 4d54726b 0000000d 00 903c40 8340 803c40 00 ff2f00")
FLUIDSYNTH = """#!{python}
import sys, time
import numpy as np, soundfile
if "hang" in sys.argv[-1]:
    time.sleep(60)
rate = int(sys.argv[sys.argv.index("-r") + 1])
soundfile.write(sys.argv[sys.argv.index("-F") + 1], 0.005 * np.sin(np.arange(rate) / 9), rate, subtype="FLOAT")
"""


@pytest.fixture
def fluidsynth(tmp_path, monkeypatch):
    """A synthesiser that is quiet, and hangs on files called so."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    tool = tmp_path / "bin" / "fluidsynth"
    tool.write_text(FLUIDSYNTH.format(python=sys.executable))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


def test_renders_are_level_and_bad_tunes_are_passed_over(tmp_path, fluidsynth):
    tunes = []
    for name, content in (("a", MIDI), ("b", MIDI), ("bad", b"MThd nonsense")):
        (tmp_path / f"{name}.mid").write_bytes(content)
        tunes.append(SourceFile(str(tmp_path / f"{name}.mid"), "music", "render:pkg", "GPL-2"))
    said = []
    files = renders.render_all(
        tunes, tmp_path / "out", [tmp_path / "Grand.sf2", tmp_path / "Small.sf2"], 60, 44_100, said.append
    )
    assert len(files) == 2 and len(said) == 1 and "bad.mid" in said[0]
    assert {file.source for file in files} <= {"render:pkg Grand", "render:pkg Small"} and files[0].licence == "GPL-2"
    samples, _ = soundfile.read(files[0].path)
    assert (samples**2).mean() ** 0.5 == pytest.approx(renders.LOUDNESS, rel=0.05)
    assert len(renders.render_all(tunes[:2], tmp_path / "out", [tmp_path / "x.sf2"], 1 / 60, 44_100, said.append)) == 1


def test_soundfonts_take_turns(tmp_path, fluidsynth, monkeypatch):
    (tmp_path / "a.mid").write_bytes(MIDI)
    tunes = [SourceFile(str(tmp_path / "a.mid"), "music", "render:pkg", "GPL-2")] * 4
    monkeypatch.setattr(renders, "SOUNDS", tmp_path / "sounds")
    with pytest.raises(UsageError, match="no soundfont"):
        renders.find_soundfonts()
    (tmp_path / "sounds/sf2").mkdir(parents=True)
    for name in (*renders.LOSSLESS, "sf2/default-GM.sf2"):
        (tmp_path / "sounds" / name).write_bytes(b"")
    found = renders.find_soundfonts()
    assert [font.stem for font in found] == ["MuseScore_General_Full", "FluidR3_GM"]
    for workers in (1, 3):
        files = renders.render_all(tunes, tmp_path / "out", found, 60, 44_100, [].append, workers)
        assert [file.source.split()[1] for file in files] == 2 * ["MuseScore_General_Full", "FluidR3_GM"]
        assert [os.path.basename(file.path) for file in files] == [f"{number:06d}.wav" for number in range(4)]


def test_a_render_that_hangs_is_given_up(tmp_path, fluidsynth):
    (tmp_path / "hang.mid").write_bytes(MIDI)
    with pytest.raises(AudioError, match="hang.mid: fluidsynth did not end"):
        renders.render(tmp_path / "hang.mid", tmp_path / "x.wav", tmp_path / "x.sf2", 44_100, time_out=0.5)
    assert not list(tmp_path.glob("x*"))


@needs_dpkg
def test_without_fluidsynth_there_are_no_renders_but_a_corpus(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(renders.shutil, "which", lambda tool: None if tool == "fluidsynth" else tool)
    said = []
    recipe = Recipe(mirror[0], only=("pkg-game",), workers=1)
    built = build(tmp_path / "corpus", tmp_path / "cache", recipe, said.append, lambda done, whole, text: None)
    assert built.items and len(said) == 1 and "fluidsynth is not installed" in said[0]
