r"""Rate against damage of all methods, on several models: what docs/results/least-damage.md shows.

One comparison for each model and dtype, in folders that are continued when the command is called again:

    python benchmarks/least_damage.py runs/least-damage --models demo Qwen2.5-Coder-1.5B.gguf \
        --goals jbb_harmful_behaviors.csv --benign jbb_benign_behaviors.csv --limit 50
    python benchmarks/comparison_table.py runs/least-damage/demo-float32
"""

import argparse
from dataclasses import replace
from pathlib import Path

from neuroswitch.cli.console import bars
from neuroswitch.experiment import ExperimentSettings, compare_settings, run_experiment
from neuroswitch.options import ControlChoice, Decoding, LoadOptions, PromptChoice

METHODS = ("cna", "cna-tuned", "cna-learned", "cna-paper", "caa", "direction", "gate", "random")


def main() -> None:
    """Run or continue the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="each comparison gets a folder MODEL-DTYPE in it")
    parser.add_argument("--models", nargs="+", default=["demo"], help="Hub ids, folders, GGUF files or demo")
    parser.add_argument("--dtypes", nargs="+", default=["float32"], help="float32, bfloat16")
    parser.add_argument("--behaviour", default="refusal", help="refusal, french, formal or a file")
    parser.add_argument("--goals", help="test prompts; default: the behaviour's own")
    parser.add_argument("--benign", help="benign test prompts; default: the behaviour's own")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="as for neuroswitch compare")
    parser.add_argument("--limit", type=int, help="test prompts of each pile")
    parser.add_argument("--tokens", type=int, default=40, help="length of the answers")
    asked = parser.parse_args()
    prompts = PromptChoice(
        behaviour=asked.behaviour, test_prompts=asked.goals, benign_prompts=asked.benign, limit=asked.limit
    )
    base = ExperimentSettings(
        prompts=prompts,
        decoding=Decoding(max_new_tokens=asked.tokens, batch_size=50),
        controls=ControlChoice(controls=1),
    )
    for model in asked.models:
        for dtype in asked.dtypes:
            settings = compare_settings(
                model, tuple(asked.methods), base=replace(base, loading=LoadOptions(dtype=dtype))
            )
            folder = asked.folder / f"{Path(model).stem}-{dtype}"
            with bars() as progress:
                run_experiment(settings, folder, progress=progress)
            print(folder)


if __name__ == "__main__":
    main()
