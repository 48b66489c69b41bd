"""Ablate several saved circuits of one model on the same prompts: how alike they are, and what each does.

Prints, for each circuit, its size, its overlap with the first one, the behaviour with its interval, and the KL
divergence on the untouched model's own answers to benign prompts. Circuits that were found in another type
of numbers may be given: only the shape of the model must be theirs.

    python benchmarks/circuits.py runs/rankings/circuits/readout-116 runs/compare/methods/cna --dtype bfloat16 \
        --test-prompts jbb_harmful_behaviors.csv --benign-prompts jbb_benign_behaviors.csv --limit 50
"""

import argparse
from pathlib import Path

import neuroswitch as ns
from neuroswitch.circuits.transfer import transferred
from neuroswitch.measures.divergence import divergence
from neuroswitch.measures.forcing import force
from neuroswitch.prompts import Prompt


def spread(path: Path, limit: int) -> tuple[Prompt, ...]:
    """Take prompts at even distances, as `neuroswitch compare --limit` does."""
    prompts = ns.read_prompts(path)
    count = min(limit, len(prompts))
    return tuple(prompts[index * len(prompts) // count] for index in range(count))


def main() -> None:
    """Print one row a circuit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("circuits", type=Path, nargs="+")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--test-prompts", type=Path, required=True)
    parser.add_argument("--benign-prompts", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    options = parser.parse_args()
    model = ns.load_model(options.model, options=ns.LoadOptions(dtype=options.dtype))
    detector = ns.detector("refusal")
    positive, benign = (
        spread(path, options.limit) for path in (options.test_prompts, options.benign_prompts)
    )
    decoding = ns.Decoding(max_new_tokens=options.max_new_tokens, batch_size=options.limit)
    own = force(model, benign, completions=ns.generate(model, benign, decoding=decoding))
    before = ns.measure(ns.generate(model, positive, decoding=decoding), detector)
    print(f"untouched: {before['refusals']} of {before['n']}")
    circuits = [transferred(ns.load_circuit(folder), model) for folder in options.circuits]
    for folder, circuit in zip(options.circuits, circuits, strict=True):
        scaling = ns.Scaling(circuit, 0.0)
        with scaling.applied(model):
            found = ns.measure(ns.generate(model, positive, decoding=decoding), detector)
        cost = divergence(model, own, intervention=scaling)
        print(
            f"{folder}: {len(circuit)} neurons, {len(circuit & circuits[0])} shared with the first; "
            f"{found['refusals']} of {found['n']} ({found['low']:.3f} - {found['high']:.3f}), "
            f"quality {found['quality']:.3f}, KL {cost.value:.3f} ({cost.low:.3f} - {cost.high:.3f})"
        )


if __name__ == "__main__":
    main()
