"""Draw what `rankings.py` measured: rates with intervals, and rate against circuit size.

python benchmarks/plot_rankings.py runs/rankings docs/results/refusal-demo.png
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from neuroswitch.detectors import get_detector
from neuroswitch.measures.summary import Rate, rate
from neuroswitch.storage import read_jsonl

INK, QUIET, ACCENT, PAPER = "#22303c", "#9aa5b1", "#c2410c", "#2563a8"


def rates(results: Path) -> dict[tuple[str, str], Rate]:
    """Recompute every rate from the answers: (condition, pile) -> rate."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in read_jsonl(results):
        rows.setdefault((row["condition"], row["pile"]), []).append(row)
    return {key: rate(found, get_detector("refusal")) for key, found in rows.items()}


def conditions(axes: Any, found: dict[tuple[str, str], Rate]) -> None:
    """Draw one dot with its interval per condition."""
    wanted = [
        ("baseline", "untouched", INK),
        ("random:0", "116 random neurons off", QUIET),
        ("delta:116", "paper's ranking, 116 off", PAPER),
        ("readout:116", "readout, 116 off", ACCENT),
        ("readout:116 x 2", "readout, 116 doubled", ACCENT),
    ]
    for place, (name, label, colour) in enumerate(reversed(wanted)):
        one = found[name, "positive"]
        axes.plot(
            [100 * one["low"], 100 * one["high"]], [place, place], color=colour, lw=3, solid_capstyle="round"
        )
        axes.plot(100 * one["rate"], place, "o", color=colour, ms=9)
        axes.text(100 * one["high"] + 2, place, f"{100 * one['rate']:.0f} %", va="center", color=colour)
        axes.text(-3, place, label, va="center", ha="right", color=INK)
    axes.set(xlim=(0, 104), yticks=[], xlabel="refused of 100 JailbreakBench goals (95 % interval)")


def sizes(axes: Any, found: dict[tuple[str, str], Rate]) -> None:
    """Draw the rate against the size of the circuit for both rankings."""
    for ranking, colour, label in (("delta", PAPER, "paper's ranking"), ("readout", ACCENT, "readout")):
        points = sorted(
            (int(name.split(":")[1]), one)
            for (name, pile), one in found.items()
            if name.startswith(f"{ranking}:") and " x " not in name and pile == "positive"
        )
        counts = [count for count, _ in points]
        axes.plot(counts, [100 * one["rate"] for _, one in points], "o-", color=colour, label=label)
        low, high = ([100 * one[end] for _, one in points] for end in ("low", "high"))
        axes.fill_between(counts, low, high, color=colour, alpha=0.15, lw=0)
    base = 100 * found["baseline", "positive"]["rate"]
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
    found = rates(options.folder / "results.jsonl")
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
