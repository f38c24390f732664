"""A comparison as one page: everything inside, so that it works from a disk without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nac_cli.bench import page
from nac_cli.bench.charts import charts, legend, library
from nac_cli.bench.clips import read_clip
from nac_cli.bench.metrics import METRICS
from nac_cli.bench.notes import Results, about, measured_points, notes
from nac_cli.bench.pictures import DEPTH, TOP_HERTZ, spectrogram_uri
from nac_cli.bench.results import EVERYTHING, Row, domains, from_plain, means, metrics_of
from nac_cli.bench.sounds import Packed, pack
from nac_cli.bench.store import ORIGINAL
from nac_cli.bench.summary import (
    clip_table,
    counted_clips,
    equal_table,
    peers_of,
    sentence,
    usual_rate,
    win_table,
)
from nac_cli.bench.tables import LABELS, cost_table, figure, mean_table
from nac_cli.errors import AudioError, UsageError
from nac_cli.files import sha256_of, write_text

RESULTS_FILE, PAGE = "results.json", "report.html"
BUDGET = 48_000_000
MAIN_METRICS = ("visqol", "zimtohrli", "mel", "stft", "si_sdr", "lines", "pesq", "stoi", "side_mel", "width")
"""The order of the page; what is not in it comes after."""


def read_results(folder: Path) -> Results:
    """Raises UsageError where `folder` holds no results of `nac bench`."""
    path = folder / RESULTS_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [from_plain(row) for row in found["rows"]]
        _require_known(rows)
        parts = found["versions"], found.get("plan", {}), found.get("left_out", []), found.get("absent", {})
        if [type(part) for part in parts] != [dict, dict, list, dict]:
            raise ValueError("versions, plan, what is left out or absent have another form")
        return Results(rows, *parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        hint = f"make them with `nac bench PATHS -o {folder}`"
        raise UsageError(f"{path}: no results of `nac bench` ({error}); {hint}") from error


def _require_known(rows: Sequence[Row]) -> None:
    """Raise ValueError for codecs and metrics that there are not."""
    unknown = [row.codec for row in rows if row.codec not in LABELS]
    unknown += [name for row in rows for name in row.scores if name not in METRICS]
    if unknown:
        raise ValueError(f"there is no codec or metric {unknown[0]!r}")


def write_report(folder: Path, results: Results, budget: int = BUDGET) -> Path:
    """The page beside the results; its path. `budget` bounds the bytes that sounds take in it.

    Raises UsageError for results without rows, AudioError for sounds that cannot be read.
    """
    if not results.rows:
        raise UsageError(f"{folder}: the results have no rows, there is nothing to show")
    path = folder / PAGE
    scripts = [*library(), page.asset("player.js"), page.asset("report.js")]
    write_text(path, page.render("report.html", _values(folder, results, budget), scripts))
    return path


def _values(folder: Path, results: Results, budget: int) -> dict:
    rows = results.rows
    metrics = sorted(metrics_of(rows), key=lambda name: (*MAIN_METRICS, *METRICS).index(name))
    sounds = _Sounds(folder, rows, budget)
    peers, codecs = peers_of(rows), list(dict.fromkeys(row.codec for row in rows))
    drawn = charts(rows, metrics)
    equal_header, equal_lines = equal_table(rows, metrics)
    win_header, win_lines = win_table(rows, metrics)
    cost_header, cost_lines = cost_table(means(rows))
    split_header, split_lines = _split_table(rows)
    return {
        "style": page.asset("style.css"),
        "summary": sentence(rows),
        "about": about(results),
        "notes": notes(results),
        "domains": _domain_tables(rows, metrics),
        "header": mean_table([], metrics)[0],
        "legend": legend(codecs),
        "charts": [{"id": c.id, "label": c.label, "better": c.better} for c in drawn],
        "data": {"charts": [c.item for c in drawn]},
        "equal_header": equal_header,
        "equal_lines": equal_lines,
        "cost_header": cost_header,
        "cost_lines": cost_lines,
        "split_header": split_header,
        "split_lines": split_lines,
        "measured": measured_points(rows),
        "win_header": win_header,
        "win_lines": win_lines,
        "rival": LABELS[peers[0]] if peers else "",
        "clip_tables": _clip_tables(rows, metrics, peers),
        "clips": [sounds.clip(name) for name in sounds.names],
        "sounds": sounds.embedded(),
        "sound_note": sounds.note(),
        "top_kilohertz": TOP_HERTZ // 1000,
        "depth": DEPTH,
        "versions": ", ".join(f"{name} {version}" for name, version in results.versions.items() if version),
        "settings_header": ["clip", "codec", "wanted", "file kbit/s", "setting"],
        "settings": [
            [r.clip, LABELS[r.codec], f"{r.target / 1000:g}", figure(r.bitrate / 1000), r.setting]
            for r in rows
            if r.codec in peers
        ],
    }


class _Sounds:
    """The sounds and pictures of the page, clip by clip."""

    def __init__(self, folder: Path, rows: Sequence[Row], budget: int) -> None:
        self.folder = folder
        self.rows = {
            name: [row for row in rows if row.clip == name and row.sound]
            for name in dict.fromkeys(row.clip for row in rows)
        }
        self.names = [name for name, own in self.rows.items() if own]
        self.same = _first_alike(folder, [path for name in self.names for path in self._paths(name)])
        self.paths = list(dict.fromkeys(self.same.values()))
        self.packed: Packed = pack([folder / path for path in self.paths], budget)
        ids = {path: f"sound-{index}" for index, path in enumerate(self.paths)}
        self.ids = {path: ids[first] for path, first in self.same.items()}

    def _paths(self, name: str) -> list[str]:
        own = self.rows[name]
        original = (Path(own[0].kept_sound).parent / f"{ORIGINAL}.flac").as_posix()
        return [original, *(row.kept_sound for row in own)]

    def embedded(self) -> list[dict[str, str]]:
        texts = zip(self.paths, self.packed.texts)
        return [{"id": self.ids[path], "text": text} for path, text in texts if text is not None]

    def note(self) -> str:
        left_out = f" {self.packed.left_out} of {len(self.paths)} sounds are left out." if self.packed.left_out else ""
        return f"The sounds in this page are {self.packed.form}.{left_out}"

    def _carried(self, path: str) -> bool:
        return self.packed.texts[self.paths.index(self.same[path])] is not None

    def clip(self, name: str) -> dict:
        own, original = self.rows[name], self._paths(name)[0]
        targets = list(dict.fromkeys(row.target for row in own))
        shown = usual_rate(targets)
        first = own[0]
        versions = [
            {
                "sound": self.ids[original],
                "codec": ORIGINAL,
                "title": "original",
                "label": ORIGINAL,
                "chosen": True,
            }
        ]
        groups = [{"title": "", "rate": "", "versions": versions if self._carried(original) else []}]
        for target in targets:
            versions = [
                {
                    "sound": self.ids[row.kept_sound],
                    "codec": row.codec,
                    "chosen": False,
                    "title": f"{LABELS[row.codec]}, file of {row.bitrate / 1000:.2f} kbit/s",
                    "label": f"{LABELS[row.codec]} {row.bitrate / 1000:.1f}",
                }
                for row in own
                if row.target == target and self._carried(row.kept_sound)
            ]
            groups.append({"title": f"{target / 1000:g} kbit/s", "rate": str(target), "versions": versions})
        before = self._picture(original, ORIGINAL)
        pictures = [
            {
                "rate": str(target),
                "shown": target == shown,
                "pictures": [
                    before,
                    *(
                        self._picture(row.kept_sound, f"{LABELS[row.codec]} {row.bitrate / 1000:.1f} kbit/s")
                        for row in own
                        if row.target == target
                    ),
                ][:3],
            }
            for target in targets
        ]
        layout = {1: "mono", 2: "stereo"}.get(first.channels, f"{first.channels} channels")
        about = f"{first.domain}, {first.seconds:.1f} s, {layout}, {first.sample_rate / 1000:g} kHz"
        identity = f"clip-{self.names.index(name)}"
        return {
            "id": identity,
            "name": name,
            "about": about,
            "seconds": round(first.seconds, 3),
            "groups": groups,
            "pictures": pictures,
        }

    def _picture(self, path: str, title: str) -> dict[str, str]:
        sound = read_clip(self.folder / path)
        return {"uri": spectrogram_uri(sound.samples, sound.sample_rate), "title": title}


def _first_alike(folder: Path, paths: Sequence[str]) -> dict[str, str]:
    """The first sound with the same bytes for each sound: a codec under its floor gives the same for several rates."""
    first: dict[bytes, str] = {}
    return {path: first.setdefault(_digest(folder / path), path) for path in paths}


def _digest(path: Path) -> bytes:
    try:
        return sha256_of(path)
    except OSError as error:
        raise AudioError(f"{path}: cannot read the sound ({error.strerror or error})") from error


def _domain_tables(rows: Sequence[Row], metrics: Sequence[str]) -> list[dict]:
    tables = []
    found = domains(rows)
    for domain in (EVERYTHING, *(found if found != [EVERYTHING] else [])):
        own = [row for row in rows if domain in (EVERYTHING, row.domain)]
        lines = mean_table(means(own), metrics)[1]
        count = len({row.clip for row in own})
        tables.append({"name": domain, "clips": count, "counted": counted_clips(count), "lines": lines})
    return tables


def _clip_tables(rows: Sequence[Row], metrics: Sequence[str], peers: Sequence[str]) -> list[dict]:
    targets = dict.fromkeys(row.target for row in rows if row.codec == "nac")
    header = [METRICS[name].label for name in metrics]
    return [
        {
            "title": f"nac and {LABELS[peers[0]]} at {target / 1000:g} kbit/s",
            "open": target == usual_rate(targets),
            "header": header,
            "lines": clip_table(rows, target, peers[0], metrics),
        }
        for target in targets
        if peers
    ]


def _split_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    groups: dict[int, list[tuple[float, dict]]] = {}  # bitrates and splits
    for row in rows:
        if row.codec == "nac" and row.split:
            groups.setdefault(row.target, []).append((row.bitrate, row.split))
    lines = []
    for target, own in groups.items():
        splits = [split for _, split in own]
        deepest = max(len(split["planes"]) for split in splits)
        means_of_planes = np.mean([split["planes"] for split in splits], axis=0)
        last = max(np.flatnonzero(means_of_planes), default=deepest)
        planes = ", ".join(figure(bits / 1000) for bits in means_of_planes[: last + 1])
        parts = [
            figure(float(np.mean([split.get(name, 0.0) for split in splits])) / 1000, 3)
            for name in ("container", "side", "coder", "blocks", "gains", "coefficients")
        ]
        modes: dict[str, int] = {}
        for split in splits:
            for mode, count in split["modes"].items():
                modes[mode] = modes.get(mode, 0) + count
        file = figure(float(np.mean([bitrate for bitrate, _ in own])) / 1000)
        lines.append([f"{target / 1000:g}", file, *parts, ", ".join(f"{n} {m}" for m, n in modes.items()), planes])
    return [
        "wanted",
        "file",
        "header and blocks",
        "gains, angles, depths",
        "coder",
        "detail: blocks",
        "band gains",
        "coefficients",
        "chunks by mode",
        "planes, the first on",
    ], lines
