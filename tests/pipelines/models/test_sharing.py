"""One network for several threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from nac_cli.models.codec import Codec, Encoded
from nac_cli.pipelines.models.sharing import MOST_ITEMS, SharedEncoder


class Counting(Codec):
    """Codes that say which item they are of. Waits at `gate`, and counts the items of each batch."""

    def __init__(self):
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.batches: list[int] = []
        self.inside = 0

    def encode(self, wav):
        self.inside += 1
        assert self.inside == 1, "two threads in one network"
        self.entered.set()
        assert self.gate.wait(60)
        self.batches.append(len(wav))
        if (wav < 0).any():
            self.inside -= 1
            raise ValueError("negative")
        code = wav[:, 0, :1].long()
        self.inside -= 1
        return Encoded((code, 2 * code), wav[:, :, None, 0] * torch.ones(3, 1))

    def decode(self, codes):
        raise NotImplementedError

    def code_vectors(self):
        raise NotImplementedError


def encode_all(codec: Counting, shared: SharedEncoder, wavs: list[torch.Tensor]) -> list[Encoded]:
    """All at the same time: the others ask while the first has the network."""
    with ThreadPoolExecutor(len(wavs)) as threads:
        first = threads.submit(shared.encode, wavs[0])
        assert codec.entered.wait(60)
        others = [threads.submit(shared.encode, wav) for wav in wavs[1:]]
        while len(shared._waiting) < len(others):
            pass
        codec.gate.set()
        return [future.result() for future in [first, *others]]


def sound(value: float, items: int = 1, length: int = 10) -> torch.Tensor:
    return torch.arange(items).float()[:, None, None].expand(items, 1, length) + value


@pytest.mark.parametrize("together", [False, True])
def test_everyone_gets_their_own(together):
    codec = Counting()
    wavs = [sound(100 * number, items=1 + number % 3) for number in range(12)]
    results = encode_all(codec, SharedEncoder(codec, together), wavs)
    for wav, encoded in zip(wavs, results, strict=True):
        assert torch.equal(encoded.codes[0], wav[:, 0, :1].long()) and torch.equal(
            encoded.codes[1], 2 * wav[:, 0, :1].long()
        )
        assert torch.equal(encoded.distortion[:, 0, 0], wav[:, 0, 0])
    assert len(codec.batches) == (2 if together else 12) and sum(codec.batches) == sum(map(len, wavs))


def test_only_equal_shapes_go_together():
    codec = Counting()
    encode_all(codec, SharedEncoder(codec, together=True), [sound(1, length=10 + number % 2) for number in range(9)])
    assert sorted(codec.batches[1:]) == [4, 4]


def test_batches_are_bounded():
    codec = Counting()
    encode_all(codec, SharedEncoder(codec, together=True), [sound(1, items=MOST_ITEMS // 2) for _ in range(6)])
    assert max(codec.batches) == MOST_ITEMS


def test_a_failure_is_that_of_its_batch_and_the_network_goes_on():
    codec = Counting()
    codec.gate.set()
    shared = SharedEncoder(codec, together=True)
    with pytest.raises(ValueError, match="negative"):
        shared.encode(sound(-5))
    assert shared.encode(sound(5)).codes[0].item() == 5


def test_models_that_take_much_memory_get_one_at_a_time():
    codec = Counting()
    codec.heavy = True
    encode_all(codec, SharedEncoder(codec, together=True), [sound(1) for _ in range(4)])
    assert codec.batches == [1, 1, 1, 1]
