"""Draw the curves of a comparison: rate against damage, one line a method.

python benchmarks/plot_damage.py runs/least-damage/demo-float32 docs/results/least-damage.png
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from neuroswitch.summary import SUMMARY, read_summary

COLOURS = {
    "cna-learned": "#c2410c",
    "cna": "#e08e45",
    "direction": "#2563a8",
    "caa": "#6aa3d5",
    "cna-paper": "#9aa5b1",
}


def main() -> None:
    """Draw all methods that have more than one strength, up to ten times the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of a comparison")
    parser.add_argument("output", type=Path, help="picture to write")
    asked = parser.parse_args()
    summary = read_summary(asked.folder / SUMMARY)
    found = summary.matched
    if found is None:
        parser.error("this comparison has no methods at the same damage")
    figure, axes = plt.subplots(figsize=(8, 4.2), dpi=160)
    for row in found.rows:
        if len(row.points) > 2:
            axes.plot(
                [point.damage for point in row.points],
                [100 * point.rate for point in row.points],
                marker="o",
                markersize=4,
                color=COLOURS.get(row.method),
                label=row.method,
            )
    axes.axvline(found.budget, color="#22303c", linestyle=":", linewidth=1)
    axes.set(xlim=(0, 10 * found.budget / 1.5), ylim=(0, None))
    axes.set_xlabel(f"damage: {summary.measures[found.by].title}, nats per token, on benign answers")
    axes.set_ylabel(f"{summary.behaviour}, % of the positive prompts")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(asked.output)


if __name__ == "__main__":
    main()
