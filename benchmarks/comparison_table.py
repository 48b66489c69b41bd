"""Print the numbers of a comparison as Markdown: behaviour, damage and matched damage, one method a row.

Reads `summary.json` as `neuroswitch compare` and `neuroswitch report` write it; needs no model.

    python benchmarks/comparison_table.py runs/compare
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroswitch.report.measures import MEASURES, measured, taken
from neuroswitch.report.words import between, p_value, percent, plain


def rate(found: Mapping[str, Any] | None) -> str:
    """Write a rate with its interval."""
    if not found or found["value"] is None:
        return "-"
    return f"{percent(found['value'])} ({between(found['low'], found['high'])})"


def row(name: str, cell: Mapping[str, Any], keys: list[str]) -> str:
    """Write one condition."""
    values = [
        "-" if (found := measured(cell, key)) is None else MEASURES[key].write(found["value"]) for key in keys
    ]
    p = cell.get("p_adjusted")
    cells = [name, rate(cell["harmful"]), rate(cell["benign"]), *values, "-" if p is None else p_value(p)]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print three tables: conditions, matched damage, how methods were tuned."""
    summary = json.loads((Path(sys.argv[1]) / "summary.json").read_text())
    keys = list(taken([summary["baseline"], *summary["methods"]]))
    heads = ["condition", "positive", "benign", *(MEASURES[key].title for key in keys), "p, Holm"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    print(row("untouched", summary["baseline"], keys))
    for cell in summary["methods"]:
        print(row(f"{cell['name']}, {plain(cell['strength'])}", cell, keys))
    if matched := summary.get("matched"):
        print(
            f"\n| at {MEASURES[matched['by']].title} at most {plain(matched['budget'])} | strength | positive |"
        )
        print("|---|---|---|")
        for one in matched["rows"]:
            strength = "-" if one["strength"] is None else plain(one["strength"])
            print(f"| {one['name']} | {strength} | {rate(one['harmful'])} |")
    print()
    for name, said in summary.get("descriptions", {}).items():
        print(f"* **{name}**: {said}")


if __name__ == "__main__":
    main()
