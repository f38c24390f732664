"""Frozen records that cross the layers, and the limits and numbers that layers share. No behaviour beyond what the
fields imply.

Shapes use the project's alphabet: C channels, T samples, F latent frames, K codebooks (planes),
N codebook size, S depth steps, J gain nodes, P rotated pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that only look at options and headers are done before numpy would be imported
    import numpy as np

    from nac_cli.detail_layer import DetailLayer

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 192_000
"""Hz, of sounds and of codecs."""
MAX_CHANNELS = 8
MAX_PLANES = 64
"""Codebooks of a codec."""

ABSENT = -1
"""The value of a code that was not sent (its plane lies above the depth of its step)."""

FRONT_COVER = 3
"""ID3v2's picture type of what is usually meant by a cover; FLAC and nac share it."""


class Mode(IntEnum):
    """Entropy mode of a chunk's token section, with the number that stands for it in a file."""

    PACKED = 0
    STATIC = 1
    LM = 2

    @property
    def label(self) -> str:
        """The mode's name in options and reports."""
        return self.name.lower()


ENTROPY = ("auto", *(mode.label for mode in Mode))
"""Ways to pack the chunks of a stream: each in the smallest mode that its model has, or all in one."""


@dataclass(frozen=True)
class Waveform:
    """Sound in memory: `samples` float32 `[C, T]`, nominal range [-1, 1]; `sample_rate` in Hz. `speakers` is the
    mask of its channels' speakers (see `nac_cli.speakers`), None for the usual ones of so many channels."""

    samples: np.ndarray
    sample_rate: int
    speakers: int | None = None

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def num_samples(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / self.sample_rate


@dataclass(frozen=True)
class CodecSpec:
    """The facts about a codec model that the rest of nac needs, and that identify it in a file.

    `model_id` is the first 8 bytes of the SHA-256 of the weight file. `codebook_sizes[k]` is N of plane k,
    `strides[k]` the number of latent frames that one code of plane k covers (1 everywhere for flat RVQ).
    """

    name: str
    family: str
    model_id: bytes
    sample_rate: int
    hop_length: int
    codebook_sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def num_codebooks(self) -> int:
        return len(self.codebook_sizes)

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_length


@dataclass(frozen=True)
class Framing:
    """How a stream divides time, in latent frames.

    A *chunk* decodes independently, a *step* has one depth, a gain *node* stands every `node_frames`.
    """

    chunk_frames: int = 864
    step_frames: int = 32
    node_frames: int = 96

    def steps(self, num_frames: int) -> int:
        """S, depth steps of a chunk of `num_frames`."""
        return -(-num_frames // self.step_frames)

    def nodes(self, num_frames: int) -> int:
        """J, gain nodes of a chunk of `num_frames`: both ends are nodes, so that a chunk needs no neighbour."""
        return -(-num_frames // self.node_frames) + 1


@dataclass(frozen=True)
class StreamInfo:
    """A stream's header: what holds for all of its chunks.

    `num_samples` (per channel, at the source `sample_rate`) is None while unknown (a pipe).
    `groups` lists channel groups in order: 2 is a rotated stereo pair, 1 a single channel; sum(groups) == channels.
    `source_bits` is the source's sample width (8..32; 0: unknown), a hint for the output's width.
    `speakers` is the mask of the channels' speakers (see `nac_cli.speakers`), None for the usual ones.
    """

    codec: CodecSpec
    sample_rate: int
    channels: int
    groups: tuple[int, ...]
    num_samples: int | None = None
    source_bits: int = 0
    framing: Framing = field(default_factory=Framing)
    lm_id: bytes | None = None
    speakers: int | None = None

    @property
    def num_pairs(self) -> int:
        return sum(1 for size in self.groups if size == 2)

    def frames_for(self, num_samples: int) -> int:
        """Latent frames that hold `num_samples` source samples: ceil(ceil(T * codec rate / rate) / hop)."""
        codec_samples = -(-num_samples * self.codec.sample_rate // self.sample_rate)
        return -(-codec_samples // self.codec.hop_length)

    @property
    def known_length(self) -> int:
        """`num_samples`, for those who have seen to it that it is known."""
        assert self.num_samples is not None
        return self.num_samples

    @property
    def duration(self) -> float | None:
        """Seconds, None while unknown."""
        return None if self.num_samples is None else self.num_samples / self.sample_rate


@dataclass(frozen=True)
class Picture:
    """A picture with the fields of FLAC's PICTURE block (RFC 9639, section 8.8); 0 stands for an unknown number.

    `type` is ID3v2's picture type (3: front cover), `depth` bits per pixel, `colours` the size of a palette.
    """

    type: int
    mime: str
    description: str
    width: int
    height: int
    depth: int
    colours: int
    data: bytes


@dataclass(frozen=True)
class Tags:
    """`items` are (key, value) pairs in order, keys may repeat and compare without case; `pictures` in order.
    False if there is nothing."""

    items: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items or self.pictures)

    def values(self, key: str) -> tuple[str, ...]:
        """All values of `key`, in order."""
        return tuple(value for name, value in self.items if name.upper() == key.upper())


@dataclass(frozen=True)
class ChunkCodes:
    """Everything that a chunk says, as integers.

    - `num_frames`: latent frames of the chunk.
    - `angles` `[P, 2]`: rotation node (0..63, units of 360/64 degrees) at the chunk's start and at its end, per pair.
    - `gains` `[C, J]`: gain nodes (0..255, 1 dB apart), coded channel order (principal before residual in a pair).
    - `depths` `[C, S]`: number of planes present in each step (0..K).
    - `codes[c][k]` int32 `[F_k]`, F_k = ceil(num_frames / stride_k): the code, or `ABSENT` where the depth is too low.
      Code j of plane k belongs to the step that holds its first frame, j * stride_k.
    - `detail`: the layer of each coded channel or None, over what the codes sound like; empty where there is no detail.
    """

    num_frames: int
    angles: np.ndarray
    gains: np.ndarray
    depths: np.ndarray
    codes: tuple[tuple[np.ndarray, ...], ...]
    detail: tuple[DetailLayer | None, ...] = ()


def absent(*shape: int) -> np.ndarray:
    """Codes of which none is present, read-only and without memory of their own: a few bytes can claim millions."""
    import numpy as np

    return np.broadcast_to(np.int32(ABSENT), shape)


def present(depths: np.ndarray, plane: int, stride: int, num_frames: int, step_frames: int) -> np.ndarray:
    """Boolean `[F_k]`: which codes of `plane` are present, from one channel's `depths` `[S]`."""
    import numpy as np

    first_frames = np.arange(0, num_frames, stride)
    return depths[first_frames // step_frames] > plane
