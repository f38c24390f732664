"""Training computes in bfloat16 only where that is not slower: a CPU without AVX-512 has no kernels for it."""

from __future__ import annotations

import pytest
import torch

from nac_cli.train import precision
from nac_cli.train.muon import orthogonalise

CPU = torch.device("cpu")


def _product(wanted: bool = True) -> torch.dtype:
    with precision.autocast(CPU, wanted):
        return (torch.ones(8, 8) @ torch.ones(8, 8)).dtype


@pytest.mark.parametrize(
    "capability, form", [("AVX512", torch.bfloat16), ("AVX2", torch.float32), ("DEFAULT", torch.float32)]
)
def test_products_have_the_type_that_the_cpu_is_fast_at(capability, form, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert _product() == form
    assert _product(wanted=False) == torch.float32


def test_muon_turns_matrices_the_same_way_in_either_type():
    torch.manual_seed(0)
    matrices = torch.randn(2, 48, 144)
    exact, rounded = orthogonalise(matrices), orthogonalise(matrices.bfloat16())
    assert exact.dtype == torch.float32 and rounded.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(exact.flatten(), rounded.float().flatten(), dim=0) > 0.999
