"""Golden vectors of the language model and of detail, on the machine and with the libraries that run this script.

    python -m tests.platforms.check reference      numpy alone: the decoder written from format_spec.md
    python -m tests.platforms.check package        nac's own, every backend, chunks one by one and 64 at once

Prints what it ran on and what it found; exit code 1 if any code, word or table differs. Where `constriction`
or `safetensors` are not to be had, stand-ins made of the reference decoder serve, and the output says so.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tests.reference.lm_decoder import LanguageModel

GOLDEN = Path(__file__).parents[1] / "entropy" / "lm" / "golden"
LAYERS = Path(__file__).parents[1] / "entropy" / "detail" / "golden" / "layers.json"
BATCHES = (1, 64)
SHAPES = ((1, 2064, 64), (64, 2064, 7), (64, 512, 256), (130, 1024, 100), (129, 33, 500))


def read_vectors() -> list[dict]:
    return json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))


def read_layers() -> list[dict]:
    return json.loads(LAYERS.read_text(encoding="utf-8"))


def check_reference() -> list[str]:
    """What is wrong, nothing if all is well."""
    from tests.reference.detail_decoder import checksum, decode_layers

    wrong, models = [], {}
    for vector in read_vectors():
        name = vector["model"]
        if name not in models:
            models[name] = LanguageModel((GOLDEN / f"{name}.safetensors").read_bytes())
        try:
            codes = models[name].decode(bytes.fromhex(vector["stream"]), vector["depths"])
        except ValueError:
            codes = None
        if codes != vector.get("codes"):
            wrong.append(f"reference: {vector['name']}")
    for case in read_layers():
        layers = decode_layers(bytes.fromhex(case["payload"]), case["channels"], case["samples"], case["sample_rate"])
        if checksum(layers) != case["checksum"]:
            wrong.append(f"reference: detail, {case['name']}")
    return wrong


def check_package() -> list[str]:
    from tests.platforms import stand_ins

    replaced = [name for name in ("constriction", "safetensors") if not find_spec(name)]
    for name in replaced:
        stand_ins.install(name)
    print("stand-ins:", ", ".join(replaced) or "none")
    from nac_cli.entropy.lm import Network, load
    from nac_cli.entropy.lm.arithmetic import BACKENDS
    from nac_cli.entropy.lm.compiled import CompiledNetwork
    from nac_cli.entropy.lm.self_test import answers
    from nac_cli.kernels import load as load_kernels

    wrong, vectors = [], read_vectors()
    kernels = load_kernels("lm")
    print("kernels:", "none" if kernels is None else "numba")
    for name in dict.fromkeys(vector["model"] for vector in vectors) if kernels is not None else ():
        model = load(GOLDEN / f"{name}.safetensors")
        network, answer = CompiledNetwork(model, kernels), model["test.sha256"].tobytes()
        if answers(network, model) != (answer, answer):
            wrong.append(f"kernels: known-answer test of {name}")
        mine = [vector for vector in vectors if vector["model"] == name]
        wrong += [f"kernels: {fault}" for size in BATCHES for fault in check_vectors(network, mine, size)]
    for backend in BACKENDS:
        label = backend.dtype.__name__
        wrong += [f"{label}: {fault}" for fault in check_products(backend)]
        for name in dict.fromkeys(vector["model"] for vector in vectors):
            path = GOLDEN / f"{name}.safetensors"
            model = stand_ins.load(path) if "safetensors" in replaced else load(path)
            network, answer = Network(model, backend), model["test.sha256"].tobytes()
            if answers(network, model) != (answer, answer):
                wrong.append(f"{label}: known-answer test of {name}")
            mine = [vector for vector in vectors if vector["model"] == name]
            wrong += [f"{label}: {fault}" for size in BATCHES for fault in check_vectors(network, mine, size)]
    return wrong + check_layers()


def check_layers() -> list[str]:
    """Detail, by kernels or what they are made of."""
    from nac_cli.entropy.detail.channels import layers_checksum, pack_layers, unpack_layers

    wrong = []
    for case in read_layers():
        payload = bytes.fromhex(case["payload"])
        layers = unpack_layers(payload, case["channels"], case["samples"], case["sample_rate"])
        if layers_checksum(layers) != case["checksum"]:
            wrong.append(f"detail: {case['name']}")
        if pack_layers(layers, case["sample_rate"]) != payload:
            wrong.append(f"detail: bytes of {case['name']}")
    return wrong


def check_products(backend) -> list[str]:
    """Matrices with sums up to nearly 2^24, of sizes for which routines take different ways."""
    rng = np.random.default_rng(0)
    wrong = []
    for rows, depth, columns in SHAPES:
        left, right = rng.integers(100, 128, (rows, depth)), rng.integers(50, 65, (depth, columns))
        for signs in (1, rng.choice([-1, 1], (depth, columns))):
            exact = np.einsum("ij,jk->ik", left, right * signs)
            found = backend.product(left.astype(backend.dtype), (right * signs).astype(backend.dtype))
            if not np.array_equal(exact, found):
                wrong.append(f"product {rows} x {depth} x {columns}")
    return wrong


def check_vectors(network, vectors: list[dict], batch: int) -> list[str]:
    """Decode in batches of `batch` (vectors repeat to fill it), and encode what has codes."""
    from nac_cli.entropy.lm import decode, encode

    filled = (vectors * -(-batch // len(vectors)))[: max(batch, len(vectors))]
    wrong = []
    for first in range(0, len(filled), batch):
        part = filled[first : first + batch]
        depths = [np.array(vector["depths"], np.int64) for vector in part]
        results = decode(network, [bytes.fromhex(vector["stream"]) for vector in part], depths)
        for vector, chunk_depths, result in zip(part, depths, results):
            bad = isinstance(result, Exception)
            codes = None if bad else [row[row >= 0].tolist() for row in result]
            if codes != vector.get("codes"):
                wrong.append(f"{vector['name']} in a batch of {batch}")
            elif not bad and batch == 1:
                (stream,) = encode(network, [(result, chunk_depths)])
                wrong += [f"words of {vector['name']}"] * (stream.hex() != vector["stream"])
    return wrong


def matrix_routines() -> str:
    """The libraries of that kind that are loaded, where the system tells."""
    try:
        loaded = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    except OSError:
        return "unknown"
    return ", ".join(sorted({Path(word).name for word in loaded if "blas" in Path(word).name})) or "none"


def main(subjects: list[str]) -> int:
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    print(f"{platform.machine()}, {sys.byteorder}-endian, {versions}")
    print("matrix routines:", matrix_routines())
    print("golden vectors:", hashlib.sha256((GOLDEN / "vectors.json").read_bytes()).hexdigest()[:16])
    wrong, agree = [], f"all {len(read_vectors())} vectors and {len(read_layers())} layers agree"
    for subject in subjects:
        found = {"reference": check_reference, "package": check_package}[subject]()
        print(f"{subject}:", f"{len(found)} differences" if found else agree)
        wrong += found
    for fault in wrong:
        print("differs:", fault)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["reference", "package"]))
