"""Codebooks that are moving averages stay the same in two processes that see different halves of each batch."""

from __future__ import annotations

from dataclasses import replace

import torch

from tests.train.codec.micro import MICRO
from tests.train.codec.test_processes import train_in_two


def test_two_processes_agree_on_averaged_codebooks(tones, tmp_path):
    config = replace(MICRO["encodec"], batch_size=4, revive_below=0.5)
    first, second = train_in_two(config, tmp_path / "two", tones)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
