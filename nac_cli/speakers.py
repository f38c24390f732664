"""Which channel is for which speaker, as a mask of bits, and which channels belong together.

A mask has a bit for each speaker, as the `dwChannelMask` of Microsoft's WAVEFORMATEXTENSIBLE has; channels come in the
order of the bits. With fewer bits than channels, the last ones are for no speaker.
"""

from __future__ import annotations

from collections.abc import Sequence

NAMES = (
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
)  # fmt: skip
"""Speaker of each bit: front left, front right, front centre, low frequencies, back left and so on; T: at the top."""
USUAL = {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
"""Mask where nothing is said, by number of channels (RFC 9639, 9.1.3): mono, stereo, L R C, quadro, 5.0 to 7.1."""
PAIRS = {("FL", "FR"), ("BL", "BR"), ("FLC", "FRC"), ("SL", "SR"), ("TFL", "TFR"), ("TBL", "TBR")}


def usual(channels: int) -> int:
    """The mask of `channels` channels of which nothing is said."""
    return USUAL[channels]


def fitting_mask(mask: int | None, channels: int) -> int | None:
    """`mask` as it holds for so many channels, None where it says nothing: bits that are no speaker's, and those beyond
    the number of channels, mean nothing (WAVEFORMATEXTENSIBLE), and so does no bit at all for one or two channels."""
    if mask is None:
        return None
    bits = [bit for bit in range(len(NAMES)) if mask >> bit & 1][:channels]
    known = sum(1 << bit for bit in bits)
    return None if known == usual(channels) or (known == 0 and channels <= 2) else known


def names_of(mask: int, channels: int) -> tuple[str, ...]:
    """The speaker of each channel; "" for a channel that has none."""
    named = [name for bit, name in enumerate(NAMES) if mask >> bit & 1]
    return tuple((named + [""] * channels)[:channels])


def mask_of(names: Sequence[str]) -> int | None:
    """The mask of speakers, None if one of them has no bit or is there twice."""
    if len(set(names)) < len(names) or not set(names) <= set(NAMES):
        return None
    return sum(1 << NAMES.index(name) for name in names)


def groups_of(mask: int | None, channels: int) -> tuple[int, ...]:
    """Neighbouring channels that belong together: 2 for a left and a right one, 1 for a single channel."""
    names = names_of(mask or usual(channels), channels)
    groups: list[int] = []
    at = 0
    while at < channels:
        groups.append(2 if names[at : at + 2] in PAIRS else 1)
        at += groups[-1]
    return tuple(groups)


def alike(mask: int | None, channels: int) -> bool:
    """Whether a mask puts no channel elsewhere than the usual one: speakers at the sides and at the back are one."""

    def plain(names: tuple[str, ...]) -> list[str]:
        return [name.replace("SL", "BL").replace("SR", "BR") for name in names]

    return mask is None or plain(names_of(mask, channels)) == plain(names_of(usual(channels), channels))


def said_of(mask: int, channels: int) -> str:
    """A mask in words, for people."""
    return " ".join(name or "-" for name in names_of(mask, channels)) if mask else "no speakers"
