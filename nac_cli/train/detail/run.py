"""Tables of the detail coder from recordings, in one call.

from nac_cli.train.detail import run

trained = run.train("corpus", "tables.safetensors", clips=200)
print(f"{trained.saved:.1%} of the bits of held-out layers")
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nac_cli.entropy.detail import load_tables, measure
from nac_cli.entropy.detail.tables import PATH, Tables, read_tables, save_tables, untrained
from nac_cli.errors import AudioError, UsageError
from nac_cli.files import atomic_path, check_output, sha256_of
from nac_cli.models import zoo
from nac_cli.pipelines.compress import Compressor
from nac_cli.pipelines.rate.detail import least_bitrate
from nac_cli.train.corpus.folders import is_corpus, prepare_folders
from nac_cli.train.corpus.prepare import read_manifest
from nac_cli.train.detail.clips import draw, read
from nac_cli.train.detail.layers import Example, layers_of
from nac_cli.train.detail.learning import learnt
from nac_cli.train.listener import SILENT, Listener

BITRATES = (5000, 6000, 8000, 9000, 12000, 16000)
"""Those that the package's tables were learnt at."""
STARTS: dict[str, Callable[[], Tables]] = {"tables": load_tables, "untrained": untrained}
"""Where learning begins: with the package's tables, or with nothing."""


@dataclass(frozen=True)
class Measured:
    """Bits of the held-out layers of a domain at a bitrate (bit/s), by the package's tables and by the new ones."""

    domain: str
    bitrate: int
    layers: int
    old_bits: float
    new_bits: float

    @property
    def saved(self) -> float:
        """The share of the bits that the new tables save; below 0 where they take more."""
        return 1 - self.new_bits / self.old_bits


@dataclass(frozen=True)
class TrainedTables:
    """A file of tables, and how good they are. `sha256` is that of the file, `layers` how many it was learnt from."""

    path: Path
    sha256: bytes
    layers: int
    held_out: tuple[Measured, ...]

    @property
    def saved(self) -> float:
        """The share of all held-out layers' bits that the new tables save."""
        return 1 - sum(row.new_bits for row in self.held_out) / sum(row.old_bits for row in self.held_out)


def train(
    recordings: str | Path,
    target: str | Path,
    *,
    model: str | Path = zoo.DEFAULT,
    clips: int = 200,
    bitrates: Sequence[int] = BITRATES,
    seconds: float = 10.0,
    start: str = "tables",
    seed: int = 0,
    force: bool = False,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = SILENT,
) -> TrainedTables:
    """Learn tables from `recordings`, a prepared corpus or any folder of sound, into the file `target`.

    So many `clips` of `seconds` are drawn, mixed to one channel and compressed by `model` (a name, an id or a weight
    file) at the `bitrates`, in bit/s, in turn. `start` is a key of STARTS. The clips of one recording in eight are held
    out, and tell how many bits the new tables save.

    The package's own tables never change: every file with detail stands on them. A coder that is to use others needs a
    detail coding of its own. Raises UsageError for bitrates without detail, OutputExists, ModelError for a model that
    is not here, AudioError for recordings of no use.
    """
    recordings, target = Path(recordings), Path(target)
    _check_target(target, force)
    compressor = Compressor.open(model, device=device, threads=threads)
    if min(bitrates, default=0) < (least := least_bitrate(compressor.codec.spec)):
        raise UsageError(f"there is detail from {least} bit/s on; give bitrates of that and more")
    with _corpus(recordings, compressor.codec.spec.sample_rate, listener) as corpus, listener.coding(corpus) as show:
        examples = []
        drawn = draw(read_manifest(corpus), clips, seconds, seed)
        for number, clip in enumerate(drawn):
            show(number, len(drawn))
            bitrate = bitrates[number % len(bitrates)]
            for layer in layers_of(read(corpus, clip), bitrate, compressor):
                examples.append(Example(layer, clip.item.domain, bitrate, clip.held_out))
    return _learn(examples, compressor.codec.spec.sample_rate, start, target, force)


def _learn(examples: Sequence[Example], sample_rate: int, start: str, target: Path, force: bool) -> TrainedTables:
    known = [example.layer for example in examples if not example.held_out]
    held_out = [example for example in examples if example.held_out]
    if not known or not held_out:
        raise AudioError("too few of these clips have detail to learn from it and to measure on others; draw more")
    with atomic_path(target, force) as beside:
        save_tables(beside, learnt(known, sample_rate, STARTS[start]()))
    return TrainedTables(target, sha256_of(target), len(known), tuple(_measured(held_out, sample_rate, target)))


def _measured(held_out: Sequence[Example], sample_rate: int, path: Path) -> Iterator[Measured]:
    """The layers by domain and bitrate, measured by the tables as the file has them."""
    new = read_tables(path)
    for domain, bitrate in sorted({(example.domain, example.bitrate) for example in held_out}):
        layers = [example.layer for example in held_out if (example.domain, example.bitrate) == (domain, bitrate)]
        old_bits = sum(measure(layer, sample_rate).total for layer in layers)
        new_bits = sum(measure(layer, sample_rate, new).total for layer in layers)
        yield Measured(domain, bitrate, len(layers), old_bits, new_bits)


def _check_target(target: Path, force: bool) -> None:
    if target.resolve() == PATH.resolve():
        raise UsageError(f"{target}: detail coding 0 stands for these bytes; write the new tables elsewhere")
    check_output(target, force)


@contextmanager
def _corpus(recordings: Path, sample_rate: int, listener: Listener) -> Iterator[Path]:
    """`recordings` if it is a corpus; else one that is made of them and gone at the end."""
    if is_corpus(recordings):
        yield recordings
        return
    with tempfile.TemporaryDirectory(prefix="nac-") as folder:
        prepare_folders([recordings], Path(folder), sample_rate, listener=listener)
        yield Path(folder)
