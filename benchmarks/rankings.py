"""Compare rankings at several sizes on held-out prompts: how much behaviour is left, at what cost.

One process, one model, the same prompts for every row; answers are kept in OUTPUT/results.jsonl, so
an interrupted run goes on where it stopped and the table can be printed again for nothing.

    python benchmarks/rankings.py --test-prompts jbb_harmful_behaviors.csv \
        --benign-prompts jbb_benign_behaviors.csv --output runs/rankings
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch

import neuroswitch as ns
from neuroswitch.activations import Intervention
from neuroswitch.answering import AnswerLog
from neuroswitch.circuits import DESCRIPTION
from neuroswitch.detectors import Detector
from neuroswitch.discovery import RANKINGS
from neuroswitch.experiment import Behaviour, find_behaviour
from neuroswitch.measures import MEASURES, AnswerMeasure, Condition, aggregated, answer_row, answer_values
from neuroswitch.models import LanguageModel
from neuroswitch.records import ANSWERS, NEGATIVE, POSITIVE, UNTOUCHED, AnswerRow
from neuroswitch.statistics import Measurement, Values, paired_test
from neuroswitch.verdicts import quality


class Asked(NamedTuple):
    """One row of the table: which circuit, at which strength, asked which pile."""

    method: str
    pile: str
    ranking: str | None
    size: int
    strength: float
    seed: int | None = None

    @property
    def name(self) -> str:
        """What the condition is called in the files."""
        return Condition(self.method, self.strength).name


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


def conditions(options: argparse.Namespace) -> Iterator[Asked]:
    """List the rows, the headline first."""
    rankings, sizes = options.rankings.split(","), [int(size) for size in options.sizes.split(",")]
    best, budget = rankings[0], sizes[0]
    yield Asked(UNTOUCHED, POSITIVE, None, 0, 0.0)
    yield Asked(f"{best}:{budget}", POSITIVE, best, budget, 1.0)
    yield Asked(UNTOUCHED, NEGATIVE, None, 0, 0.0)
    yield Asked(f"{best}:{budget}", NEGATIVE, best, budget, 1.0)
    yield Asked(f"random:{options.seed}", POSITIVE, best, budget, 1.0, options.seed)
    yield Asked(f"{best}:{budget}", POSITIVE, best, budget, 1 - options.amplify)
    for size in sizes:
        for ranking in rankings:
            if (ranking, size) != (best, budget):
                yield Asked(f"{ranking}:{size}", POSITIVE, ranking, size, 1.0)


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
            ns.select(ns.rank(statistics, name, model), size).save(_place(folder, name, size))


def intervention(one: Asked, model: LanguageModel, folder: Path) -> Intervention | None:
    """Make what a condition does to the model; None for the untouched one."""
    if one.ranking is None:
        return None
    circuit = ns.Circuit.load(_place(folder, one.ranking, one.size), model)
    if one.seed is not None:
        circuit = ns.random_circuit(circuit, seed=one.seed)
    return ns.Scaling(circuit, one.strength)


def _place(folder: Path, ranking: str, size: int) -> Path:
    return folder / f"{ranking}-{size}"


def main() -> None:
    """Answer everything that is not on disk yet, then print the table."""
    options = arguments()
    torch.set_num_threads(options.threads)
    behaviour = find_behaviour(options.behaviour)
    model = ns.load_model(options.model)
    decoding = ns.Decoding(max_new_tokens=options.max_new_tokens, batch_size=options.batch_size)
    prompts = {
        POSITIVE: ns.read_prompts(options.test_prompts)[: options.limit],
        NEGATIVE: ns.read_prompts(options.benign_prompts)[: options.limit],
    }
    rows_wanted = [one for one in conditions(options) if not options.only or options.only in one.name]
    circuits = options.output / "circuits"
    wanted = {(one.ranking, one.size) for one in rows_wanted if one.ranking}
    discover_all(model, behaviour, wanted, circuits)
    heads = f"{'shown':>8}{'rate':>8}{'95 % interval':>18}{'quality':>9}{'both answer':>16}{'p':>10}"
    print(f"{'condition':24}{'pile':10}{heads}")
    before: dict[str, list[AnswerRow]] = {}
    for one in rows_wanted:
        condition = Condition(one.method, one.strength, intervention(one, model, circuits))
        with condition.applied(model):
            said = ns.generate(
                model,
                prompts[one.pile],
                decoding=decoding,
                log=answer_log(options.output / ANSWERS, condition, one.pile, behaviour.detector),
            )
        rows = [answer_row(answer, behaviour.detector, condition, pile=one.pile) for answer in said]
        compared = before.setdefault(one.pile, rows)  # the first condition of a pile is its baseline
        print(f"{one.name:24}{one.pile:10}{line(compared, rows, behaviour.detector)}", flush=True)


def answer_log(path: Path, condition: Condition, pile: str, detector: Detector) -> AnswerLog:
    """Keep the answers of one condition, as rows of an experiment."""
    key = {"model": "model", "condition": condition.name, "pile": pile}
    return AnswerLog(path, key, lambda answer: asdict(answer_row(answer, detector, condition, pile=pile)))


def measured(name: str, rows: Sequence[AnswerRow], detector: Detector) -> tuple[Values, Measurement]:
    """Return a measure of answers: the value of each, and the number they make."""
    measure = MEASURES.get(name)
    assert isinstance(measure, AnswerMeasure)
    values = answer_values(measure, rows, detector)
    return values, aggregated(measure.info, values)


def line(before: list[AnswerRow], rows: list[AnswerRow], detector: Detector) -> str:
    """Format the numbers of one condition.

    "Both answer" is the quality before and after on the prompts that neither condition refuses: a refusal
    is one sentence without repetition, so mean quality falls when refusals become long answers.
    """
    untouched, _ = measured("behaviour", before, detector)
    values, rate = measured("behaviour", rows, detector)
    _, repeats = measured("quality", rows, detector)
    both = [
        (quality(old.text), quality(new.text))
        for old, new in zip(before, rows, strict=True)
        if not detector.shown(old.label) and not detector.shown(new.label)
    ]
    old, new = (fmean(column) for column in zip(*both, strict=True)) if both else (float("nan"), float("nan"))
    p, _, _ = paired_test(untouched, values)
    shown = round(sum(value for one in values.values() for value in one))
    numbers = (rate.value, rate.low, rate.high, repeats.value, p)
    share, low, high, mean, chance = (float("nan") if one is None else one for one in numbers)
    return (
        f"{shown:>4}/{rate.n:<3}{share:8.3f}{low:10.3f} - {high:.3f}"
        f"{mean:9.3f}{old:9.3f} > {new:.3f}{chance:10.2g}"
    )


if __name__ == "__main__":
    main()
