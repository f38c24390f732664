"""Writes `layers.json`: `python -m tests.entropy.detail.golden.make`. The format being what it is, nothing changes."""

from __future__ import annotations

import json

from nac_cli.entropy.detail.channels import layers_checksum, pack_layers
from tests.entropy.detail.layers import random_layer
from tests.platforms.check import LAYERS


def cases() -> list[dict]:
    drawn = {
        "sparse": (44100, 9000, [random_layer(9000, 44100, 1, 0.02)]),
        "dense": (44100, 5000, [random_layer(5000, 44100, 2, 0.4, largest=1.0)]),
        "loud": (24000, 2500, [random_layer(2500, 24000, 3, 0.3, largest=200.0)]),
        "three channels": (16000, 3000, [random_layer(3000, 16000, 4, 0.1), None, random_layer(3000, 16000, 5, 0.0)]),
    }
    return [
        {
            "name": name,
            "sample_rate": rate,
            "samples": samples,
            "channels": len(layers),
            "checksum": layers_checksum(layers),
            "payload": pack_layers(layers, rate).hex(),
        }
        for name, (rate, samples, layers) in drawn.items()
    ]


if __name__ == "__main__":
    LAYERS.write_text(json.dumps(cases(), indent=1) + "\n", encoding="utf-8")
