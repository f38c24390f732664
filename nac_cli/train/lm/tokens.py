"""Tokens: the codes of a corpus, made by the chain that `nac compress` runs, and drawn as sequences to learn from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from nac_cli.entropy.lm.config import LIMITS
from nac_cli.errors import AudioError, ModelError
from nac_cli.files import atomic_path, write_bytes, write_text
from nac_cli.models.codec import Codec
from nac_cli.pipelines.chain.analysis import analyse
from nac_cli.pipelines.chain.framing import stream_for
from nac_cli.train.corpus.prepare import read_manifest
from nac_cli.values import ABSENT, CodecSpec

CODEC = "codec.json"
VECTORS = "vectors.safetensors"
INDEX = "tokens.jsonl"
SHORTEST_SECONDS = 0.1
GAIN_DB = 20.0
HELD_OUT = 40
"""One of this many recordings is kept for validation."""


@dataclass(frozen=True)
class Sequence:
    """One channel of a recording: where its codes are, what it is, which recording of the corpus it comes from."""

    path: str
    domain: str
    item: int
    frames: int


def tokenise(
    corpus: Path,
    target: Path,
    model: Codec,
    seed: int = 0,
    progress: Callable[[int, int], bool] = lambda done, whole: False,
) -> int:
    """Code the recordings of a prepared corpus into the folder `target`; how many are there at the end.

    Recordings come in random order, each at a random gain and from a random offset within a frame; of a pair, principal
    and residual are a sequence each. What is there already stays, so that an interrupted run goes on. It stops when
    `progress(done, whole)` is true. Raises ModelError if the folder holds tokens of another codec, or codebooks are too
    large for a language model.

    A sequence is a file of int16 `[K, F]`: code j of plane k stands at frame j * stride, elsewhere and in silent steps
    there is ABSENT.
    """
    _, most = LIMITS["codebook_sizes"]
    if max(model.spec.codebook_sizes) > most:
        raise ModelError(
            f"{model.spec.name} cannot have a language model: that is for codebooks of {most} codes at most"
        )
    target.mkdir(parents=True, exist_ok=True)
    _claim(target, model)
    done = {sequence.item for sequence in _read_index(target)}
    items = read_manifest(corpus)
    order = np.random.default_rng(seed).permutation(len(items)).tolist()
    with open(target / INDEX, "a", encoding="utf-8") as index:
        for number, item in enumerate(order):
            if progress(number, len(items)):
                break
            if item in done:
                continue
            for channel, codes in enumerate(_codes(corpus / items[item].path, model, (seed, item))):
                name = f"{item:06d}-{channel}.npy"
                with atomic_path(target / name, force=True) as beside, open(beside, "wb") as file:
                    np.save(file, codes)
                index.write(json.dumps(asdict(Sequence(name, items[item].domain, item, codes.shape[1]))) + "\n")
            index.flush()
            done.add(item)
    return len(done)


class Tokens:
    """The sequences of a folder made by `tokenise`, in memory: `codes[i]` int16 `[K, F]`, and what each code of plane k
    adds to the latent, `vectors[k]` float32 `[N_k, D]`. A stream's depth changes every `step_frames` at most. Raises
    AudioError when there are none."""

    def __init__(self, folder: Path):
        self.codec, self.step_frames = _read_codec(folder)
        self.vectors = _read_vectors(folder, self.codec)
        sequences = _read_index(folder)
        codes = [np.load(folder / sequence.path, allow_pickle=False) for sequence in sequences]
        heard = [i for i, sequence_codes in enumerate(codes) if (sequence_codes != ABSENT).any()]
        sequences, self.codes = [sequences[i] for i in heard], [codes[i] for i in heard]
        if not sequences:
            raise AudioError(f"{folder}: no tokens here; make some with `nac train tokens CORPUS {folder}`")
        held_out = np.array([sequence.item % HELD_OUT == 0 for sequence in sequences])
        self.held_out = np.flatnonzero(held_out)
        self._domains = []
        for domain in sorted({sequence.domain for sequence in sequences}):
            pool = [i for i, s in enumerate(sequences) if s.domain == domain and not held_out[i]]
            odds = np.array([sequences[i].frames for i in pool], float)
            if pool:
                self._domains.append((pool, odds / odds.sum()))
        if not self._domains:
            raise AudioError(f"{folder}: too few recordings, all of them are held out; add more")

    def draw(self, rng: np.random.Generator, frames: int, steady_share: float) -> tuple[np.ndarray, np.ndarray]:
        """A sequence to learn from: codes `[K, frames]` and depths `[frames]`, ABSENT above the depth and behind the
        end.

        Domains are drawn alike, sequences within one by their length; at least one code is there.
        """
        period = int(np.lcm.reduce([*self.codec.strides, self.step_frames]))  # silence is a matter of steps
        while True:
            pool, odds = self._domains[rng.integers(len(self._domains))]
            whole = self.codes[pool[rng.choice(len(pool), p=odds)]]
            start = int(rng.integers(max(whole.shape[1] - frames // 2, 1))) // period * period
            drawn = self.cut(whole[:, start : start + frames], frames, self._depths(rng, frames, steady_share))
            if drawn[1].any():
                return drawn

    def cut(self, codes: np.ndarray, frames: int, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`codes` `[K, F]` from a step's start on, padded to `frames` and limited to `depths`, 0 for silent steps."""
        whole = np.full((len(codes), frames), ABSENT, np.int64)
        whole[:, : codes.shape[1]] = codes
        step = self.step_frames
        heard = (whole != ABSENT).any(axis=0)
        heard = np.repeat(np.logical_or.reduceat(heard, np.arange(0, frames, step)), step)[:frames]
        depths = np.where(heard & (np.arange(frames) < codes.shape[1]), depths, 0)
        return np.where(np.arange(len(codes))[:, None] < depths, whole, ABSENT), depths

    def _depths(self, rng: np.random.Generator, frames: int, steady_share: float) -> np.ndarray:
        """One depth, or one for each step of a stream, around a random mean as rate control gives them."""
        planes, step = self.codec.num_codebooks, self.step_frames
        if rng.random() < steady_share:
            return np.full(frames, rng.integers(1, planes + 1))
        around = rng.uniform(0.5, planes) + rng.normal(0, 0.12 * planes, -(-frames // step))
        return np.repeat(np.clip(np.rint(around), 0, planes).astype(np.int64), step)[:frames]


def _codes(path: Path, model: Codec, seed: tuple[int, int]) -> Iterator[np.ndarray]:
    """Codes int16 `[K, F]` of each channel of a recording."""
    rng = np.random.default_rng(seed)
    with soundfile.SoundFile(path) as sound:
        sound.seek(min(int(rng.integers(model.spec.hop_length)), sound.frames))
        wav = sound.read(dtype="float32", always_2d=True).T[:2]
        rate = sound.samplerate
    if wav.shape[1] < SHORTEST_SECONDS * rate:
        return
    info = stream_for(model, rate, len(wav), wav.shape[1])
    chunks = list(analyse([wav * np.float32(10 ** (-rng.uniform(0, GAIN_DB) / 20))], info, model))
    for channel in range(len(wav)):
        parts = []
        for chunk in chunks:
            part = np.full((model.spec.num_codebooks, chunk.num_frames), ABSENT, np.int16)
            for plane, (codes, stride) in enumerate(zip(chunk.codes, model.spec.strides, strict=True)):
                part[plane, ::stride] = codes[channel]
            part[:, np.repeat(chunk.available[channel] == 0, info.framing.step_frames)[: chunk.num_frames]] = ABSENT
            parts.append(part)
        yield np.concatenate(parts, axis=1)


def _claim(folder: Path, model: Codec) -> None:
    """Write the codec's description and code vectors into a new folder. Raises ModelError if it holds another
    codec's."""
    if (folder / CODEC).exists():
        if _read_codec(folder)[0] != model.spec:
            raise ModelError(f"{folder}: holds tokens of another codec than {model.spec.name}; choose another folder")
        return
    vectors = [vector.detach().cpu().numpy().astype(np.float32) for vector in model.code_vectors()]
    write_bytes(folder / VECTORS, to_bytes({str(plane): np.ascontiguousarray(v) for plane, v in enumerate(vectors)}))
    step = stream_for(model, model.spec.sample_rate, 1).framing.step_frames
    values = asdict(model.spec) | {"model_id": model.spec.model_id.hex(), "step_frames": step}
    write_text(folder / CODEC, json.dumps(values, indent=1) + "\n")


def _read_codec(folder: Path) -> tuple[CodecSpec, int]:
    """The codec, and the frames of its streams' depth steps."""
    try:
        values = json.loads((folder / CODEC).read_text(encoding="utf-8"))
        step = int(values.pop("step_frames"))
        lists = {name: tuple(values[name]) for name in ("codebook_sizes", "strides")}
        return CodecSpec(**values | lists | {"model_id": bytes.fromhex(values["model_id"])}), step
    except FileNotFoundError:
        raise AudioError(f"{folder}: no tokens here; make some with `nac train tokens CORPUS {folder}`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / CODEC}: not the description of a codec ({error})") from error


def _read_vectors(folder: Path, codec: CodecSpec) -> list[np.ndarray]:
    try:
        tensors = load_file(folder / VECTORS)
        vectors = [tensors[str(plane)] for plane in range(codec.num_codebooks)]
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(f"{folder / VECTORS}: not the vectors of a codec ({error}); make the tokens again") from error
    if any(v.ndim != 2 or len(v) != size for v, size in zip(vectors, codec.codebook_sizes, strict=True)):
        raise ModelError(f"{folder / VECTORS}: its sizes are not those of the codec; make the tokens again")
    return vectors


def _read_index(folder: Path) -> list[Sequence]:
    path = folder / INDEX
    if not path.exists():
        return []
    try:
        return [Sequence(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: not an index of tokens ({error}); make the tokens again") from error
