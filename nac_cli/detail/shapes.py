"""How quantisation steps follow the base's envelope: what a layer's `shape` stands for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Steps grow with the envelope's power to `alpha` / 2 and with frequency to the power of `tilt`."""

    alpha: float
    tilt: float


SHAPES = (
    Shape(0.5, 0.3),
    Shape(0.5, 0.0),
    Shape(0.3, 0.3),
    Shape(0.7, 0.3),
    Shape(0.5, 0.6),
    Shape(0.7, 0.0),
    Shape(0.3, 0.6),
    Shape(0.7, 0.6),
)
"""By index, which a layer says."""
