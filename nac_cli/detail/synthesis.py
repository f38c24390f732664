"""Integers and the base's sound -> sound."""

from __future__ import annotations

import numpy as np

from nac_cli.detail import mdct
from nac_cli.detail.bands import Blocks
from nac_cli.detail.envelope import log_steps
from nac_cli.detail.shapes import SHAPES
from nac_cli.detail_layer import PREDICTIONS, STEPS_PER_OCTAVE, UNIT_STEP, DetailLayer, padded_length, superframe_length

INWARDS = 0.04
"""How far inside its interval a level is reconstructed, in steps: small values are likelier than large ones."""
REACH = 0.6
"""Largest distance of a line without a level from its prediction, in steps."""
GAIN_DECIBELS = 3.0


def add_detail(base: np.ndarray, layer: DetailLayer, sample_rate: int) -> np.ndarray:
    """The base's sound `[T']` of a whole chunk with its layer, float32 `[T']`.

    Every line with a level becomes prediction + level * step. The others keep the base's coefficient, no further from
    the prediction than their having no level allows, times their band's gain.
    """
    superframe = superframe_length(sample_rate)
    blocks = Blocks(layer.sizes, superframe)
    coefficients = mdct.forward(padded(base, sample_rate), layer.sizes)
    predicted = coefficients * prediction(layer.predictions, blocks)
    steps = np.exp(log_steps(coefficients, blocks, SHAPES[layer.shape], sample_rate)) * step_size(layer.step)
    filled = fill(coefficients, predicted, steps) * blocks.steps(
        10 ** (GAIN_DECIBELS / 20 * layer.gains[blocks.owners])
    )
    levels = layer.levels.astype(np.float32)
    levels -= INWARDS * np.sign(levels)
    lines = np.where(layer.levels != 0, predicted + levels * steps, filled)
    return mdct.inverse(lines, layer.sizes)[: len(base)]


def fill(base: np.ndarray, predicted: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The coefficients of lines without a level before gains, `[T]`."""
    return predicted + np.clip(base - predicted, -REACH * steps, REACH * steps)


def prediction(predictions: np.ndarray, blocks: Blocks) -> np.ndarray:
    """The factor `[T]` of the base in what is predicted."""
    return blocks.steps(np.broadcast_to(predictions / (PREDICTIONS - 1), (len(blocks.sizes), len(predictions))))


def step_size(step: int) -> float:
    return 2.0 ** ((step - UNIT_STEP) / STEPS_PER_OCTAVE)


def padded(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """`samples` and their mirror image up to a whole superframe, float32."""
    more = padded_length(len(samples), sample_rate) - len(samples)
    mirrored = np.asarray(samples, np.float32)
    while more > 0:
        part = mirrored[::-1][:more]
        mirrored = np.concatenate((mirrored, part))
        more -= len(part)
    return mirrored
