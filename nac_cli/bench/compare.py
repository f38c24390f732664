"""nac beside Opus at the same file size: the figures of a model card."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.bench.metrics import METRICS
from nac_cli.bench.peers import JUDGES, PeerResult, opus_matched
from nac_cli.bench.results import Row
from nac_cli.errors import AudioError, NacError, UsageError
from nac_cli.values import Waveform

CODECS = ("nac", "opus")
COLUMNS = ("mel", "visqol", "zimtohrli", "si_sdr", "lines")
AUDIO_SUFFIXES = {".wav", ".flac", ".aif", ".aiff", ".caf", ".w64", ".ogg", ".oga", ".opus", ".mp3"}


def compare(
    files: Sequence[Path],
    codecs: Sequence[str] = CODECS,
    rates: Sequence[int] = (6000,),
    opus_rates: Sequence[int] = (),
    mono: bool = False,
    columns: Sequence[str] = COLUMNS,
    judges: Sequence[str] = JUDGES,
    warn: Callable[[str], None] | None = None,
    progress: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Every file through every codec at every rate (bit/s), measured at the file's own sample rate.

    Opus is matched to the size of nac's file at each of `rates` (to the rate itself where nac takes no part)
    and runs once more at each of `opus_rates`, each time in its best setting for the clip by `judges`. `mono`
    mixes channels down first. A file that fails is reported to `warn` and left out; without `warn` its error
    is raised. Raises UsageError for unknown names and where a metric's package is missing.
    """
    _check_names("codec", codecs, CODECS)
    _check_metrics([*columns, *judges])
    rows: list[Row] = []
    for path in files:
        of_clip: list[Row] = []
        try:
            waveform = read_clip(path, mono)
            for codec, target, result in _results(waveform, codecs, rates, opus_rates, judges):
                of_clip.append(_row(path.stem, codec, target, result, waveform, columns))
                if progress:
                    progress(of_clip[-1])
        except NacError as error:
            if warn is None:
                raise
            warn(f"{path}: {error}")
        else:
            rows += of_clip
    return rows


def through_nac(waveform: Waveform, bitrate: int) -> PeerResult:
    """Compresses and decompresses through files, as a user does, with the default model."""
    import nac_cli

    with tempfile.TemporaryDirectory() as folder:
        source, packed, restored = (Path(folder) / name for name in ("clip.wav", "clip.nac", "restored.wav"))
        soundfile.write(source, waveform.samples.T, waveform.sample_rate, subtype="FLOAT")
        nac_cli.compress(source, packed, bitrate=bitrate)
        nac_cli.decompress(packed, restored)
        decoded = read_clip(restored)
        file_bytes = packed.stat().st_size
    if decoded.samples.shape != waveform.samples.shape:
        raise AudioError(
            f"nac gave back {list(decoded.samples.shape)} samples for {list(waveform.samples.shape)}"
        )
    return PeerResult(decoded.samples, file_bytes, file_bytes * 8 / waveform.duration, f"-b {bitrate}")


def read_clip(path: Path, mono: bool = False) -> Waveform:
    """Raises AudioError where libsndfile cannot read the file, or where it holds nothing."""
    try:
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"cannot read the clip: {error}") from error
    if len(samples) == 0:
        raise AudioError("the clip holds no samples, there is nothing to compare")
    if mono:
        samples = samples.mean(axis=1, keepdims=True)
    return Waveform(np.ascontiguousarray(samples.T), sample_rate)


def clips_in(paths: Sequence[Path]) -> list[Path]:
    """Files as they are; folders stand for the audio files under them, sorted."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
        else:
            found.append(path)
    if not found:
        raise UsageError(f"no audio files in {', '.join(map(str, paths))}")
    return found


def _results(
    waveform: Waveform,
    codecs: Sequence[str],
    rates: Sequence[int],
    opus_rates: Sequence[int],
    judges: Sequence[str],
) -> Iterator[tuple[str, int, PeerResult]]:
    """Codec, nominal rate and result."""

    def best_opus(target: float) -> PeerResult:
        return opus_matched(waveform.samples, waveform.sample_rate, target, judges=judges)

    for rate in rates:
        target: float = rate
        if "nac" in codecs:
            result = through_nac(waveform, rate)
            target = result.bitrate
            yield "nac", rate, result
        if "opus" in codecs:
            yield "opus", rate, best_opus(target)
    for rate in opus_rates:
        if rate not in rates or "opus" not in codecs:
            yield "opus", rate, best_opus(rate)


def _row(
    clip: str, codec: str, target: int, result: PeerResult, waveform: Waveform, columns: Sequence[str]
) -> Row:
    pair = waveform.samples, result.decoded, waveform.sample_rate
    scores = {name: METRICS[name].measure(*pair) for name in columns}
    return Row(clip, codec, target, result.bitrate, result.file_bytes, result.setting, scores)


def _check_metrics(names: Sequence[str]) -> None:
    _check_names("metric", names, METRICS)
    for name in names:  # a sample is enough to find out, before hours of work, that a package is missing
        METRICS[name].measure(np.ones(1), np.ones(1), 48_000)


def _check_names(kind: str, names: Sequence[str], known: Collection[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise UsageError(f"unknown {kind} {', '.join(unknown)}; there are {', '.join(known)}")
