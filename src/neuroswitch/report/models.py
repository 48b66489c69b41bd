"""The page that compares two checkpoints: what the template needs, taken from the study's summary.

Layer profiles, overlap with its chance levels, and rates of both models under their own circuit and under
the other's. Completions are never shown; their verdicts are counted again. Knows no HTML.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from neuroswitch.report import comparison, plots, verdicts
from neuroswitch.report.models_prose import answer, cautions, counted, explained, limits, question
from neuroswitch.report.prose import action, named, pile_names, rate_name, rate_title
from neuroswitch.report.run import concentration
from neuroswitch.report.schema import Checkpoint, Layers, ModelsSummary, ResultRow, StudyCondition
from neuroswitch.report.words import percent

ROLES = ("base", "instruct")
TONES = {"baseline": "baseline", "own": "steered", "other": "amplified", "random": "random"}
PROFILE_TONES = ("m3", "m4", "m6", "m7")
MARKS = {**comparison.MARKS, "steered": "circle", "amplified": "triangle"}


class State(NamedTuple):
    """One state of one model as a row of figures and tables; `tone` is its colour on the whole page."""

    label: str
    tone: str
    found: StudyCondition

    @property
    def dot(self) -> plots.Dot:
        """The row of the dot plot."""
        rate = self.found["rate"]
        return plots.Dot(
            self.label, self.tone, rate["rate"], rate["low"], rate["high"], percent(rate["rate"])
        )


class Pile(NamedTuple):
    """The states of one model on one pile of prompts, the untouched one first."""

    name: str
    states: tuple[State, ...]


def context(summary: ModelsSummary, rows: Sequence[ResultRow], *, show_completions: bool) -> dict[str, Any]:
    """Return the variables of `models.html.j2`; texts of `rows` are not shown, whatever is asked."""
    models = [summary["models"][role] for role in ROLES]
    piles = [_piles(summary, model) for model in models]
    states = [state for each in piles for pile in each for state in pile.states]
    tones = verdicts.tones((state.found["rate"]["labels"] for state in states), summary["shows"])
    profiles = _profiles(models)
    return {
        "kind": "comparison of two models",
        "title": f"Where {named(summary['behaviour'])} is in",
        "model_name": " and ".join(model["name"] for model in models),
        "question": question(summary),
        "answer": answer(summary),
        "cautions": cautions(summary, rows),
        "limits": limits(summary),
        "explained": explained(summary),
        "counted": counted(summary),
        "rate_title": rate_title(summary["behaviour"]),
        "rate_name": rate_name(summary["behaviour"]),
        "names": [model["name"] for model in models],
        "positive": [each[0] for each in piles],
        "piles": [pile for each in piles for pile in each],
        "ticks": plots.fractions("").ticks,
        "marks": MARKS,
        "tones": tones,
        "order": list(tones),
        "stack": plots.stack,
        "profile": comparison.profile_chart(profiles[: len(models)], PROFILE_TONES),
        "profiles": [
            (one, concentration(one), PROFILE_TONES[index % len(models)])
            for index, one in enumerate(profiles)
        ],
        "overlaps": summary["overlap"],
    }


def _piles(summary: ModelsSummary, model: Checkpoint) -> list[Pile]:
    done = "off" if summary["multiplier"] == 0 else action(summary["multiplier"])
    labels = {
        "baseline": "Untouched",
        "own": f"Own circuit {done}",
        "other": f"Other’s circuit {done}",
        "random": f"Random neurons {done}",
    }
    names = pile_names(summary["behaviour"])
    return [
        Pile(
            f"{model['name']}: {names[pile][0].lower()}{names[pile][1:]}",
            tuple(State(label, TONES[key], found[key]) for key, label in labels.items() if key in found),
        )
        for pile, found in (("positive", model["positive"]), ("negative", model["negative"]))
    ]


def _profiles(models: Sequence[Checkpoint]) -> list[Layers]:
    """Return the circuits of both models, size by size, named as lines of a figure."""
    return [
        Layers(
            name=f"{model['name']}, {circuit['name']}",
            neurons=circuit["neurons"],
            fraction=circuit["fraction"],
            by_layer=circuit["by_layer"],
        )
        for circuits in zip(*(model["circuits"] for model in models), strict=False)
        for model, circuit in zip(models, circuits, strict=True)
    ]
