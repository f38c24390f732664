"""Make `taae.npz`: what the official package makes of a small TAAE with weights of a formula.

    python -m tests.models.golden.make_taae

needs stable-audio-tools 0.0.17, stable-codec and einops. The file has the names and shapes of the official
weights (`names`; the weights themselves are `random_weight`), the input `wav`, and as the packages gave them
the latents `z`, and for each bottleneck, as "5,5", `codes` and `wav_hat`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.models.taae_reference import GOLDEN_CONFIG, reference, residual_bottleneck

BOTTLENECKS = ((6,), (5, 5), (3, 3, 3, 3))


@torch.inference_mode()
def main() -> None:
    model = reference(GOLDEN_CONFIG)
    wav = (0.2 * torch.randn(1, 1, 9 * 640, generator=torch.Generator().manual_seed(0))).half().float()
    z = model.encode(wav, skip_bottleneck=True)
    names = [f"{name} {' '.join(map(str, value.shape))}" for name, value in model.state_dict().items()]
    arrays = {"names": np.array(names), "wav": wav.half().numpy(), "z": z.numpy()}
    for levels in BOTTLENECKS:
        bottleneck, key = residual_bottleneck(levels), ",".join(map(str, levels))
        codes = bottleneck.encode(z)
        arrays[f"{key}/codes"] = torch.cat(codes, -1).numpy().astype(np.uint16)
        arrays[f"{key}/wav_hat"] = model.decode(bottleneck.decode(codes)).numpy()
    path = Path(__file__).with_name("taae.npz")
    np.savez_compressed(path, **arrays)
    print(path, path.stat().st_size, z.std().item(), arrays["5,5/wav_hat"].std())


if __name__ == "__main__":
    main()
