"""Scores of a listening test: means with their intervals, without listeners who did not hear the obvious."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nac_cli.bench.listen import ANCHOR, FORMAT, REFERENCE
from nac_cli.errors import UsageError

REFERENCE_LEAST, REFERENCE_SHARE = 90, 0.2
ANCHOR_MOST, ANCHOR_SHARE = 80, 0.5
CONFIDENCE = 0.95
LARGEST = 1 << 24
"""Bytes of a file of answers: far more than a test has."""


@dataclass(frozen=True)
class Answer:
    """One answer of a listener: a `rating` (0 to 100) of a sound, or whether ABX was `correct`. `target` is in
    bit/s."""

    listener: str
    clip: str
    codec: str
    target: int
    rating: float | None
    correct: bool | None


@dataclass(frozen=True)
class Rating:
    """Mean rating of a codec at a rate with the half-width of its 95 % interval (Student's t over all
    ratings; None for a single one)."""

    codec: str
    target: int
    mean: float
    half_width: float | None
    count: int


@dataclass(frozen=True)
class Discrimination:
    """How often X was found: the 95 % interval (Wilson) of the share, and how likely as many are by
    guessing."""

    codec: str
    target: int
    correct: int
    count: int
    interval: tuple[float, float]
    p_value: float


@dataclass(frozen=True)
class Score:
    """`rejected` maps listeners to why their ratings do not count."""

    ratings: list[Rating]
    discriminations: list[Discrimination]
    listeners: list[str]
    rejected: dict[str, str]


def read_answers(path: Path) -> list[Answer]:
    """A file that the page of a listening test gave, JSON or CSV. Raises UsageError for anything else."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        content = path.read_text(encoding="utf-8-sig")
        if content.lstrip().startswith("{"):
            found = json.loads(content)
            if found["format"] != FORMAT:
                raise ValueError(f"its format is {found['format']!r}, not {FORMAT!r}")
            return [_answer(found["listener"], row) for row in found["answers"]]
        rows = list(csv.DictReader(io.StringIO(content)))
        if not rows:
            raise ValueError("it has no rows")
        return [_answer(row["listener"], {name: value or None for name, value in row.items()}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise UsageError(f"{path}: no answers of a listening test ({error!r})") from error


def score(answers: Sequence[Answer]) -> Score:
    """Ratings of the listeners who remain, all of ABX."""
    listeners = list(dict.fromkeys(answer.listener for answer in answers))
    rejected = {name: why for name in listeners if (why := _unfit([a for a in answers if a.listener == name]))}
    kept = [answer for answer in answers if answer.listener not in rejected]
    return Score(
        ratings=[
            _rating(codec, target, [a.rating for a in group if a.rating is not None])
            for (codec, target), group in _groups([a for a in kept if a.rating is not None])
        ],
        discriminations=[
            _discrimination(codec, target, [a.correct for a in group if a.correct is not None])
            for (codec, target), group in _groups([a for a in answers if a.correct is not None])
        ],
        listeners=listeners,
        rejected=rejected,
    )


def _unfit(answers: Sequence[Answer]) -> str | None:
    """The rules of Défossez et al. 2022 ("High Fidelity Neural Audio Compression", section 4.3): out is who
    rates the reference below 90 in at least 20 % of the cases, or the low anchor above 80 in more than half
    of them."""
    references = [a.rating for a in answers if a.codec == REFERENCE and a.rating is not None]
    anchors = [a.rating for a in answers if a.codec == ANCHOR and a.rating is not None]
    low = sum(rating < REFERENCE_LEAST for rating in references)
    high = sum(rating > ANCHOR_MOST for rating in anchors)
    if references and low >= REFERENCE_SHARE * len(references):
        return f"rated the hidden reference below {REFERENCE_LEAST} in {low} of {len(references)} cases"
    if anchors and high > ANCHOR_SHARE * len(anchors):
        return f"rated the low anchor above {ANCHOR_MOST} in {high} of {len(anchors)} cases"
    return None


def _groups(answers: Sequence[Answer]) -> list[tuple[tuple[str, int], list[Answer]]]:
    """By codec and rate, the reference first, the anchor last."""
    groups: dict[tuple[str, int], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.codec, answer.target), []).append(answer)
    order = {REFERENCE: -1, ANCHOR: 1}
    return sorted(groups.items(), key=lambda item: (order.get(item[0][0], 0), item[0][1], item[0][0]))


def _rating(codec: str, target: int, ratings: Sequence[float]) -> Rating:
    from scipy.stats import t

    count = len(ratings)
    half = None
    if count > 1:
        half = float(t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(ratings, ddof=1) / math.sqrt(count))
    return Rating(codec, target, float(np.mean(ratings)), half, count)


def _discrimination(codec: str, target: int, hits: Sequence[bool]) -> Discrimination:
    from scipy.stats import binomtest

    found = binomtest(sum(hits), len(hits), 0.5, alternative="greater")
    both = binomtest(sum(hits), len(hits), 0.5).proportion_ci(CONFIDENCE, "wilson")
    return Discrimination(codec, target, sum(hits), len(hits), (float(both.low), float(both.high)), float(found.pvalue))


def _answer(listener: object, row: dict) -> Answer:
    """Raises ValueError, TypeError or KeyError for what is none."""
    rating, correct = row.get("rating"), row.get("correct")
    if (rating is None) == (correct is None):
        raise ValueError("an answer has either a rating or whether it is correct")
    if rating is not None:
        rating = float(rating)
        if not 0 <= rating <= 100:
            raise ValueError(f"a rating is 0 to 100, not {rating}")
    elif str(correct).lower() not in ("true", "false"):
        raise ValueError(f"correct is true or false, not {correct!r}")
    hit = None if correct is None else str(correct).lower() == "true"
    return Answer(str(listener), str(row["clip"]), str(row["codec"]), int(row["target"]), rating, hit)
