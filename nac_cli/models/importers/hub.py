"""Checkpoints from the Hugging Face hub, if its package is installed."""

from __future__ import annotations

from pathlib import Path

from nac_cli.errors import ModelError

PREFIX = "hf:"
CONFIGS = ("config.json", "model_config.json")
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.ckpt")
"""Weight files of a repository, in order of preference."""


def fetch(repository: str) -> Path:
    """The folder with the files of a repository ("descript/dac_44khz") that make a model, downloaded by
    `huggingface_hub` where they are not in its cache. Raises ModelError if the package is not installed,
    or the repository cannot be had."""
    try:
        import huggingface_hub
    except ImportError:
        raise ModelError(
            f"{PREFIX}{repository}: this needs the package huggingface_hub (pip install 'nac-cli[hub]'); or "
            "download the files in another way, and import their folder"
        ) from None
    try:
        there = set(huggingface_hub.HfApi().list_repo_files(repository))
        weights = next((name for name in WEIGHTS if name in there), None)
        if weights is None:
            raise ModelError(f"{PREFIX}{repository}: has none of {', '.join(WEIGHTS)}")
        wanted = [name for name in CONFIGS if name in there] + [weights]
        paths = [Path(huggingface_hub.hf_hub_download(repository, name)) for name in wanted]
    except ModelError:
        raise
    except Exception as error:  # the package raises its own, its HTTP library's and the system's errors
        lines = str(error).strip().splitlines() or [""]
        raise ModelError(
            f"{PREFIX}{repository}: cannot be had ({type(error).__name__}: {lines[0][:200]}); check the name "
            "and the network, or download the files in another way, and import their folder"
        ) from error
    return paths[-1].parent
