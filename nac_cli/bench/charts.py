"""Rate-distortion curves, drawn by Bokeh, whose script goes into the page."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from nac_cli.bench.metrics import METRICS
from nac_cli.bench.results import EVERYTHING, Row, domains, means
from nac_cli.bench.tables import LABELS

COLOURS = {
    "nac": "#d6336c",
    "opus": "#1c7ed6",
    "mp3": "#d9730d",
    "aac": "#2f9e44",
    "fdkaac": "#0c8599",
    "lyra": "#6a7a1e",
    "encodec": "#845ef7",
    "dac": "#a0703a",
    "snac": "#868e96",
    "taae": "#b0418b",
}
"""With a contrast of 3:1 or nearly so on white and on near black."""
MARKERS = {
    "nac": "circle",
    "opus": "square",
    "mp3": "triangle",
    "aac": "diamond",
    "fdkaac": "inverted_triangle",
}
PATHS = {
    "circle": "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z",
    "square": "M-5-5H5V5H-5Z",
    "triangle": "M0-6L6 5H-6Z",
    "diamond": "M0-6L5 0L0 6L-5 0Z",
    "inverted_triangle": "M0 6L6-5H-6Z",
    "hex": "M-3-5H3L6 0L3 5H-3L-6 0Z",
}
FLOORED = 1.1
"""So much larger than wanted, and a mean is that of a codec's smallest files."""


@dataclass(frozen=True)
class Chart:
    """`item` is what Bokeh draws into the element `id`."""

    id: str
    label: str
    better: str
    item: dict


def charts(rows: Sequence[Row], metrics: Sequence[str]) -> list[Chart]:
    """One for each metric, with the curves of every domain, which the page shows one at a time."""
    return [_chart(rows, name, f"chart-{name.replace('_', '-')}") for name in metrics]


def legend(codecs: Sequence[str]) -> list[dict[str, str]]:
    """Label, colour and shape of each codec's points."""
    return [{"label": LABELS[codec], "colour": COLOURS[codec], "path": PATHS[_marker(codec)]} for codec in codecs]


def library() -> list[str]:
    """Bokeh's scripts."""
    from bokeh.resources import Resources

    return Resources(mode="inline", components=["bokeh"]).js_raw


def _chart(rows: Sequence[Row], metric: str, place: str) -> Chart:
    from bokeh.core.types import ID
    from bokeh.embed import json_item
    from bokeh.models import DataRange1d, HoverTool
    from bokeh.plotting import figure

    plot = figure(
        height=256,
        sizing_mode="stretch_both",
        x_axis_type="log",
        x_axis_label="kbit/s of the whole file",
        x_range=DataRange1d(only_visible=True),
        y_range=DataRange1d(only_visible=True),
        tools="",
        toolbar_location=None,
        background_fill_color=None,  # painted white once, it would leave an edge in the dark
        border_fill_color=None,
    )
    for domain in (EVERYTHING, *domains(rows)):
        _curves(plot, rows, metric, domain)
    tips = [("", "@codec"), ("file", "@bitrate{0.00} kbit/s"), (METRICS[metric].label, "@score{0.00}")]
    plot.add_tools(HoverTool(tooltips=tips))
    plot.xaxis.ticker = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]
    better = "more" if METRICS[metric].higher_is_better else "less"
    return Chart(place, METRICS[metric].label, better, json.loads(json.dumps(json_item(plot, ID(place)))))


def _curves(plot, rows: Sequence[Row], metric: str, domain: str) -> None:
    from bokeh.models import ColumnDataSource

    curves: dict[str, list[Row]] = {}
    for row in means(rows, None if domain == EVERYTHING else domain):
        if math.isfinite(row.scores.get(metric, math.nan)):
            curves.setdefault(row.codec, []).append(row)
    for codec, points in curves.items():
        points = sorted(_once_under_the_floor(points), key=lambda row: row.bitrate)
        source = ColumnDataSource(
            {
                "bitrate": [row.bitrate / 1000 for row in points],
                "score": [row.scores[metric] for row in points],
                "codec": [LABELS[codec]] * len(points),
            }
        )
        style = {"color": COLOURS[codec], "name": domain, "visible": domain == EVERYTHING}
        plot.line("bitrate", "score", source=source, line_width=2, **style)
        plot.scatter("bitrate", "score", source=source, size=8, marker=_marker(codec), **style)


def _once_under_the_floor(points: Sequence[Row]) -> list[Row]:
    """Without all but one of the points whose files are larger than they were to be: they are the same."""
    floored = [row for row in points if row.bitrate > FLOORED * row.target]
    highest = max(floored, key=lambda row: row.target, default=None)
    return [row for row in points if row not in floored or row is highest]


def _marker(codec: str) -> str:
    return MARKERS.get(codec, "hex")
