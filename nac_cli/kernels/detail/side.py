"""The integers of a layer before its levels: how superframes are cut, and the prediction gains of its bands."""

from __future__ import annotations

from nac_cli.kernels.compiling import kernel
from nac_cli.kernels.detail.fields import CODER, DECODE, MODEL, NUMBERS, TABLE
from nac_cli.kernels.detail.range_coder import code_mixed

CUTS = 4 * 16
GAINS = 8 * 8
ENTRIES = CUTS + GAINS


@kernel(f"void({CODER}, {TABLE}, {MODEL}, {NUMBERS})")
def code_cuts(task, state, data, cuts, entries, weights, stretch, squash, rates, bits, places):
    """Code `cuts` int64 `[superframes, 7]`: whether each node of a superframe's binary tree is cut in halves, the whole
    first, then halves, then quarters; nodes below one that is not cut are 0 and take no bits. A node is predicted
    from the same node's parent row in the superframe before: how many of that depth were cut."""
    for t in range(len(cuts)):
        for node in range(7):
            depth = 0 if node == 0 else (1 if node < 3 else 2)
            if node and not cuts[t, (node - 1) // 2]:
                if task == DECODE:
                    cuts[t, node] = 0
                continue
            context = 0
            if t:
                context = cuts[t - 1, 0] + cuts[t - 1, 1] + cuts[t - 1, 2]
                if depth:
                    deepest = cuts[t - 1, 3] + cuts[t - 1, 4] + cuts[t - 1, 5] + cuts[t - 1, 6]
                    context = (
                        min(context, 1) * 2
                        + (1 if deepest else 0)
                        + (4 if node in (2, 4, 6) and cuts[t, node - 1] else 0)
                    )
                elif context:
                    context += 4 if cuts[t - 1, 3] + cuts[t - 1, 4] + cuts[t - 1, 5] + cuts[t - 1, 6] else 0
            places[0] = depth * 16 + context
            bit = code_mixed(
                task, state, data, cuts[t, node], entries, places, 1, weights[0], stretch, squash, rates, bits
            )
            if task == DECODE:
                cuts[t, node] = bit


@kernel(f"void({CODER}, {NUMBERS}, {MODEL}, {NUMBERS})")
def code_predictions(task, state, data, predictions, entries, weights, stretch, squash, rates, bits, places):
    """Code `predictions` int64 `[N]` (0..7), three bits each, given the band below."""
    below = 7
    for band in range(len(predictions)):
        node = 1
        for shift in range(2, -1, -1):
            places[0] = CUTS + below * 8 + node
            wanted = (predictions[band] >> shift) & 1
            bit = code_mixed(task, state, data, wanted, entries, places, 1, weights[0], stretch, squash, rates, bits)
            node = 2 * node + bit
        below = node - 8
        if task == DECODE:
            predictions[band] = below
