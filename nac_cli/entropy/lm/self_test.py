"""Known-answer test: tokens in the model file, and the hash of the frequency tables that they must give.

It runs when a model is made ready, and settles which backend is exact on this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from nac_cli.entropy.lm.arithmetic import BACKENDS
from nac_cli.entropy.lm.compiled import CompiledNetwork
from nac_cli.entropy.lm.network import Network
from nac_cli.entropy.lm.step import StepPass
from nac_cli.entropy.lm.weights import TEST_FRAMES, IntegerModel
from nac_cli.errors import TokenMismatch
from nac_cli.kernels import load as load_kernels
from nac_cli.values import ABSENT

SEED = 2025


def prepare(model: IntegerModel) -> Network | CompiledNetwork:
    """The network of `model` in the first way, of compiled kernels, float32, float64 and int64, that gives the known
    answer.

    Raises `TokenMismatch` if none does.
    """
    expected = model["test.sha256"].tobytes()
    for make in _ways(model):
        network = make()
        if answers(network, model) == (expected, expected):
            return network
    raise TokenMismatch(
        "the language model fails its known-answer test here: its file is damaged, or this machine's arithmetic "
        "is not exact; decode elsewhere, or recode to the mode packed or static where it works"
    )


def _ways(model: IntegerModel) -> Iterator[Callable[[], Network | CompiledNetwork]]:
    """The makers of a network of `model`, the fastest first."""
    kernels = load_kernels("lm")
    if kernels is not None:
        yield lambda: CompiledNetwork(model, kernels)
    for backend in BACKENDS:
        yield partial(Network, model, backend)


def seal(model: IntegerModel) -> IntegerModel:
    """`model` with a known-answer test: random codes at all depths, answered by the int64 backend."""
    config, rng = model.config, np.random.default_rng(SEED)
    depths = np.where(rng.random(TEST_FRAMES) < 0.5, config.planes, rng.integers(0, config.planes + 1, TEST_FRAMES))
    occurs = config.occurs(depths, np.arange(TEST_FRAMES))
    drawn = [rng.integers(0, size, TEST_FRAMES) for size in config.codebook_sizes]
    codes = np.where(occurs, np.stack(drawn), ABSENT).astype(np.int32)
    tensors = {**model.tensors, "test.codes": codes, "test.depths": depths.astype(np.int32)}
    unanswered = replace(model, tensors=tensors)
    digest, _ = answers(Network(unanswered, BACKENDS[-1]), unanswered)
    return replace(model, tensors={**tensors, "test.sha256": np.frombuffer(digest, np.uint8)})


def answers(network: Network | CompiledNetwork, model: IntegerModel) -> tuple[bytes, bytes]:
    """SHA-256 of the test's tables (int32, little-endian; frame by frame, plane by plane) by either pass."""
    codes, depths = model["test.codes"], model["test.depths"].astype(np.int64)
    if isinstance(network, CompiledNetwork):
        first, second = network.known_tables(codes, depths)
        return _digest(first), _digest(second)
    parallel = {
        (frame, tables.plane): table
        for tables in network.tables(codes, depths)
        for frame, table in zip(tables.frames.tolist(), tables.frequencies)
    }
    return _digest(parallel), _digest(step_tables(network, codes, depths))


def step_tables(network: Network, codes: np.ndarray, depths: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Tables `[N_k]` by (frame, plane) that the step pass gives for a chunk that is known, `codes` `[K, F]`."""
    step = StepPass(network, 1, depths.size)
    row = np.zeros(1, np.int64)
    found = {}
    for frame in range(depths.size):
        step.advance(depths[frame : frame + 1])
        for plane, code in enumerate(codes[:, frame]):
            if code != ABSENT:
                found[frame, plane] = step.tables(plane, row)[0]
            step.put(plane, row, code)
    return found


def _digest(tables: dict[tuple[int, int], np.ndarray]) -> bytes:
    return hashlib.sha256(b"".join(tables[key].astype("<i4").tobytes() for key in sorted(tables))).digest()
