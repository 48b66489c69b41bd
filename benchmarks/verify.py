"""What `verify` says of a model to which something was done: the outputs in docs/verify.md.

Finds a circuit, or takes one, then changes the model in one way after the other, on its weights in memory,
and verifies. "Baked out" is the real thing: an exported checkpoint that is loaded from disk.

    python benchmarks/verify.py --model demo --circuit runs/demo/circuit
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gguf
import torch
from torch import nn

import neuroswitch as ns
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.export import export
from neuroswitch.circuits.verify import own_prompts, verify
from neuroswitch.models.fingerprints import weights_digest
from neuroswitch.models.handle import LanguageModel

Change = Callable[[str, nn.Linear], None]
RANK = 8
BAKED = "circuit baked out"


@contextmanager
def changed(model: LanguageModel, change: Change) -> Iterator[LanguageModel]:
    """Change the weights of all feed-forward projections while the block is open."""
    parents = [path.rpartition(".")[0] for path in model.layout.paths]
    modules = {
        f"{parent}.{name}": child
        for parent in parents
        for name, child in model.module.get_submodule(parent).named_children()
        if isinstance(child, nn.Linear)
    }
    before = {name: module.weight.detach().clone() for name, module in modules.items()}
    torch.manual_seed(0)
    with torch.no_grad():
        for name, module in modules.items():
            change(name, module)
    identity = replace(model.identity, weights_sha256=weights_digest(model.module))
    yield replace(model, identity=identity)
    with torch.no_grad():
        for name, module in modules.items():
            module.weight.copy_(before[name])


def scaled(circuit: Circuit, factor: float) -> Change:
    """Multiply what the circuit's neurons write."""
    local = circuit.layout.by_site(circuit.ids)

    def change(name: str, module: nn.Linear) -> None:
        if name in local:
            module.weight[:, local[name]] *= factor

    return change


def quantized(kind: gguf.GGMLQuantizationType) -> Change:
    """Round weights to what a GGUF type can hold."""

    def change(name: str, module: nn.Linear) -> None:
        packed = gguf.quantize(module.weight.float().numpy(), kind)
        module.weight.copy_(torch.from_numpy(gguf.dequantize(packed, kind)))

    return change


def half(name: str, module: nn.Linear) -> None:
    """Round weights to bfloat16."""
    module.weight.copy_(module.weight.bfloat16().float())


def merged(name: str, module: nn.Linear) -> None:
    """Add a low-rank matrix, as merging a LoRA does."""
    rows, columns = module.weight.shape
    product = torch.randn(rows, RANK) @ torch.randn(RANK, columns)
    module.weight += 0.05 * product * module.weight.norm() / product.norm()


def trained(name: str, module: nn.Linear) -> None:
    """Move every weight a little: the trace that training leaves, without its sense."""
    noise = torch.randn_like(module.weight)
    module.weight += 0.02 * noise * module.weight.norm() / noise.norm()


def main() -> None:
    """Print one block per change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--circuit", type=Path, required=True, help="folder that `run` or `discover` wrote")
    parser.add_argument("--weights-only", action="store_true", help="do not read the circuit's prompts again")
    parser.add_argument("--only", nargs="*", help="words in the names of the changes to make")
    asked = parser.parse_args()
    model = ns.load_model(asked.model)
    contrast = None if asked.weights_only else own_prompts(asked.circuit)
    circuit = ns.load_circuit(asked.circuit, model)
    kinds = gguf.GGMLQuantizationType
    changes: dict[str, Change] = {
        "untouched": lambda name, module: None,
        "in bfloat16": half,
        "circuit halved": scaled(circuit, 0.5),
        "quantized to Q8_0": quantized(kinds.Q8_0),
        "quantized to Q4_0": quantized(kinds.Q4_0),
        f"LoRA of rank {RANK} merged": merged,
        "every weight moved by 2 %": trained,
    }
    wanted = [name for name in (*changes, BAKED) if any(word in name for word in asked.only or [""])]
    print(f"{len(circuit)} neurons of {model.identity.name}, {circuit.provenance.ranking}")
    for name in (name for name in changes if name in wanted):
        with changed(model, changes[name]) as other:
            show(name, verify(asked.circuit, other, contrast=contrast).lines())
    if BAKED not in wanted:
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        baked = export(circuit, asked.model, "weights", Path(scratch) / "baked")
        del model
        show(BAKED, verify(asked.circuit, ns.load_model(baked), contrast=contrast).lines())


def show(name: str, lines: list[str]) -> None:
    """Print a block."""
    print("\n".join([f"\n== {name}", *lines]), flush=True)


if __name__ == "__main__":
    main()
