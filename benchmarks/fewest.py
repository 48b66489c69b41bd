"""How few neurons halve a behaviour: the rate over circuits of 1, 2, 4, ... neurons at one dose, until it is halved.

python benchmarks/fewest.py --model demo --dose 4 --test-prompts jbb_harmful_behaviors.csv \
        --benign-prompts jbb_benign_behaviors.csv --limit 50
"""

import argparse
from pathlib import Path

from comparison_table import rate

import neuroswitch as ns
from circuits import spread
from neuroswitch.detectors import Detector
from neuroswitch.discovery import find_scores, select
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.statistics import Measurement


def main() -> None:
    """Print one row for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--behaviour", default="refusal")
    parser.add_argument("--ranking", default="writers")
    parser.add_argument("--dose", type=float, default=4.0)
    parser.add_argument("--test-prompts", type=Path, required=True)
    parser.add_argument("--benign-prompts", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--max-new-tokens", type=int, default=40)
    asked = parser.parse_args()
    model = ns.load_model(asked.model, options=ns.LoadOptions(dtype=asked.dtype))
    contrast, detector = ns.ContrastSet.builtin(asked.behaviour), ns.detector(asked.behaviour)
    scores = find_scores(model, contrast, detector, ranking=asked.ranking)
    positive, benign = spread(asked.test_prompts, asked.limit), spread(asked.benign_prompts, asked.limit)
    decoding = ns.Decoding(max_new_tokens=asked.max_new_tokens, batch_size=asked.limit)
    said = ns.generate(model, benign, decoding=decoding)
    kept = [one for one in said if not detector.judges(one.text, one.prompt)]
    untouched = rate_of(model, positive, detector, decoding)
    print(f"untouched: {rate(untouched)}")
    size, left = 1, untouched.value or 0.0
    while left > (untouched.value or 0.0) / 2 and size <= 0.001 * model.layout.size:
        circuit = select(scores, size, dose=asked.dose)
        with ns.Scaling(circuit, 1.0).applied(model):
            found = rate_of(model, positive, detector, decoding)
        cost = ns.damage(model, ns.Scaling(circuit, 1.0), benign, kept)["kl"]
        print(f"{size} neurons, dose {asked.dose:g}: {rate(found)}, KL {cost.value:.3f} nats per token")
        size, left = 2 * size, found.value or 0.0


def rate_of(
    model: LanguageModel, prompts: tuple[Prompt, ...], detector: Detector, decoding: ns.Decoding
) -> Measurement:
    """Return the rate of the model as it is now."""
    return ns.measure(ns.generate(model, prompts, decoding=decoding), detector)["behaviour"]


if __name__ == "__main__":
    main()
