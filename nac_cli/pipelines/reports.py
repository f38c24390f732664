"""Reports of the verbs that make a file: the fields that they share."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Report:
    """An input and the output made of it: `source` and `target` as they were named, `model` by name, `seconds` of
    sound, `elapsed` seconds of work, `messages` for people."""

    source: str
    target: str
    model: str
    channels: int
    seconds: float
    elapsed: float
    messages: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class StreamReport(Report):
    """A `.nac` stream that was written. Sizes in bytes, `source_bytes` None where it is unknown; `bitrate` in bit/s
    counts everything but tags, pictures and their padding, `file_bitrate` everything; `depth` is the mean number of
    planes of a coded channel; `modes` counts the chunks by entropy mode."""

    source_bytes: int | None
    file_bytes: int
    tag_bytes: int
    bitrate: float
    file_bitrate: float
    depth: float
    modes: dict[str, int]
