"""A folder of extra recordings: `DOMAIN-anything.ext`, their licences in `LICENCES.tsv` beside them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from nac_cli.errors import UsageError
from nac_cli.train.corpus.prepare import SourceFile
from nac_cli.train.corpus.recordings import find_recordings

LICENCES = "LICENCES.tsv"


def find_extras(folder: Path, report: Callable[[str], None]) -> list[SourceFile]:
    """The recordings of `folder` that a line of its table covers by `file_prefix`; the others are reported.

    Where several lines have a prefix (a file joined from several sources) all their licences hold. Raises UsageError
    when there is no such table.
    """
    licences = _read_licences(folder / LICENCES)
    found = []
    for path in find_recordings(folder):
        prefix = max((prefix for prefix in licences if path.name.startswith(prefix)), key=len, default=None)
        if prefix is None:
            report(f"{path}: no licence in {LICENCES}")
        else:
            domain = path.name.partition("-")[0]
            found.append(SourceFile(str(path), domain, f"extra:{prefix}", " | ".join(sorted(licences[prefix]))))
    return found


def _read_licences(table: Path) -> dict[str, set[str]]:
    if not table.is_file():
        raise UsageError(f"{table}: not there; it must say which licence each extra recording has")
    licences: dict[str, set[str]] = {}
    rows = csv.DictReader(table.read_text("utf-8").splitlines(), delimiter="\t")
    if missing := {"file_prefix", "licence"} - set(rows.fieldnames or ()):
        raise UsageError(f"{table}: it lacks the columns {', '.join(sorted(missing))}")
    for row in rows:
        if row["file_prefix"] and row["licence"]:
            licences.setdefault(row["file_prefix"], set()).add(row["licence"])
    return licences
