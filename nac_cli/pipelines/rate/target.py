"""The target of rate control: how much of a sound a file keeps."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from numbers import Integral, Real

from nac_cli.errors import UsageError
from nac_cli.values import CodecSpec

DEFAULT_BITRATE = 6000
"""bit/s of each stereo pair or single channel when nothing is asked for."""


@dataclass(frozen=True)
class Target:
    """A bitrate, or a constant depth, or the default (neither).

    - `bitrate`: bit/s of the whole file, tags aside. Unless `exact`, a sound that is too short for it takes what the
      container needs on top: for files of all kinds, whose bitrate is meant on the whole.
    - `planes`: planes of every step.
    - The default is `group_bitrate` bit/s for each stereo pair or single channel, and the container's bytes on top
      where a sound is short; where that is None, DEFAULT_BITRATE, or all planes of models published at one rate.

    Raises UsageError for a bitrate together with planes, and for what is no such number.
    """

    bitrate: int | None = None
    planes: int | None = None
    exact: bool = True
    group_bitrate: int | None = None

    def __post_init__(self) -> None:
        if self.bitrate is not None and self.planes is not None:
            raise UsageError("give a bitrate or a number of planes, not both")
        if self.planes is not None and (isinstance(self.planes, bool) or not isinstance(self.planes, Integral)):
            raise UsageError(f"planes are a whole number, not {self.planes!r}")
        if self.bitrate is not None and not (isinstance(self.bitrate, Real) and 0 < self.bitrate < inf):
            raise UsageError(f"a bitrate is a number of bit/s above 0, not {self.bitrate!r}")

    def require_possible(self, codec: CodecSpec) -> None:
        """Raises UsageError for a depth that `codec` lacks. Bitrates depend on the sound (see `fitting`)."""
        if self.planes is not None and not 1 <= self.planes <= codec.num_codebooks:
            raise UsageError(f"{codec.name} has 1 to {codec.num_codebooks} planes, not {self.planes}")
