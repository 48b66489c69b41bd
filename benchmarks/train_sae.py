"""Train a small SAE on a model's residual stream and save it for SAELens, for `compare --methods sae:FOLDER`.

    python benchmarks/train_sae.py sae-demo --model demo --layer 14

It reads the discovery prompts of a contrast set, the diverse prompts and the model's own answers, never
a validation or test prompt. Prints what it was trained on and how much of the variance it explains.
"""

import argparse
import time
from pathlib import Path

import neuroswitch as ns
from neuroswitch.methods.sae_training import SaeTraining, train_sae
from neuroswitch.prompts import diverse_prompts


def main() -> None:
    """Read the arguments, train, say how it went."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write the SAE")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--behaviour", default="refusal", help="built-in contrast set")
    parser.add_argument("--layer", type=int, default=14)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--active", type=int, default=16)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--answers", type=int, default=24, help="tokens of each answer that are read")
    asked = parser.parse_args()
    started = time.monotonic()
    discovery = ns.ContrastSet.builtin(asked.behaviour).discovery
    prompts = [*discovery.positive, *discovery.negative, *diverse_prompts()]
    how = SaeTraining(
        layer=asked.layer,
        features=asked.features,
        active=asked.active,
        steps=asked.steps,
        answers=asked.answers,
    )
    trained = train_sae(ns.load_model(asked.model), prompts, how, asked.folder)
    print(
        f"{asked.folder}: {how.features} features, {how.active} active, behind layer {how.layer} of {asked.model}"
    )
    print(f"{trained.tokens} tokens of {len(prompts)} prompts and answers, {how.steps} steps of {how.batch}")
    print(f"explained variance {trained.explained:.3f}, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
