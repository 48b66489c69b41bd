"""A circuit across quantisation: found on the float model and on the quantised one, and scaled on both.

For one way to quantise: how much of the float circuit is found again, how often the quantised model
refuses held-out prompts untouched, under the float circuit, and under its own. Prints one row of a table.

    python benchmarks/quantized.py --model demo --kind quanto-int8 --circuit FOLDER
"""

import argparse
from pathlib import Path

from neuroswitch.answering import Decoding, generate
from neuroswitch.circuits import DESCRIPTION, Circuit
from neuroswitch.detectors import Detector
from neuroswitch.discovery import RANKINGS, Reading, collect, rank, select
from neuroswitch.experiment import Behaviour, find_behaviour
from neuroswitch.methods import Scaling
from neuroswitch.models import LanguageModel, LoadOptions, load_model
from neuroswitch.prompts import Prompt


def discovered(model: LanguageModel, behaviour: Behaviour, ranking: str) -> Circuit:
    """Find the circuit as `neuroswitch discover` does."""
    reading = Reading(needs=RANKINGS.get(ranking).needs, shows=behaviour.detector.judges)
    return select(rank(collect(model, behaviour.contrast, reading), ranking, model), 0.001)


def shown(
    model: LanguageModel,
    detector: Detector,
    prompts: tuple[Prompt, ...],
    tokens: int,
    circuit: Circuit | None = None,
) -> int:
    """Count the answers that show the behaviour, with the circuit ablated if there is one."""
    decoding = Decoding(max_new_tokens=tokens)
    if circuit is None:
        answers = generate(model, prompts, decoding=decoding)
    else:
        with Scaling(circuit, strength=1.0).applied(model):
            answers = generate(model, prompts, decoding=decoding)
    return sum(detector.judges(answer.text, answer.prompt) for answer in answers)


def main() -> None:
    """Measure one kind and print its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--kind", required=True, help="float, or what LoadOptions.quantize takes")
    parser.add_argument("--circuit", type=Path, required=True, help="the float circuit; made where absent")
    parser.add_argument("--behaviour", default="refusal")
    parser.add_argument("--ranking", default="readout")
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--reuse", action="store_true", help="do not discover on the quantised model")
    asked = parser.parse_args()

    behaviour = find_behaviour(asked.behaviour)
    kind = None if asked.kind == "float" else asked.kind
    model = load_model(asked.model, options=LoadOptions(device="cpu", quantize=kind))
    if (asked.circuit / DESCRIPTION).exists():
        circuit = Circuit.load(asked.circuit, model)
    elif kind is None:
        circuit = discovered(model, behaviour, asked.ranking)
        circuit.save(asked.circuit, model=model)
    else:
        parser.error("run --kind float first, to make the circuit")
    prompts = behaviour.contrast.test.positive[: asked.prompts]
    counts = [
        shown(model, behaviour.detector, prompts, asked.tokens),
        shown(model, behaviour.detector, prompts, asked.tokens, circuit),
    ]
    found = "-"
    if not asked.reuse and kind is not None:
        own = discovered(model, behaviour, asked.ranking)
        found = f"{len(circuit & own)} of {len(circuit)}"
        counts.append(shown(model, behaviour.detector, prompts, asked.tokens, own))
    cells = [f"{count} of {len(prompts)}" for count in counts]
    print(f"| {asked.kind} | {asked.ranking} | {found} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
