"""Find the default circuit on bootstrap samples of the discovery prompts, and save each.

What they do is then measured with benchmarks/circuits.py, in the same dtype or in another one:

    python benchmarks/resampled.py runs/resampled-float32 --model demo --dtype float32
    python benchmarks/circuits.py runs/resampled-float32/* --dtype float32 --test-prompts ... --benign-prompts ...
"""

import argparse
from pathlib import Path

import neuroswitch as ns
from neuroswitch.discovery import Resampling, bootstrap_selection
from neuroswitch.options import CircuitChoice

USUAL = CircuitChoice()


def main() -> None:
    """Save the circuit of all prompts, the stable one, and one for each sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--behaviour", default="refusal")
    parser.add_argument("--samples", type=int, default=5)
    asked = parser.parse_args()
    model = ns.load_model(asked.model, options=ns.LoadOptions(dtype=asked.dtype))
    contrast = ns.ContrastSet.builtin(asked.behaviour)
    found = bootstrap_selection(model, contrast, USUAL.ranking, USUAL.size, Resampling(samples=asked.samples))
    whole = ns.find_circuit(model, contrast, dose=USUAL.dose)
    circuits = {"all": whole, "stable": found.circuit().dosed(USUAL.dose)}
    circuits |= {f"sample-{i}": one.dosed(USUAL.dose) for i, one in enumerate(found.circuits)}
    for name, circuit in circuits.items():
        circuit.save(asked.folder / name, model=model)
        print(f"{name}: {len(circuit & whole)} of {len(whole)} neurons are those of all prompts")


if __name__ == "__main__":
    main()
