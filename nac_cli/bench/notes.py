"""Notes beside the figures of a comparison: its clips and settings, floors of codecs, missing results."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nac_cli.bench.metrics import METRICS
from nac_cli.bench.results import Row, means
from nac_cli.bench.summary import counted_clips, peers_of
from nac_cli.bench.tables import LABELS


@dataclass(frozen=True)
class Results:
    """`rows` of a comparison, the `versions` of what made them, the `plan`, what was `left_out`, and why
    peers and metrics were `absent`."""

    rows: list[Row]
    versions: dict[str, str | None]
    plan: dict
    left_out: list[str]
    absent: dict[str, str]


def about(results: Results) -> str:
    """Codecs, clips, and how peers were set."""
    rows = results.rows
    seconds = sum({row.clip: row.seconds for row in rows}.values())
    codecs = ", ".join(LABELS[codec] for codec in dict.fromkeys(row.codec for row in rows))
    judges = [METRICS[name].label for name in results.plan.get("judges", []) if name in METRICS]
    chosen = ""
    if judges and peers_of(rows):
        by = ", ".join(judges)
        chosen = f" Peers are at the size of nac's files, in the setting best for each clip by {by}."
    mono = " Clips are mixed down to mono." if results.plan.get("mono") else ""
    return f"{codecs}; {counted_clips(len({row.clip for row in rows}))}, {seconds:.0f} s.{mono}{chosen}"


def measured_points(rows: Sequence[Row]) -> str:
    """The mean bitrates at which each peer was measured."""
    found: dict[str, list[str]] = {}
    for row in sorted(means(rows), key=lambda row: row.bitrate):
        found.setdefault(row.codec, []).append(f"{row.bitrate / 1000:.1f}")
    points = [f"{LABELS[codec]} {', '.join(dict.fromkeys(found[codec]))} kbit/s" for codec in peers_of(rows)]
    return "; ".join(points)


def notes(results: Results) -> list[str]:
    """Sizes that a codec has no files of, peers and metrics that were absent, results and figures left
    out."""
    said = []
    for codec in peers_of(results.rows):
        missed = [row for row in results.rows if row.codec == codec and not row.met]
        small, large = ([r for r in missed if (r.bitrate > r.target) == above] for above in (True, False))
        if small:
            floor = min(row.bitrate for row in small) / 1000
            said.append(
                f"{LABELS[codec]} has no files as small as {_wanted(small)} kbit/s for some clips; its floor here "
                f"is {floor:.1f} kbit/s, and that is what stands for it."
            )
        if large:
            said.append(
                f"{LABELS[codec]} has no files of {_wanted(large)} kbit/s for some clips; the nearest that it has "
                "stands for it."
            )
    said += [f"Without {name}: {reason}." for name, reason in results.absent.items()]
    if results.left_out:
        said.append(f"Left out: {'; '.join(results.left_out)}.")
    infinite = Counter(
        (row.codec, name) for row in results.rows for name, score in row.scores.items() if math.isinf(score)
    )
    said += [
        f"{LABELS[codec]} has {count} infinite figures of {METRICS[name].label}, which the means leave out."
        for (codec, name), count in infinite.items()
    ]
    return said


def _wanted(rows: Sequence[Row]) -> str:
    return ", ".join(f"{target / 1000:g}" for target in sorted({row.target for row in rows}))
