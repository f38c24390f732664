"""nac beside other codecs at the same file size: the plan of a comparison, its work, and what is kept of it.

The unit of work is one clip at one rate: nac first, then every peer at the size of nac's file. Each of the
results is a file of its own in the report's folder, written when it is done, so that a run that was stopped
goes on where it was, and one with a codec or a rate more measures only these.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context

import numpy as np

from nac_cli.bench.clips import SPEECH, Clip, read_clip
from nac_cli.bench.memory import peak_alone
from nac_cli.bench.metrics import METRICS
from nac_cli.bench.nac import FAMILIES, model_of_family, through_nac
from nac_cli.bench.peers import JUDGES, PEERS, PeerResult, Setting, matched, through
from nac_cli.bench.results import Row
from nac_cli.bench.store import ORIGINAL, Store
from nac_cli.errors import NacError, UsageError
from nac_cli.models import zoo
from nac_cli.pipelines.split import Split
from nac_cli.values import Waveform

CODECS = ("nac", "opus")
COLUMNS = ("mel", "visqol", "zimtohrli", "si_sdr", "lines")
VERSION = 1
"""Goes up when figures of an earlier version no longer count."""


@dataclass(frozen=True)
class Plan:
    """Settings of a comparison. `rates` in bit/s are those of nac, to whose files peers are matched;
    `peer_rates` are further ones of the peers alone. `mono` mixes channels down first. `memory` runs every
    codec once more in a process of its own, to measure what it takes."""

    codecs: tuple[str, ...] = CODECS
    rates: tuple[int, ...] = (6000,)
    peer_rates: tuple[int, ...] = ()
    columns: tuple[str, ...] = COLUMNS
    judges: tuple[str, ...] = JUDGES
    mono: bool = False
    memory: bool = False
    model: str = zoo.DEFAULT
    entropy: str = "auto"

    def __post_init__(self) -> None:
        _check_names("codec", self.codecs, ("nac", *PEERS, *FAMILIES))
        _check_names("metric", (*self.columns, *self.judges), tuple(METRICS))
        if not self.codecs or not self.rates:
            raise UsageError("a comparison needs a codec and a rate")

    def every_rate(self) -> list[int]:
        return list(dict.fromkeys((*self.rates, *self.peer_rates)))


@dataclass(frozen=True)
class Task:
    """One clip at one rate, with `store` for its results (None: nothing is kept)."""

    clip: Clip
    rate: int
    plan: Plan
    store: Store | None
    threads: int | None = None


@dataclass(frozen=True)
class Done:
    """The result of a task: rows in the order of the codecs, codecs left out with the reason, and the number of rows
    that were there before."""

    rows: list[Row]
    left_out: list[str]
    resumed: int


def compare(
    clips: Sequence[Clip],
    plan: Plan,
    store: Store | None = None,
    jobs: int = 1,
    warn: Callable[[str], None] | None = None,
    progress: Callable[[Done, int, int], None] | None = None,
) -> list[Row]:
    """Every clip through every codec at every rate, in that order of nesting, whatever was done first.

    What fails is told to `warn` and left out; without `warn` its error is raised. `progress` takes what is
    done, how many tasks are and how many there are.
    """
    threads = None if jobs == 1 else max((os.cpu_count() or 1) // jobs, 1)
    tasks = [Task(clip, rate, plan, store, threads) for clip in clips for rate in plan.every_rate()]
    results: dict[int, Done] = {}
    for index, done in _each(tasks, jobs, strict=warn is None):
        results[index] = done
        if warn:  # else nothing is left out
            for message in done.left_out:
                warn(message)
        if progress:
            progress(done, len(results), len(tasks))
    return [row for index in sorted(results) for row in results[index].rows]


def run(task: Task, strict: bool = False) -> Done:
    """Measure, or find what was measured before. With `strict` errors are raised."""
    rows, left_out, resumed = [], [], 0
    try:
        waveform, digest = read_clip(task.clip.path, task.plan.mono), task.clip.digest()
        if task.store:
            task.store.keep_sound(task.clip.name, ORIGINAL, waveform.samples, waveform.sample_rate)
    except NacError as error:
        if strict:
            raise
        return Done([], [f"{task.clip.path}: {error}"], 0)
    target: float = task.rate
    for codec in task.plan.codecs:
        if codec == "nac" and task.rate not in task.plan.rates:
            continue
        request = _request(task, codec, target, digest)
        name = f"{codec}-{task.rate}"
        row = task.store.find(task.clip.name, name, request) if task.store else None
        resumed += row is not None
        try:
            if row is None:
                row, decoded = _measured(task, codec, target, waveform)
                if task.store:
                    sound = task.store.keep_sound(task.clip.name, name, decoded, waveform.sample_rate)
                    row = replace(row, sound=sound)
                    task.store.keep(task.clip.name, name, request, row)
        except NacError as error:
            if strict:
                raise
            left_out.append(f"{task.clip.path}: {codec} at {task.rate / 1000:g} kbit/s: {error}")
            continue
        rows.append(row)
        if codec == "nac":
            target = row.bitrate
    return Done(rows, left_out, resumed)


def _each(tasks: Sequence[Task], jobs: int, strict: bool) -> Iterator[tuple[int, Done]]:
    if jobs == 1 or len(tasks) < 2:
        for index, task in enumerate(tasks):
            yield index, run(task, strict)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(run, task, strict): index for index, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _measured(task: Task, codec: str, target: float, waveform: Waveform) -> tuple[Row, np.ndarray]:
    """The row and the decoded sound."""
    split = None
    if codec in PEERS:
        settings = PEERS[codec].settings(target, waveform.channels)
        result = matched(waveform.samples, waveform.sample_rate, target, settings, task.plan.judges)
        met, again = result.meets(target), _again(codec, waveform, result, settings)
    else:
        model = task.plan.model if codec == "nac" else model_of_family(codec)
        entropy = task.plan.entropy if codec == "nac" else "auto"
        _load(model, task.threads)
        arguments = (waveform, round(target), model, entropy, task.threads, codec != "nac")
        result, split = through_nac(*arguments)
        met, again = codec == "nac" or result.meets(target), (through_nac, *arguments)
    row = _row(task, codec, waveform, result, split, met)
    if task.plan.memory and again:
        row = replace(row, peak_bytes=peak_alone(*again))
    return row, result.decoded


def _again(codec: str, waveform: Waveform, result: PeerResult, settings: Sequence[Setting]) -> tuple | None:
    """The call that codes a clip once more as it was coded, for `peak_alone`; None for programs, which are processes of
    their own."""
    if PEERS[codec].outside:
        return None
    setting = next(setting for setting in settings if str(setting) == result.setting)
    low, high = setting.limits(waveform.channels)
    bitrate = min(max(round(result.bitrate), low), high)
    return through, waveform.samples, waveform.sample_rate, bitrate, setting


def _row(task: Task, codec: str, waveform: Waveform, result: PeerResult, split: Split | None, met: bool) -> Row:
    return Row(
        clip=task.clip.name,
        codec=codec,
        target=task.rate,
        bitrate=result.bitrate,
        file_bytes=result.file_bytes,
        setting=result.setting,
        scores=_scores(task, waveform, result),
        domain=task.clip.domain,
        met=met,
        seconds=waveform.duration,
        sample_rate=waveform.sample_rate,
        channels=waveform.channels,
        encode_seconds=result.encode_seconds,
        decode_seconds=result.decode_seconds,
        split=asdict(split) if split else None,
    )


def _scores(task: Task, waveform: Waveform, result: PeerResult) -> dict[str, float]:
    scores = {}
    for name in task.plan.columns:
        metric = METRICS[name]
        if metric.speech_only and task.clip.domain != SPEECH:
            scores[name] = float("nan")
        elif name in result.scores:
            scores[name] = result.scores[name]
        else:
            scores[name] = metric.measure(waveform.samples, result.decoded, waveform.sample_rate)
    return scores


def _load(model: str, threads: int | None) -> None:
    """The model into memory, so that the first clip's time has no loading in it."""
    from nac_cli.pipelines.models.opening import open_model

    open_model(zoo.find(model), threads=threads)


def _request(task: Task, codec: str, target: float, digest: str) -> dict:
    """All that a result depends on."""
    request = {
        "version": VERSION,
        "clip": digest,
        "domain": task.clip.domain,
        "mono": task.plan.mono,
        "memory": task.plan.memory,
        "codec": codec,
        "target": round(target, 3),
        "columns": sorted(task.plan.columns),
    }
    if codec in PEERS:
        return request | {"judges": list(task.plan.judges)}
    file = zoo.find(task.plan.model if codec == "nac" else model_of_family(codec))
    lm = zoo.lm_beside(file)
    return request | {
        "model": file.spec.model_id.hex(),
        "lm": lm and lm.model_id.hex(),
        "entropy": task.plan.entropy,
    }


def _check_names(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise UsageError(f"unknown {kind} {', '.join(unknown)}; there are {', '.join(known)}")
