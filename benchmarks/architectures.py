"""Check every architecture that the tests know and print the table of docs/architectures.md.

python benchmarks/architectures.py --output docs/architectures.md
"""

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import transformers  # noqa: E402

from architecture_checks import Row, examine, refusal  # noqa: E402
from architectures import ARCHITECTURES, REFUSED  # noqa: E402
from wrappers import NOT_TEXT_ALONE, WRAPPERS  # noqa: E402

HEADER = """\
# Architectures

Written by `python benchmarks/architectures.py --output docs/architectures.md` on {date} with transformers
{transformers} and torch {torch}, on the CPU. One row is one tiny random model in float32 (hidden size 32, 128 tokens,
3 to 8 layers, towers for images or sound beside it) of {count} configurations of {types} model types; {held} of {count}
rows hold. A model type that is not listed is found by the same rules, or refused with the option to pass
(`neuroswitch doctor MODEL` says which).

* **Sites**: output projections within a layer; experts where a number of experts is given.
* **Read**: largest error, relative to the largest value, of the neurons at the last token of three prompts in one
  padded batch, against one prompt at a time through the whole model in float64; of experts, of their neurons put
  through the down projection against the output of their container.
* **Batch**: the same against reading the prompts one by one, and with their shared beginning computed once.
* **x 1**: a multiplier of 1 changes no bit of the logits.
* **Scaled**: error of the logits under a multiplier of 1.7 against a copy whose weights were scaled by hand; "shared"
  where layers share weights, so that there is no such copy.
* **Restored**: after an exception inside the block, logits and all weights are bit for bit what they were.
* **Saved**: a circuit is the same after being saved and read back.
* **Answers**: greedy answers in a batch, in stages and from a shared beginning are token for token those of one
  prompt at a time without a cache; "refused" where `generate()` counts positions otherwise than the model does.
* **IA3**: PEFT alone reads the folder of a circuit of the dense sites, and its logits are bit for bit those of the
  hook (multiplier 1.7); "-" where every neuron is a fused expert's, which IA3 cannot hold.

| model type | sites | experts | neurons | read | batch | x 1 | scaled | restored | saved | answers | IA3 |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""

REFUSALS = """
## Refused

| model type | reason |
|---|---|
"""


EVERY = {**ARCHITECTURES, **WRAPPERS}
MARKS = {True: "yes", False: "NO", None: "-"}


def line(row: Row) -> str:
    """Lay out one row."""
    sites = ", ".join(f"`{path}`" for path in row.sites)
    scaled = "shared" if row.scaled is None else f"{row.scaled:.0e}"
    marks = [MARKS[mark] for mark in (row.identity, row.restored, row.saved)]
    answers = "refused" if row.answers is None else MARKS[row.answers]
    cells = [
        row.name,
        sites,
        str(row.experts or "-"),
        str(row.neurons),
        f"{row.read:.0e}",
        f"{row.batch:.0e}",
    ]
    return "| " + " | ".join([*cells, marks[0], scaled, *marks[1:], answers, MARKS[row.adapter]]) + " |"


def main() -> int:
    """Check all, print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines, held = [], 0
    for name in sorted(EVERY):
        try:
            row = examine(name)
        except Exception as error:  # noqa: BLE001  a failure is a row of the table
            lines.append(f"| {name} | FAILED: {type(error).__name__}: {str(error).splitlines()[0][:120]} |")
            sys.stderr.write(lines[-1] + "\n")
            continue
        held += row.holds
        lines.append(line(row))
        if not row.holds:
            sys.stderr.write(lines[-1] + "\n")
    header = HEADER.format(
        date=datetime.now(timezone.utc).date(),
        transformers=transformers.__version__,
        torch=__import__("torch").__version__,
        count=len(EVERY),
        types=len({name.partition("/")[0] for name in EVERY}),
        held=held,
    )
    refused = [f"| {name} | {refusal(name)} |" for name in sorted({**REFUSED, **NOT_TEXT_ALONE})]
    text = header + "\n".join(lines) + "\n" + REFUSALS + "\n".join(refused) + "\n"
    if options.output:
        options.output.write_text(text)
    else:
        print(text)
    return 0 if held == len(EVERY) else 1


if __name__ == "__main__":
    sys.exit(main())
