"""nac as one of the codecs that are measured: through files, as a user runs it."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from nac_cli.bench.clips import read_clip
from nac_cli.bench.peers import PeerResult
from nac_cli.errors import AudioError, UsageError
from nac_cli.models import zoo
from nac_cli.pipelines.split import Split, split_of
from nac_cli.values import Waveform

if TYPE_CHECKING:
    from nac_cli.pipelines.compress import CompressReport

FAMILIES = ("encodec", "dac", "snac", "taae")
"""Families of neural codecs that take part when the user has imported a model of theirs."""


def through_nac(
    waveform: Waveform,
    bitrate: int,
    model: str = zoo.DEFAULT,
    entropy: str = "auto",
    threads: int | None = None,
    nearest: bool = False,
) -> tuple[PeerResult, Split]:
    """Compresses and decompresses through files; the times are those of a loaded model.

    With `nearest`, a bitrate out of the model's range becomes its least or its greatest depth. Raises what
    `compress` and `decompress` do, AudioError where samples are lost.
    """
    import nac_cli

    with tempfile.TemporaryDirectory() as folder:
        source, packed, restored = (Path(folder) / name for name in ("clip.wav", "clip.nac", "restored.wav"))
        soundfile.write(source, waveform.samples.T, waveform.sample_rate, subtype="FLOAT")
        there, target = _compressed(source, packed, bitrate, nearest, model, entropy, threads)
        back = nac_cli.decompress(packed, restored, threads=threads, bits=32)
        decoded = read_clip(restored)
        split = split_of(packed)
        file_bytes = packed.stat().st_size
    if decoded.samples.shape != waveform.samples.shape:
        raise AudioError(f"nac gave back {list(decoded.samples.shape)} samples for {list(waveform.samples.shape)}")
    rate = file_bytes * 8 / waveform.duration
    name = "" if model == zoo.DEFAULT else f"--model {zoo.find(model).spec.name} "
    setting = f"{name}{target}" + ("" if entropy == "auto" else f" --entropy {entropy}")
    return PeerResult(decoded.samples, file_bytes, rate, setting, there.elapsed, back.elapsed), split


def _compressed(
    source: Path, packed: Path, bitrate: int, nearest: bool, model: str, entropy: str, threads: int | None
) -> tuple[CompressReport, str]:
    """The report of compressing, and the option that set the rate."""
    import nac_cli

    compress = partial(nac_cli.compress, source, packed, model=model, entropy=entropy, threads=threads)
    try:
        # a peer is what its makers published, which has no detail
        return compress(bitrate=bitrate, detail=not nearest), f"-b {bitrate}"
    except UsageError:
        if not nearest:
            raise
    most = zoo.find(model).spec.num_codebooks
    there = compress(planes=most)
    if there.bitrate <= bitrate:
        return there, f"-q {most}"
    return compress(planes=1, force=True), "-q 1"


def model_of_family(family: str) -> str:
    """The path of the first installed model of a family. Raises UsageError where there is none."""
    for file in zoo.available():
        if file.spec.family == family:
            return str(file.path)
    raise UsageError(
        f"no model of the family {family} is installed: `nac models official` says where there are some, "
        "`nac models import` brings one in"
    )
