"""Compare rankings at several sizes on held-out prompts: how much behaviour is left, at what cost.

One process, one model, the same prompts for every row; answers are kept in OUTPUT/results.jsonl, so
an interrupted run goes on where it stopped and the table can be printed again for nothing.

    python benchmarks/rankings.py --test-prompts jbb_harmful_behaviors.csv \
        --benign-prompts jbb_benign_behaviors.csv --output runs/rankings
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch

import neuroswitch as ns
from neuroswitch.circuits.files import DESCRIPTION
from neuroswitch.detectors import Detector
from neuroswitch.discovery.rankings import RANKINGS
from neuroswitch.experiment.behaviour import Behaviour, find_behaviour
from neuroswitch.experiment.conditions import Bench
from neuroswitch.experiment.counts import Row, paired_test
from neuroswitch.measures.summary import rate
from neuroswitch.methods.base import Intervention
from neuroswitch.methods.random import RandomControl
from neuroswitch.models.handle import LanguageModel


class Condition(NamedTuple):
    """One row of the table: which circuit, multiplied by what, asked which pile."""

    name: str
    pile: str
    ranking: str | None
    size: int
    multiplier: float
    seed: int | None = None


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--behaviour", default="refusal")
    parser.add_argument("--test-prompts", type=Path, required=True)
    parser.add_argument("--benign-prompts", type=Path, required=True)
    parser.add_argument("--rankings", default="readout,delta", help="the first one is the default ranking")
    parser.add_argument("--sizes", default="116,30,300,583", help="in neurons; the first one is the budget")
    parser.add_argument("--amplify", type=float, default=2.0)
    parser.add_argument("--max-new-tokens", type=int, default=150)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="compute only conditions whose name contains this")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args()


def conditions(options: argparse.Namespace) -> Iterator[Condition]:
    """List the rows, the headline first."""
    rankings, sizes = options.rankings.split(","), [int(size) for size in options.sizes.split(",")]
    best, budget = rankings[0], sizes[0]
    yield Condition("baseline", "positive", None, 0, 1.0)
    yield Condition(f"{best}:{budget}", "positive", best, budget, 0.0)
    yield Condition("baseline", "negative", None, 0, 1.0)
    yield Condition(f"{best}:{budget}", "negative", best, budget, 0.0)
    yield Condition(f"random:{options.seed}", "positive", best, budget, 0.0, options.seed)
    yield Condition(f"{best}:{budget} x {options.amplify:g}", "positive", best, budget, options.amplify)
    for size in sizes:
        for ranking in rankings:
            if (ranking, size) != (best, budget):
                yield Condition(f"{ranking}:{size}", "positive", ranking, size, 0.0)


def discover_all(
    model: LanguageModel, behaviour: Behaviour, wanted: set[tuple[str, int]], folder: Path
) -> None:
    """Save every circuit of the table that is not there yet; statistics are collected once."""
    missing = [
        (name, size)
        for name, size in sorted(wanted)
        if not (_place(folder, name, size) / DESCRIPTION).exists()
    ]
    if missing:
        needs = frozenset[str]().union(*(RANKINGS.get(name).needs for name, _ in missing))
        reading = ns.Reading(needs=needs, shows=behaviour.detector.judges)
        statistics = ns.collect(model, behaviour.contrast, reading)
        for name, size in missing:
            ns.save(ns.select(ns.rank(statistics, name, model), size), _place(folder, name, size))


def intervention(one: Condition, model: LanguageModel, folder: Path) -> Intervention | None:
    """Make what a condition does to the model; None for the baseline."""
    if one.ranking is None:
        return None
    circuit = ns.load_circuit(_place(folder, one.ranking, one.size), model)
    if one.seed is None:
        return ns.Scaling(circuit, one.multiplier)
    return RandomControl(circuit, one.multiplier, one.seed)


def _place(folder: Path, ranking: str, size: int) -> Path:
    return folder / f"{ranking}-{size}"


def main() -> None:
    """Answer everything that is not on disk yet, then print the table."""
    options = arguments()
    torch.set_num_threads(options.threads)
    behaviour = find_behaviour(options.behaviour)
    model = ns.load_model(options.model)
    decoding = ns.Decoding(max_new_tokens=options.max_new_tokens, batch_size=options.batch_size)
    bench = Bench(model, behaviour.detector, options.output / "results.jsonl", decoding, ns.ChatFormat())
    prompts = {
        "positive": ns.read_prompts(options.test_prompts, limit=options.limit),
        "negative": ns.read_prompts(options.benign_prompts, limit=options.limit),
    }
    rows_wanted = [one for one in conditions(options) if not options.only or options.only in one.name]
    circuits = options.output / "circuits"
    wanted = {(one.ranking, one.size) for one in rows_wanted if one.ranking}
    discover_all(model, behaviour, wanted, circuits)
    heads = f"{'shown':>8}{'rate':>8}{'95 % interval':>18}{'quality':>9}{'both answer':>16}{'p':>10}"
    print(f"{'condition':24}{'pile':10}{heads}")
    before: dict[str, list[Row]] = {}
    for one in rows_wanted:
        rows = bench.answers(one.name, one.pile, prompts[one.pile], intervention(one, model, circuits))
        compared = before.setdefault(one.pile, rows)  # the first condition of a pile is its baseline
        print(f"{one.name:24}{one.pile:10}{line(compared, rows, behaviour.detector)}", flush=True)


def line(before: list[Row], rows: list[Row], detector: Detector) -> str:
    """Format the numbers of one condition.

    "Both answer" is the quality before and after on the prompts that neither condition refuses: a refusal
    is one sentence without repetition, so mean quality falls when refusals become long answers.
    """
    found = rate(rows, detector)
    both = [
        (old["quality"], new["quality"])
        for old, new in zip(before, rows, strict=True)
        if not detector.shown(old["label"]) and not detector.shown(new["label"])
    ]
    old, new = (fmean(values) for values in zip(*both, strict=True)) if both else (float("nan"), float("nan"))
    p = paired_test(before, rows, detector)["p"]
    return (
        f"{found['refusals']:>4}/{found['n']:<3}{found['rate']:8.3f}{found['low']:10.3f} - {found['high']:.3f}"
        f"{found['quality']:9.3f}{old:9.3f} > {new:.3f}{p:10.2g}"
    )


if __name__ == "__main__":
    main()
