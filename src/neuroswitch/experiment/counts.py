"""The rows of a run's conditions -> its rates and paired tests. Knows files, no model and no torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadRun
from neuroswitch.experiment.behaviour import detector_name
from neuroswitch.measures import Rate, rate
from neuroswitch.report import RESULTS, SUMMARY
from neuroswitch.statistics import mcnemar
from neuroswitch.storage import read_jsonl, write_json

Row = dict[str, Any]


@dataclass(frozen=True)
class Conditions:
    """The rows of every condition, each in the order of the prompts.

    Attributes:
        baseline: Untouched, positive prompts.
        steered: Scaled circuit, positive prompts.
        random: Random circuits, positive prompts, one list per seed.
        benign_baseline: Untouched, negative prompts.
        benign_steered: Scaled circuit, negative prompts.
    """

    baseline: Sequence[Row]
    steered: Sequence[Row]
    random: Sequence[Sequence[Row]]
    benign_baseline: Sequence[Row]
    benign_steered: Sequence[Row]

    @classmethod
    def read(cls, path: Path) -> "Conditions":
        """Read `results.jsonl`.

        Raises:
            BadRun: The file is damaged, or a condition lacks a prompt.
        """
        rows: dict[tuple[str, str], dict[str, Row]] = {}
        for row in read_jsonl(path):
            rows.setdefault((row["condition"], row["pile"]), {})[row["prompt_id"]] = row
        controls = [name for name, _ in rows if name.startswith("random:")]

        def of(condition: str, pile: str) -> list[Row]:
            first, found = rows.get(("baseline", pile), {}), rows.get((condition, pile), {})
            if first.keys() != found.keys():
                raise BadRun(
                    f"{path} lacks answers",
                    found=f"{len(found)} of the condition {condition!r}, {pile}",
                    expected=f"{len(first)}, as of the untouched model",
                    do="run the command again: it goes on where it stopped",
                )
            return [found[prompt] for prompt in first]

        return cls(
            of("baseline", "positive"),
            of("steered", "positive"),
            [of(name, "positive") for name in controls],
            of("baseline", "negative"),
            of("steered", "negative"),
        )


def count(conditions: Conditions, detector: Detector) -> dict[str, Any]:
    """Return the part of a run's summary that is counted in its rows."""
    pooled = [row for rows in conditions.random for row in rows]
    before = list(conditions.baseline) * len(conditions.random)
    return {
        "baseline": _rate(conditions.baseline, detector),
        "steered": _rate(conditions.steered, detector),
        "random": _rate(pooled, detector),
        "benign": {
            "baseline": _rate(conditions.benign_baseline, detector),
            "steered": _rate(conditions.benign_steered, detector),
        },
        "tests": {
            "steered": paired_test(conditions.baseline, conditions.steered, detector),
            "random": paired_test(before, pooled, detector),
            "benign_steered": paired_test(conditions.benign_baseline, conditions.benign_steered, detector),
        },
    }


def recount(folder: Path) -> None:
    """Count the rows of a finished run again and put the numbers into its summary.

    The labels are those on disk, so that a row that was corrected by hand counts as corrected. Of
    other kinds of summaries nothing is changed: the page of two checkpoints counts its rows itself.

    Raises:
        BadRun: A file is missing or damaged.
    """
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if summary.get("kind", "run") != "run":
            return
        settings = summary["settings"]
        detector = get_detector(detector_name(settings["behaviour"], settings["detector"]))
    except (OSError, ValueError, KeyError) as error:
        raise BadRun(
            f"{path} cannot be read",
            found=f"{type(error).__name__}: {error}",
            do="name the folder of a finished run; one that was interrupted goes on if it is run again",
        ) from error
    write_json(path, {**summary, **count(Conditions.read(folder / RESULTS), detector)})


def _rate(rows: Sequence[Mapping[str, Any]], detector: Detector) -> Rate:
    """Leave the quality out where answers were broken off: it is a measure of whole texts."""
    found = rate(rows, detector)
    if any(row["finish"] == "settled" for row in rows):
        found["quality"] = None
    return found


def paired_test(before: Sequence[Row], after: Sequence[Row], detector: Detector) -> dict[str, Any]:
    """Test whether two conditions show the behaviour equally often on the same prompts.

    Returns:
        McNemar's exact test with the number of prompts that changed either way; prompts without a
        verdict in either condition are left out.
    """
    pairs = [
        (detector.shown(one["label"]), detector.shown(other["label"]))
        for one, other in zip(before, after, strict=True)
    ]
    stopped = pairs.count((True, False))
    started = pairs.count((False, True))
    return {
        "test": "McNemar, exact",
        "p": mcnemar(stopped, started),
        "stopped": stopped,
        "started": started,
    }
