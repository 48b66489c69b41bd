"""Draw what `rankings.py` measured: rates with intervals, and rate against circuit size.

python benchmarks/plot_rankings.py runs/rankings docs/results/refusal-demo.png
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from neuroswitch.detectors import get_detector
from neuroswitch.records import POSITIVE, UNTOUCHED, AnswerRow, read_answers
from neuroswitch.statistics import proportion

INK, QUIET, ACCENT, PAPER = "#22303c", "#9aa5b1", "#c2410c", "#2563a8"


class Rate(NamedTuple):
    """A rate with its interval, in percent."""

    value: float
    low: float
    high: float


Rates = dict[tuple[str, float], Rate]
"""(method, strength) -> rate on the positive prompts."""


def rates(folder: Path) -> Rates:
    """Recompute every rate from the answers."""
    detector = get_detector("refusal")
    rows: dict[tuple[str, float], list[AnswerRow]] = {}
    for row in read_answers(folder):
        if row.pile == POSITIVE and row.label is not None:
            rows.setdefault((row.method, row.strength), []).append(row)
    found: Rates = {}
    for key, answers in rows.items():
        shown = sum(bool(detector.shown(row.label)) for row in answers)
        one = proportion("behaviour", shown, len(answers), how=detector.how)
        if one.value is not None and one.low is not None and one.high is not None:
            found[key] = Rate(100 * one.value, 100 * one.low, 100 * one.high)
    return found


def conditions(axes: Any, found: Rates) -> None:
    """Draw one dot with its interval per condition."""
    wanted = [
        (UNTOUCHED, 0.0, "untouched", INK),
        ("random:0", 1.0, "116 random neurons off", QUIET),
        ("delta:116", 1.0, "paper's ranking, 116 off", PAPER),
        ("readout:116", 1.0, "readout, 116 off", ACCENT),
        ("readout:116", -1.0, "readout, 116 doubled", ACCENT),
    ]
    for place, (method, strength, label, colour) in enumerate(reversed(wanted)):
        one = found[method, strength]
        axes.plot([one.low, one.high], [place, place], color=colour, lw=3, solid_capstyle="round")
        axes.plot(one.value, place, "o", color=colour, ms=9)
        axes.text(one.high + 2, place, f"{one.value:.0f} %", va="center", color=colour)
        axes.text(-3, place, label, va="center", ha="right", color=INK)
    axes.set(xlim=(0, 104), yticks=[], xlabel="refused of 100 JailbreakBench goals (95 % interval)")


def sizes(axes: Any, found: Rates) -> None:
    """Draw the rate against the size of the circuit for both rankings."""
    for ranking, colour, label in (("delta", PAPER, "paper's ranking"), ("readout", ACCENT, "readout")):
        points = sorted(
            (int(method.partition(":")[2]), one)
            for (method, strength), one in found.items()
            if method.startswith(f"{ranking}:") and strength == 1
        )
        counts = [count for count, _ in points]
        axes.plot(counts, [one.value for _, one in points], "o-", color=colour, label=label)
        low, high = [one.low for _, one in points], [one.high for _, one in points]
        axes.fill_between(counts, low, high, color=colour, alpha=0.15, lw=0)
    base = found[UNTOUCHED, 0.0].value
    axes.axhline(base, color=INK, lw=1, ls=":")
    axes.set(
        xscale="log", ylim=(0, max(70, base + 10)), xlabel="neurons ablated, of 116,736", ylabel="refused, %"
    )
    axes.set_xticks([30, 116, 300, 583], ["30", "116", "300", "583"])
    axes.minorticks_off()
    axes.legend(frameon=False)


def main() -> None:
    """Read the results, draw both panels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    found = rates(options.folder)
    plt.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[1.5, 1])
    conditions(left, found)
    left.spines["left"].set_visible(False)
    sizes(right, found)
    figure.tight_layout()
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.picture, dpi=160, facecolor="white")


if __name__ == "__main__":
    main()
