"""The official EnCodec package with random weights, where it is installed (`pip install --no-deps encodec
einops`)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

import torch

INSTALLED = importlib.util.find_spec("encodec") is not None and importlib.util.find_spec("einops") is not None


def official(kind: str):
    """The package's model "24khz" or "48khz", with random weights."""
    return fitted(getattr(_package().EncodecModel, f"encodec_model_{kind}")(pretrained=False), 4000)


def tiny(causal: bool):
    """A network of the package small enough to be stored: hop 6, 3 codebooks of 8; in segments unless
    `causal`."""
    encodec = _package()
    from encodec.modules import SEANetDecoder, SEANetEncoder
    from encodec.quantization import ResidualVectorQuantizer

    shape = {
        "channels": 1 if causal else 2,
        "dimension": 6,
        "n_filters": 2,
        "ratios": [3, 2],
        "causal": causal,
        "norm": "weight_norm" if causal else "time_group_norm",
    }
    quantizer = ResidualVectorQuantizer(dimension=6, n_q=3, bins=8)
    segments = {} if causal else {"normalize": True, "segment": 1.0}
    return fitted(encodec.EncodecModel(
        SEANetEncoder(**shape), SEANetDecoder(**shape), quantizer, [1.0], 300, shape["channels"], **segments
    ), 300)  # fmt: skip


@torch.no_grad()
def fitted(model, num_samples: int):
    """`model` for inference, its codebooks made of latents of noise, so that codes vary in every plane."""
    model = model.eval().requires_grad_(False)
    noise = torch.randn(8, model.channels, num_samples) * (1 if model.normalize else 0.1)
    residual = model.encoder(noise).transpose(1, 2).flatten(0, 1)
    for layer in model.quantizer.vq.layers:
        book = layer._codebook
        book.embed.copy_(residual[torch.randint(len(residual), (len(book.embed),))])
        book.embed.mul_(1 + 0.1 * torch.randn_like(book.embed))
        book.inited.fill_(1)
        residual = residual - book.decode(book.encode(residual))
    return model


def _package() -> ModuleType:
    """The package, with an empty module for torchaudio: it only resamples, reads and writes files, and is built for one
    version of torch."""
    if "encodec" not in sys.modules:
        present = sys.modules.get("torchaudio")
        sys.modules["torchaudio"] = ModuleType("torchaudio")
        try:
            importlib.import_module("encodec")
        finally:
            del sys.modules["torchaudio"]
            if present is not None:
                sys.modules["torchaudio"] = present
    return sys.modules["encodec"]
