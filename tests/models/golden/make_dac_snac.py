"""Make `dac-*.npz` and `snac-tiny.npz`: what the reference packages make of tiny models with weights of a seed. Needs
the packages.

    python -m tests.models.golden.make_dac_snac

Weights are not stored but drawn from a fixed formula of their names and places (`weights_of`), so the files
stay small and the tests need none of the packages.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import torch

GOLDENS = Path(__file__).parent
DAC = {
    "sample_rate": 16_000,
    "encoder_dim": 8,
    "encoder_rates": [2, 4, 5, 8],
    "latent_dim": 32,
    "decoder_dim": 128,
    "decoder_rates": [8, 5, 4, 2],
    "n_codebooks": 4,
    "codebook_size": 64,
    "codebook_dim": 8,
}
SNAC = {
    "sampling_rate": 16_000,
    "encoder_dim": 8,
    "encoder_rates": [2, 3, 8, 8],
    "decoder_dim": 128,
    "decoder_rates": [8, 8, 3, 2],
    "attn_window_size": 8,
    "codebook_size": 64,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
"""Arguments of the packages' classes; our `dac-tiny` and `snac-tiny`."""
TRANSFORMERS = {
    "model_type": "dac",
    "sampling_rate": 16_000,
    "downsampling_ratios": [2, 4, 5, 8],
    "encoder_hidden_size": 8,
    "decoder_hidden_size": 128,
    "n_codebooks": 4,
    "codebook_size": 64,
    "codebook_dim": 8,
}


def weights_of(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Weights in the packages' layout from the names and shapes of its tensors, alike on every machine and
    version."""
    return {name: _weight(name, shape) for name, shape in shapes.items()}


def _weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name.endswith("inv_freq"):
        return torch.zeros(shape)
    count = int(np.prod(shape))
    integers = (np.arange(count, dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()))) * np.uint64(
        0x9E3779B97F4A7C15
    )
    values = ((integers ^ (integers >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(40)).astype(
        np.float64
    )
    values = torch.from_numpy(values / 2**23 - 1).reshape(shape).float()
    if name.endswith("alpha"):
        return 1.25 + 0.75 * values
    if name.endswith(("weight_g", "original0")):
        return (0.55 if name.startswith("decoder") else 0.7) + 0.15 * values
    if name.endswith("bias"):
        return 0.03 * values
    if len(shape) == 3 and name.endswith(".weight"):
        return values / int(np.prod(shape[1:])) ** 0.5 * (0.9 if name.startswith("decoder") else 1.2)
    if "codebook" in name or name.endswith(("weight_v", "original1")):
        return values
    return 1 + 0.2 * values if name.endswith("norm.weight") else 0.2 * values


def main() -> None:
    from tests.models.official import dac_class, snac_class, sound, transformers_dac

    GOLDENS.mkdir(exist_ok=True)
    wav = 4 * sound(13 * 320, 16_000)
    with torch.inference_mode():
        model = _filled(dac_class()(**DAC))
        z, codes = model.encoder(wav), model.encode(wav)[1]
        _save("dac-tiny", model, wav, z, codes.unbind(1), model.decode(model.quantizer.from_codes(codes)[0]))

        model_type, config_type = transformers_dac()
        model = _filled(
            model_type(config_type(**{key: value for key, value in TRANSFORMERS.items() if key != "model_type"}))
        )
        z, codes = model.encoder(wav), model.encode(wav).audio_codes
        _save("dac-transformers", model, wav, z, codes.unbind(1), model.decode(audio_codes=codes).audio_values[:, None])

        model = _filled(snac_class()(**SNAC))
        wav = 4 * sound(16 * 384, 16_000)
        z, codes = model.encoder(wav), model.encode(wav)
        draw, drawn = torch.randn, []
        generator = torch.Generator().manual_seed(0)

        def remembered(shape, device=None, dtype=None):
            drawn.append(draw(shape, generator=generator).half().float())
            return drawn[-1]

        torch.randn = remembered
        wav_hat = model.decode(codes)
        torch.randn = draw
        frames = codes[-1].shape[1]
        noise = torch.cat([part.reshape(1, frames, -1) for part in drawn], -1)
        _save("snac-tiny", model, wav, z, codes, wav_hat, noise=noise.half().numpy())


def _filled(model: torch.nn.Module) -> torch.nn.Module:
    state = model.state_dict()
    rotations = {name: value for name, value in state.items() if name.endswith("inv_freq")}
    model.load_state_dict(weights_of({name: tuple(value.shape) for name, value in state.items()}) | rotations)
    return model.eval()


def _save(name: str, model, wav, z, codes, wav_hat, **more: np.ndarray) -> None:
    state = model.state_dict()
    names = np.array([f"{key} {' '.join(map(str, value.shape))}" for key, value in state.items()])
    planes = {f"codes{number}": plane.numpy().astype(np.uint8) for number, plane in enumerate(codes)}
    path = GOLDENS / f"{name}.npz"
    np.savez_compressed(path, names=names, wav=wav.numpy(), z=z.numpy(), wav_hat=wav_hat.numpy(), **planes, **more)
    print(path, path.stat().st_size, z.std().item(), wav_hat.std().item(), [len(plane.unique()) for plane in codes])


if __name__ == "__main__":
    main()
