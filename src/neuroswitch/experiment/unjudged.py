"""A note on the answers that no detector could judge; they are in no rate."""

from collections.abc import Iterator, Sequence

from neuroswitch.records import RANDOM, UNJUDGED, condition_name
from neuroswitch.summary import Cell


def unjudged_note(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield one sentence that counts the answers without a verdict in every row; nothing if all were judged.

    Args:
        cells: The rows of a summary, with their verdicts counted.
    """
    roles = {cell.model for cell in cells}
    found = []
    for cell in cells:
        state = cell.method if cell.method == RANDOM else condition_name(cell.method, cell.strength)
        state += f" in {cell.model}" if len(roles) > 1 else ""
        found += [
            f"{labels[UNJUDGED]} of {sum(labels.values())} to {pile} prompts under {state}"
            for pile, labels in cell.labels.items()
            if labels.get(UNJUDGED)
        ]
    if found:
        yield (
            f"Some answers were not judged and are in no rate, neither as shown nor as not shown: {', '.join(found)}. "
            "Column reason of results.jsonl says why, such as a language that the detector cannot read."
        )
