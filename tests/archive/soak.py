"""A soak of `nac archive`: kills, a full disk and a library that changes, and after each whether anything is lost.

    python -m tests.archive.soak FOLDER SECONDS [SEED]

FOLDER is a new folder; as root the archive is on a small disk of its own in memory (a tmpfs), which is filled up now
and then, else a limit on the size of files stands for that. Ends with exit code 1, and leaves everything as it was, at
the first fault.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.archive import journal
from nac_cli.archive.places.folder import UNFINISHED, Folder
from nac_cli.audio import open_audio
from nac_cli.errors import EXIT_CODES
from nac_cli.pipelines.verify import verify
from tests.helpers.codecs import TINY, write_tiny_model

ROOT = Path(__file__).parents[2]
FILES = 30
DISK_BYTES = 24 << 20
FULL_BYTES = 40_000
"""What is left of a full disk."""
PATIENCE = 600
"""Seconds that an undisturbed run may take."""
DISTURBANCES = ("kill all", "kill all", "kill parent", "kill worker", "interrupt", "terminate", "full disk", "none")


class Fault(Exception):
    """Something was lost, doubled or half done."""


class Soak:
    """A library, its archive, and what happens to them; `counts` of it all."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random, self.numpy = random.Random(seed), np.random.default_rng(seed)
        self.library, self.disk, self.models = folder / "library", folder / "disk", folder / "models"
        for new in (self.library, self.disk, self.models):
            new.mkdir(parents=True)
        self.mounted = _mount(self.disk)
        self.archive = self.disk / "archive"
        write_tiny_model(self.models)
        self.counts: collections.Counter[str] = collections.Counter()
        self.archived: dict[str, str] = {}
        self.stamp = 1_600_000_000
        for _ in range(FILES):
            self.add()

    # what happens to the library

    def add(self) -> None:
        depth = self.random.randrange(3)
        parts = [f"d{self.random.randrange(4)}" for _ in range(depth)]
        name = self.random.choice(["a.wav", "b.flac", "c.ogg", "ü 1.wav", "notes.txt", "cover.jpg"])
        self._write(self.library.joinpath(*parts, f"{self.random.randrange(200)}{name}"))

    def change_something(self) -> None:
        files = sorted(path for path in self.library.rglob("*") if path.is_file())
        verb = self.random.choice(["add", "change", "change", "remove", "rename", "touch", "grow"])
        path = self.random.choice(files) if files else None
        with suppress(OSError):
            if path is None or verb == "add" or len(files) < FILES // 2:
                self.add()
            elif verb == "change":
                self._write(path)
            elif verb == "remove":
                path.unlink()
            elif verb == "rename":
                path.rename(path.with_name(f"r{self.random.randrange(100)}{path.name}"))
            elif verb == "touch":
                self._stamp(path)
            else:  # a recorder that still writes
                with open(path, "ab") as file:
                    file.write(self.numpy.bytes(2000))
        self.counts["changes of the library"] += 1

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".wav", ".flac", ".ogg"):
            samples = self.numpy.normal(0, 0.1, (self.random.randrange(500, 40_000), self.random.choice([1, 2])))
            soundfile.write(path, samples, 22_050)
        else:
            path.write_bytes(self.numpy.bytes(self.random.randrange(3000)))
        self._stamp(path)

    def _stamp(self, path: Path) -> None:
        self.stamp += 10  # times that differ by more than a file system may blur
        os.utime(path, (self.stamp, self.stamp))

    # runs

    def start(self, *args: str, limit: int | None = None) -> subprocess.Popen:
        command = [
            sys.executable, "-m", "nac_cli.cli.main", "archive", "run", str(self.library), str(self.archive), "--model",
            TINY, "-q", "1", "--entropy", "packed", "--copy-others", "--threads", "1", "--workers",
            self.random.choice("12"), *args,
        ]  # fmt: skip
        environment = os.environ | {"NAC_MODELS": str(self.models), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

        def limited() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            preexec_fn=limited,
        )  # fmt: skip

    def disturbed_run(self) -> None:
        """A run that ends early, or is let alone, while the library changes under it."""
        kind = self.random.choice(DISTURBANCES)
        ballast = self._fill() if kind == "full disk" and self.mounted else None
        limit = FULL_BYTES // 8 if kind == "full disk" and not self.mounted else None
        process = self.start(limit=limit)
        deadline = time.monotonic() + (PATIENCE if kind in ("full disk", "none") else self.random.uniform(0.3, 6.0))
        stop = threading.Event()

        def disturb() -> None:
            while not stop.wait(self.random.uniform(0.05, 0.6)):
                self.change_something()

        changer = threading.Thread(target=disturb)
        if self.random.random() < 0.5:
            changer.start()
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        ended = process.poll() is not None
        if not ended:
            _signal(process, kind)
        try:
            _, told = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Fault(f"a run does not end after: {kind}") from None
        finally:
            stop.set()
            if changer.ident:
                changer.join()
            if ballast:
                ballast.unlink()
        self.counts[f"runs: {kind}" if not ended or kind in ("full disk", "none") else "runs: ended before"] += 1
        self._require_words(process.returncode, told.decode("utf-8", "replace"), kind)
        if kind == "kill parent":
            self._wait_for_orphans()
        self.require_whole_files()

    def _fill(self) -> Path:
        ballast = self.disk / "ballast"
        free = shutil.disk_usage(self.disk).free
        with open(ballast, "wb") as file:
            file.write(bytes(max(free - self.random.randrange(FULL_BYTES), 0)))
        return ballast

    def _require_words(self, code: int, told: str, kind: str) -> None:
        own = code >= 0  # workers whose parent was killed end with Python's words
        if own and ("Traceback" in told or "internal error" in told):
            raise Fault(f"after {kind}: {told[-3000:]}")
        if own and code not in (0, *EXIT_CODES):
            raise Fault(f"exit code {code} after {kind}: {told[-3000:]}")
        if code > 0 and not told.strip():
            raise Fault(f"exit code {code} without a word after {kind}")
        self.counts[f"exit code {code}"] += 1

    def _wait_for_orphans(self) -> None:
        """Workers end with the process that started them; the next run would be refused nothing by them, but what they
        leave must be as whole."""
        time.sleep(self.random.uniform(0, 0.5))

    # what must hold

    def require_whole_files(self) -> None:
        """At any moment: every file that has its name in the archive is whole, and none that the journal records as
        finished is gone."""
        if not self.archive.exists():
            return
        place = Folder(self.archive)
        ledger = journal.read(place)
        if ledger.lost:
            raise Fault(f"{ledger.lost} lines of the journal are lost")
        targets = {entry.target for entry in ledger.files.values()}
        for target in targets:
            if place.stat(target) is None:
                raise Fault(f"{target}: is in the journal, but gone")
        planned = set(ledger.targets.values())
        for found in place.walk(lambda path, reason: None):
            if found.path not in planned:
                raise Fault(f"{found.path}: nobody planned it")
            if found.path.endswith(".nac"):
                report = verify(self.archive / found.path, "structure")
                if not report.sound:
                    raise Fault(f"{found.path}: {report.damage}")
        self.counts["files looked at"] += len(targets)

    def settle(self) -> None:
        """Undisturbed, everything gets done, once; then it is as the library is."""
        for _ in range(3):
            process = self.start("--json")
            out, told = process.communicate(timeout=PATIENCE)
            self._require_words(process.returncode, told.decode("utf-8", "replace"), "nothing")
            if process.returncode in (0, 11):
                break
            time.sleep(1)  # orphans of a killed parent may hold what they are writing
        else:
            raise Fault(f"a run that nothing disturbs ends with {process.returncode}: {told.decode()[-2000:]}")
        failed = {
            record["file"] for line in out.splitlines() if "error" in (record := json.loads(line)) and "file" in record
        }
        self.counts["quiet runs"] += 1
        again, told = self.start("--dry-run", "--json").communicate(timeout=PATIENCE)
        todo = {job["path"] for job in json.loads(again.splitlines()[-1])["jobs"]}
        if todo - failed:
            raise Fault(f"a second run would do files again: {sorted(todo - failed)[:5]}")
        self._require_complete(failed)

    def _require_complete(self, failed: set[str]) -> None:
        place = Folder(self.archive)
        ledger = journal.read(place)
        names = list(ledger.targets.values())
        if len(set(names)) != len(names):
            raise Fault("two files have one place")
        if left := list((self.archive / UNFINISHED).glob("*")):
            raise Fault(f"unfinished files are left: {left}")
        for path in (path for path in self.library.rglob("*") if path.is_file()):
            name = str(path.relative_to(self.library))
            if name in failed:
                self._require_unreadable(path)
                continue
            entry = ledger.last.get(name)
            if not isinstance(entry, journal.Done | journal.Copied):
                raise Fault(f"{name}: is not in the archive")
            data = (self.archive / entry.target).read_bytes()
            if (len(data), hashlib.sha256(data).hexdigest()) != (entry.bytes, entry.sha256):
                raise Fault(f"{name}: the archive has another file than the journal says")
            if isinstance(entry, journal.Copied):
                if data != path.read_bytes():
                    raise Fault(f"{name}: the copy differs")
                continue
            with open_audio(path, warn=lambda text: None) as sound:
                shape = sound.sample_rate, sound.channels
            if shape != (entry.sample_rate, entry.channels):
                raise Fault(f"{name}: {shape} in the library, {entry} in the archive")
            self.counts["sounds compared"] += 1
        walked = {found.path for found in place.walk(lambda path, reason: None)}
        if walked != {entry.target for entry in ledger.files.values()}:
            raise Fault(f"the archive has other files than the journal: {walked ^ set(names)}")
        lost = self.archived.keys() - ledger.files.keys()
        if lost:
            raise Fault(f"files that were archived are no longer known: {lost}")
        self.archived = {path: entry.target for path, entry in ledger.files.items()}
        self.counts["unreadable lines"] = ledger.unreadable

    def _require_unreadable(self, path: Path) -> None:
        try:
            with open_audio(path, warn=lambda text: None) as sound:
                if sound.num_samples:
                    raise Fault(f"{path}: failed, but can be read")
        except Fault:
            raise
        except Exception:  # so the run was right
            self.counts["files that hold no sound"] += 1

    def require_restored(self) -> None:
        """Everything that the archive has comes back."""
        back = self.disk.parent / "back"
        shutil.rmtree(back, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "nac_cli.cli.main",
            "archive",
            "restore",
            str(self.archive),
            str(back),
            "--quiet",
        ]
        environment = os.environ | {"NAC_MODELS": str(self.models), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        run = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE, check=False)
        if run.returncode:
            raise Fault(f"restore ends with {run.returncode}: {run.stderr.decode()[-2000:]}")
        count = sum(path.is_file() for path in back.rglob("*"))
        if count != len(self.archived):
            raise Fault(f"{count} files were restored of {len(self.archived)}")
        shutil.rmtree(back)
        self.counts["restorations"] += 1

    def prune(self) -> None:
        """A new archive, when the disk has not much room left."""
        if shutil.disk_usage(self.disk).free < DISK_BYTES // 3 or len(self.archived) > 300:
            shutil.rmtree(self.archive)
            self.archived = {}
            self.counts["new archives"] += 1

    def go_on(self, seconds: float) -> None:
        started = told = time.monotonic()
        while time.monotonic() - started < seconds:
            for _ in range(self.random.randrange(1, 6)):
                for _ in range(self.random.randrange(6)):
                    self.change_something()
                self.disturbed_run()
            self.settle()
            if self.random.random() < 0.2:
                self.require_restored()
            self.prune()
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(f"{told - started:.0f} s: {dict(self.counts)}", flush=True)
        print(f"{time.monotonic() - started:.0f} s without a fault: {dict(self.counts)}", flush=True)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", str(self.disk)], check=False)


def _mount(folder: Path) -> bool:
    """A small disk of its own in memory, if this user may have one."""
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("mount"):
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _signal(process: subprocess.Popen, kind: str) -> None:
    with suppress(ProcessLookupError):
        if kind == "kill all":
            os.killpg(process.pid, signal.SIGKILL)
        elif kind == "kill parent":
            process.kill()
        elif kind == "kill worker":
            for child in _children(process.pid):
                os.kill(child, signal.SIGKILL)
        elif kind == "interrupt":
            os.killpg(process.pid, signal.SIGINT)
        elif kind == "terminate":
            process.terminate()


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def main() -> None:
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    print(f"seed {seed}", flush=True)
    soak = Soak(folder, seed)
    try:
        soak.go_on(seconds)
    except Fault as fault:
        print(f"FAULT: {fault}\n{dict(soak.counts)}\nall is left in {folder}", flush=True)
        sys.exit(1)
    soak.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
