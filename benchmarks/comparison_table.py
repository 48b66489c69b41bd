"""Print the numbers of a comparison as Markdown: behaviour, damage, rates at the same damage, one method a row.

Reads `summary.json` as `neuroswitch compare` and `neuroswitch report` write it; needs no model.

    python benchmarks/comparison_table.py runs/compare
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from neuroswitch.report import view, words
from neuroswitch.statistics import Measurement
from neuroswitch.summary import SUMMARY, Cell, Summary, read_summary


def rate(found: Measurement | None) -> str:
    """Write a rate with its interval."""
    if found is None or found.value is None:
        return "-"
    return f"{words.percent(found.value)} ({words.between(found.low, found.high)})"


def row(name: str, cell: Cell, summary: Summary, damage: Sequence[str]) -> str:
    """Write one condition."""
    values = [
        "-" if (found := cell.measures.get(key)) is None else view.write(summary.measures[key], found.value)
        for key in damage
    ]
    test = cell.tests.get("behaviour")
    p = "-" if test is None or test.p_adjusted is None else words.p_value(test.p_adjusted)
    rates = [rate(cell.measures.get(key)) for key in view.RATES]
    return "| " + " | ".join([name, *rates, *values, p]) + " |"


def main() -> None:
    """Print conditions, rates at the same damage, and how methods were tuned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of a comparison")
    summary = read_summary(parser.parse_args().folder / SUMMARY)
    damage = [key for key in summary.measures if key not in view.RATES]
    heads = ["condition", "positive", "benign", *(summary.measures[key].title for key in damage), "p, Holm"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    print(row("untouched", summary.untouched(), summary, damage))
    for cell in summary.changed():
        print(row(f"{cell.method}, {words.short_number(cell.strength)}", cell, summary, damage))
    if matched := summary.matched:
        title, limit = (
            summary.measures[matched.by].title,
            view.write(summary.measures[matched.by], matched.budget),
        )
        print(f"\n| at {title} {limit} | positive | mean rate up to there | strengths beside |")
        print("|---|---|---|---|")
        for one in matched.rows:
            beside = " to ".join(map(words.short_number, dict.fromkeys(one.strengths)))
            print(f"| {one.method} | {rate(one.rate)} | {rate(one.area)} | {beside} |")
    print()
    for model in summary.models.values():
        for name, facts in model.methods.items():
            print(f"* **{name}**: {facts.description}")


if __name__ == "__main__":
    main()
