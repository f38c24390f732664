"""A model for Python users."""

from __future__ import annotations

import os

from nac_cli.models import zoo
from nac_cli.models.codec import Codec
from nac_cli.pipelines.models.opening import open_model


def load_model(model: str | os.PathLike = zoo.DEFAULT, device: str = "auto", threads: int | None = None) -> Codec:
    """The network of an installed model (by name or id) or of a weight file, ready to `encode` and `decode` tensors.

    Raises ModelError when there is no such model, UsageError for a device that is not here.

    >>> import nac_cli, torch
    >>> codec = nac_cli.load_model(device="cpu")
    >>> codec.encode(torch.zeros(1, 1, 10 * codec.spec.hop_length)).codes[0].shape
    torch.Size([1, 10])
    """
    return open_model(zoo.find(model), device, threads)
