"""Places in object stores: in memory, and at an S3 server that runs here."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

if any(find_spec(name) is None for name in ("fsspec", "s3fs", "moto", "flask")):
    pytest.skip("needs fsspec, s3fs and moto[s3]: pip install 'nac-cli[test]'", allow_module_level=True)

from moto import server

from nac_cli.archive import journal
from nac_cli.archive.archiving import Archiving
from nac_cli.archive.holder import Holder
from nac_cli.archive.journal import JOURNAL, Done, Planned
from nac_cli.archive.library import archive, survey
from nac_cli.archive.places import store
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.places.opening import open_place
from nac_cli.archive.places.place import LOCK, Found
from nac_cli.archive.places.store import Store
from nac_cli.archive.places.temporary import NAME
from nac_cli.archive.places.visibility import RequiresVisible
from nac_cli.archive.workers.processes import ProcessPool
from nac_cli.errors import AudioError, CorruptStream, UsageError
from nac_cli.failures import explain
from tests.archive.conftest import LocalPool
from tests.helpers.works import Doubling

HARD = "\u00e9t\u00e9 \U0001f3b5/[a-z]*? #1&+%20.wav"


@pytest.fixture(scope="module")
def address():
    """Of an S3 server."""
    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


@pytest.fixture
def s3(address, monkeypatch, tmp_path_factory):
    """A client, and a bucket named `bucket` with nothing in it, in the environment of all that runs here."""
    import boto3
    import s3fs

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    nothing = str(tmp_path_factory.mktemp("aws") / "none")
    for name, value in {
        "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    for item in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=item["Key"])


@pytest.fixture(params=["memory", "s3"])
def name(request, tmp_path):
    """The URL of a place where nothing is, with a name that wants care."""
    if request.param == "s3":
        request.getfixturevalue("s3")
        return "s3://bucket/some folder/\u00fc"
    return f"memory://{tmp_path.name}/some folder/\u00fc"


def write(place, path: str, data: bytes = b"1234") -> None:
    with place.writing(path, 5) as local:
        local.write_bytes(data)


def read(place, path: str) -> bytes:
    with place.reading(path) as local:
        return local.read_bytes()


def paths(place) -> list[str]:
    return [found.path for found in place.walk(lambda path, reason: None)]


def test_files_are_written_found_and_read(name):
    place = open_place(name)
    for path in ("a.wav", HARD, "x/y/z.FLAC", ".nac/unlisted"):
        write(place, path, path.encode())
    found = sorted(place.walk(lambda path, reason: None), key=lambda found: found.path)
    assert [file.path for file in found] == sorted(["a.wav", HARD, "x/y/z.FLAC"])
    for file in found:
        assert place.stat(file.path) == file and file.size == len(file.path.encode()) and file.mtime_ns > 10**18
        assert read(place, file.path) == file.path.encode()
    with place.reading("x/y/z.FLAC") as local:
        assert local.suffix == ".FLAC"
    assert not local.parent.exists()
    assert place.stat("x") is None and place.stat("no.wav") is None
    assert not place.folds_case()


def test_a_place_can_be_sent(name):
    write(open_place(name), "a.wav")
    assert paths(pickle.loads(pickle.dumps(open_place(name)))) == ["a.wav"]


def test_what_fails_is_not_written_and_leaves_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = open_place(name)
    write(place, "a.wav", b"old")
    with pytest.raises(CorruptStream), place.writing("a.wav", 0) as local:
        local.write_bytes(b"new")
        raise CorruptStream("no")
    assert read(place, "a.wav") == b"old" and paths(place) == ["a.wav"]
    assert not list(tmp_path.glob("nac-*"))


def test_errors_name_the_file_in_the_store(name):
    place = open_place(name)
    write(place, "a.wav")
    with pytest.raises(CorruptStream) as error, place.reading("a.wav") as local:
        raise CorruptStream(f"{local}: damaged")
    assert str(error.value) == f"{name}/a.wav: damaged"
    with pytest.raises(AudioError, match="gone.wav"):
        read(place, "gone.wav")


def test_an_empty_place_is_told(name):
    with pytest.raises(FileNotFoundError):
        paths(open_place(name))
    assert open_place(name).records(JOURNAL) == b""


def test_records_are_appended_in_parts(name, monkeypatch):
    monkeypatch.setattr(store, "PART_BYTES", 100)
    lines = [b"%03d %s\n" % (number, b"x" * (number % 40)) for number in range(40)]
    place = open_place(name)
    for line in lines[:10]:
        place.append(JOURNAL, line)
    with place.claim():
        for line in lines[10:]:
            place.append(JOURNAL, line)
    assert place.records(JOURNAL) == b"".join(lines)
    parts = [path for path in place._names(".nac") if path.startswith(JOURNAL)]
    assert parts[0] == f"{JOURNAL}.000001" and len(parts) > 5
    assert all(place.stat(path).size <= 100 for path in parts)


def test_a_journal_moves_from_a_folder_to_a_store_and_back(name, tmp_path):
    folder, place = Folder(tmp_path / "a"), open_place(name)
    (tmp_path / "a" / ".nac").mkdir(parents=True)
    with folder.claim():
        folder.append(JOURNAL, b"1\n2\ncut o")
    write(place, JOURNAL, (tmp_path / "a" / JOURNAL).read_bytes())
    place.append(JOURNAL, b"3\n")
    assert place.records(JOURNAL) == b"1\n2\ncut o\n3\n"
    (tmp_path / "a" / f"{JOURNAL}.000001").write_bytes(read(place, f"{JOURNAL}.000001"))
    folder.append(JOURNAL, b"4\n")
    assert folder.records(JOURNAL) == b"1\n2\ncut o\n3\n4\n"


def test_only_one_may_claim_it(name):
    place = open_place(name)
    with place.claim():
        with pytest.raises(UsageError, match=f"process {os.getpid()}.*remove {name}/{LOCK}"), open_place(name).claim():
            pass
        assert place.stat(LOCK) is not None
    assert place.stat(LOCK) is None
    with open_place(name).claim():
        pass


def test_a_lock_left_behind(name):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait() if name.startswith("s3") else time.sleep(1)  # one of whom the system still knows
    place = open_place(name)
    who = json.loads(Holder.me())
    write(place, LOCK, json.dumps({**who, "pid": ended.pid}).encode())
    with place.claim():
        assert json.loads(place.records(LOCK))["pid"] == os.getpid()
    for lock in (json.dumps({**who, "pid": ended.pid, "machine": "another"}).encode(), b"nonsense"):
        write(place, LOCK, lock)
        with pytest.raises(UsageError, match="works on this archive"), place.claim():
            pass
        assert place.records(LOCK).rstrip() == lock
    ended.wait()


def test_names_that_no_path_can_have_are_skipped(s3):
    for key in ("good.wav", "a//b.wav", "../up.wav", "marker/"):
        s3.put_object(Bucket="bucket", Key=f"lib/{key}", Body=b"1")
    skipped = []
    found = list(open_place("s3://bucket/lib").walk(lambda path, reason: skipped.append(path)))
    assert [file.path for file in found] == ["good.wav"] and sorted(skipped) == ["../up.wav", "a//b.wav"]


def test_names_that_are_no_text_fail_alone(name):
    place = open_place(name)
    with pytest.raises(AudioError, match=r"caf\\udce9.wav.*rename"):
        write(place, "caf\udce9.wav")
    write(place, "caf\u00e9.wav")


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("s3://nowhere/x", AudioError, "bucket does not exist"),
        ("s3://", UsageError, "no bucket"),
        ("gopher://x/y", UsageError, "gopher.*such as s3://bucket/folder"),
        ("file://elsewhere/x", UsageError, "another machine"),
    ],
)
def test_places_that_are_not_there(s3, url, kind, said):
    with pytest.raises(kind, match=said):
        paths(open_place(url))
    with pytest.raises(kind, match=said), open_place(url).claim():
        pass


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "check the address"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_service_that_cannot_be_had(s3, monkeypatch, variables, said):
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable)
    with pytest.raises(AudioError, match=said):
        paths(open_place("s3://bucket/x"))


def test_no_permission(s3, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError("Access Denied")

    place = open_place("s3://bucket/x")
    monkeypatch.setattr(place._fs, "put_file", refuse)
    with pytest.raises(AudioError, match="Access Denied.*credentials"):
        write(place, "a.wav")


def test_a_missing_package_names_the_extra(monkeypatch):
    import fsspec.registry  # noqa: F401

    monkeypatch.setattr(sys.modules["fsspec.registry"], "_registry", {})
    monkeypatch.setattr(sys.modules["fsspec.registry"], "registry", {})
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ModuleNotFoundError) as error:
        open_place("s3://bucket/x")
    assert "nac-cli[archive]" in explain(error.value).message
    with pytest.raises(UsageError, match="gcsfs"):
        open_place("gs://bucket/x")


def test_a_file_url_is_a_folder(tmp_path):
    (tmp_path / "a b \u00fc").mkdir()
    for url in (f"file://{tmp_path}/a b \u00fc", f"file://localhost{tmp_path}/a%20b%20%C3%BC"):
        place = open_place(url)
        assert isinstance(place, Folder) and place.root == tmp_path / "a b \u00fc"


def test_temporary_files_of_killed_processes_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid()):
        (tmp_path / f"{NAME.format(process)}x").mkdir()
    Store("memory://x").discard_unfinished()
    assert [left.name for left in tmp_path.iterdir()] == [f"{NAME.format(os.getpid())}x"]


def outputs(place) -> dict[str, str]:
    return {path: hashlib.sha256(read(place, path)).hexdigest() for path in paths(place)}


def run(source, target, settings, make_pool=LocalPool):
    with target.claim():
        found = survey(source, target, settings, copy_others=True)
        pool = make_pool(Archiving(source, target, settings, threads=1))
        try:
            return archive(source, target, settings, found, pool)
        finally:
            pool.close()


def test_archives_are_the_same_wherever_they_lie(name, library, settings, tmp_path):
    (library / "album" / "-c\n;.wav").unlink()  # a name that the server of these tests cannot take
    here = Folder(tmp_path / "here")
    run(Folder(library), here, settings)
    source, target = open_place(f"{name}/from"), open_place(f"{name}/to")
    for file in Folder(library).walk(lambda path, reason: None):
        write(source, file.path, (library / file.path).read_bytes())
    tally = run(source, target, settings)
    assert (tally.done, tally.copied, tally.failed) == (3, 1, [])
    assert outputs(target) == outputs(here) and len(outputs(here)) == 4
    entries, local = journal.read(target).last, journal.read(here).last
    for path, entry in entries.items():
        assert (entry.sha256, entry.bytes, entry.target) == (local[path].sha256, local[path].bytes, local[path].target)
        assert entry.source_mtime_ns == source.stat(path).mtime_ns
    assert run(source, target, settings).done == 0
    write(source, "a.wav", b"no sound any more")
    assert [failed.path for failed in run(source, target, settings).failed] == ["a.wav"]


def test_processes_work_on_a_store(s3, library, settings):
    (library / "album" / "-c\n;.wav").rename(library / os.fsdecode(b"caf\xe9.wav"))
    target = open_place("s3://bucket/small")
    tally = run(Folder(library), target, settings, lambda work: ProcessPool(work, 1))
    assert tally.done == 3 and [failed.exit_code for failed in tally.failed] == [3]
    assert "rename" in tally.failed[0].error
    assert len(paths(target)) == 4 and isinstance(journal.read(target).last["a.wav"], Done)


def test_journals_of_many_lines_are_read_whole(s3):
    place = open_place("s3://bucket/many")
    with place.claim():
        for first in range(0, 2000, 250):
            journal.append(place, [Planned(f"{number}.wav", f"{number}.nac") for number in range(first, first + 250)])
    assert len(journal.read(place).targets) == 2000 and journal.read(place).unreadable == 0


def test_workers_that_do_not_see_a_place_refuse(name, tmp_path):
    place = open_place(name)
    with place.claim():
        lock = place.stat(LOCK)
        RequiresVisible(Doubling(), ((place, lock),)).open()
        for wrong in (Found("no such file", 1, 0), Found(LOCK, lock.size, lock.mtime_ns + 3 * 10**9)):
            with pytest.raises(UsageError, match="not visible"):
                RequiresVisible(Doubling(), ((place, wrong),)).open()
    assert Path(tmp_path).exists()
