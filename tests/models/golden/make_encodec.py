"""Make `encodec-causal.npz` and `encodec-segments.npz`: what the official package makes of random weights and
noise.

    python -m tests.models.golden.make_encodec

needs the package `encodec`. Each file has the weights under their official names (`weights/...`, float16, as
the package ran them), and for each length T the input `T/wav`, and as the package gave them `T/wav_hat`, and
of each segment s `T/codes/s`, `T/z/s` (latents) and `T/scale/s`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.models.encodec_reference import tiny

LENGTHS = {True: (1, 5, 6, 7, 250), False: (7, 299, 301, 650)}


def main() -> None:
    for causal, name in ((True, "encodec-causal"), (False, "encodec-segments")):
        torch.manual_seed(1)
        model = tiny(causal)
        model.load_state_dict({key: value.half().float() for key, value in model.state_dict().items()})
        arrays = {f"weights/{key}": value.half().numpy() for key, value in model.state_dict().items()}
        for length in LENGTHS[causal]:
            arrays |= {f"{length}/{key}": value for key, value in run(model, length).items()}
        np.savez_compressed(Path(__file__).with_name(f"{name}.npz"), **arrays)


def run(model, length: int) -> dict[str, np.ndarray]:
    wav = (0.1 * torch.randn(1, model.channels, length)).half().float()
    frames = model.encode(wav)
    out = {"wav": wav.half().numpy(), "wav_hat": model.decode(frames)[..., :length].numpy()}
    for number, (codes, scale) in enumerate(frames):
        start = number * (model.segment_stride or 0)
        part = wav[..., start : start + (model.segment_length or length)]
        out[f"codes/{number}"] = codes.numpy().astype(np.uint8)
        out[f"z/{number}"] = model.encoder(part / (1 if scale is None else scale[..., None])).numpy()
        out[f"scale/{number}"] = np.ones(1, np.float32) if scale is None else scale[:, 0].numpy()
    return out


if __name__ == "__main__":
    main()
