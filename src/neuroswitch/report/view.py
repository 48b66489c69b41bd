"""What all sections of a page share: the summary, and what things are called and coloured on this page.

Knows no HTML.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from neuroswitch.records import NEGATIVE, POSITIVE, SAFE, UNJUDGED, UNTOUCHED, AnswerRow, MeasureInfo
from neuroswitch.report import plots
from neuroswitch.report.plots import Axis, Dot, Segment
from neuroswitch.report.summary import Cell, MethodFacts, Summary
from neuroswitch.report.words import MISSING, between, number, percent, plain
from neuroswitch.statistics import Measurement

TONES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10")
MARKS = {
    UNTOUCHED: "ring",
    "baseline": "ring",
    "random": "diamond",
    "steered": "circle",
    "amplified": "triangle",
    **dict(zip(TONES, "circle square triangle down cross plus left right bar star".split(), strict=True)),
}
USUAL = ("refusal", "partial", "compliance", "degenerate", UNJUDGED)
"""Verdicts with a colour of their own; `style.css` names them."""

RATES = ("behaviour", "benign")
"""Measures of the behaviour itself; the others are damage."""


@dataclass(frozen=True)
class View:
    """A summary as one page shows it.

    Attributes:
        summary: What was found.
        answers: The rows of `results.jsonl`; may be empty.
        show_completions: Whether texts of a sensitive behaviour may be shown.
    """

    summary: Summary
    answers: Sequence[AnswerRow]
    show_completions: bool = False

    @property
    def two(self) -> bool:
        """Whether two models are compared."""
        return len(self.summary.models) > 1

    @cached_property
    def methods(self) -> list[str]:
        """The methods that have a row, in their order."""
        return list(dict.fromkeys(cell.method for cell in self.summary.cells if cell.method != UNTOUCHED))

    @cached_property
    def many(self) -> bool:
        """Whether several methods, besides random controls, or several strengths are compared."""
        changed = [cell for cell in self.summary.changed() if cell.method != "random"]
        return not self.two and len(changed) > 1

    @property
    def model_name(self) -> str:
        """What people call the model, or both."""
        return " and ".join(model.name for model in self.summary.models.values())

    @property
    def behaviour(self) -> str:
        """The behaviour as a noun."""
        name = self.summary.behaviour
        return name if name == "refusal" else f"“{name}”"

    @property
    def rate_title(self) -> str:
        """What is counted, as the beginning of a line."""
        return "Refusal rate" if self.summary.behaviour == "refusal" else f"Rate of {self.behaviour}"

    @property
    def rate_name(self) -> str:
        """What is counted, for the middle of a sentence."""
        return self.rate_title[0].lower() + self.rate_title[1:]

    @property
    def piles(self) -> dict[str, str]:
        """What the prompts of each pile are called."""
        if self.summary.behaviour == "refusal":
            names = {POSITIVE: "Harmful requests", NEGATIVE: "Benign requests"}
        else:
            names = {POSITIVE: "Prompts that call for it", NEGATIVE: "Prompts that do not"}
        return {**names, SAFE: "Safe requests that sound harmful"}

    def tone(self, method: str) -> str:
        """Return the colour of a method on the whole page."""
        if method in (UNTOUCHED, "random"):
            return "baseline" if method == UNTOUCHED else "random"
        others = [one for one in self.methods if one != "random"]
        if not self.many:
            return ("steered", "amplified")[others.index(method) % 2]
        return TONES[others.index(method) % len(TONES)]

    def label(self, cell: Cell) -> str:
        """Return what a row is called: the method where several are compared, else what was done."""
        if cell.method == UNTOUCHED:
            return "Untouched"
        if self.many:
            return cell.method
        what = {"random": "Random neurons", "transfer": "Other’s circuit"}.get(cell.method)
        facts = self.facts(cell)
        if what is None and (facts is None or facts.circuit is None):
            return cell.method
        what = what or ("Own circuit" if self.two else "Circuit")
        return f"{what} {action(cell.strength)}"

    def facts(self, cell: Cell) -> MethodFacts | None:
        """Return what a method of a row is."""
        return self.summary.models[cell.model].methods.get(cell.method)

    def untouched(self, role: str) -> Cell:
        """Return the row of an unchanged model."""
        return self.summary.untouched(role)

    def strongest(self, role: str) -> list[Cell]:
        """Return each method of a model at its greatest strength, after the unchanged model."""
        found: dict[str, Cell] = {UNTOUCHED: self.untouched(role)}
        for cell in self.summary.changed(role):
            best = found.get(cell.method)
            if best is None or abs(cell.strength) >= abs(best.strength):
                found[cell.method] = cell
        return list(found.values())

    @property
    def roles(self) -> list[str]:
        """The roles of the models."""
        return list(self.summary.models)

    @cached_property
    def damage(self) -> dict[str, MeasureInfo]:
        """The measures of damage that were taken, but for those of a router, which have a section."""
        return {
            name: info
            for name, info in self.summary.measures.items()
            if name not in RATES and not name.startswith("routing")
        }

    @cached_property
    def verdicts(self) -> dict[str, str]:
        """Verdict -> colour for every verdict that occurs, those that count as the behaviour first."""
        seen = {label for cell in self.summary.cells for labels in cell.labels.values() for label in labels}
        ordered = [label for label in (*self.summary.shows, *USUAL, *sorted(seen)) if label in seen]
        others = [label for label in dict.fromkeys(ordered) if label not in USUAL]
        return {label: label if label in USUAL else f"other-{others.index(label) % 4}" for label in ordered}

    def dot(self, cell: Cell, measure: str = "behaviour") -> Dot:
        """Return a rate as a row of a dot plot."""
        found = cell.measures[measure]
        return Dot(
            self.label(cell), self.tone(cell.method), found.value, found.low, found.high, percent(found.value)
        )

    def stack(self, cell: Cell, pile: str) -> tuple[Segment, ...]:
        """Return the verdicts on a pile, side by side."""
        return plots.stack(cell.labels.get(pile, {}), list(self.verdicts))


def action(strength: float) -> str:
    """Return what was done to a neuron of dose 1, as a heading: "switched off", "× 2"."""
    return "switched off" if strength == 1 else f"× {1 - strength:g}"


def doing(strength: float) -> str:
    """Return the same as the beginning of a sentence."""
    return "Switching off" if strength == 1 else f"Multiplying by {1 - strength:g}"


def write(info: MeasureInfo, value: float | None) -> str:
    """Write a value of a measure in its unit."""
    if info.name == "quality":
        return number(value)
    return percent(value) if info.unit == "fraction" else plain(value)


def write_range(info: MeasureInfo, found: Measurement) -> str:
    """Write an interval in the unit of the measure."""
    if found.low is None or found.high is None:
        return MISSING
    if info.unit == "fraction" and info.name != "quality":
        return between(found.low, found.high)
    return f"{write(info, found.low)}–{write(info, found.high)}"


def axis(info: MeasureInfo, values: Sequence[float], title: str) -> Axis:
    """Return an axis for values or costs of a measure."""
    if info.log:
        return plots.logarithmic(values, title)
    kind = "fraction" if info.unit == "fraction" and info.name != "quality" else "linear"
    return plots.linear(values, title + (" (%)" if kind == "fraction" else ""), kind=kind)


def interval(found: Measurement) -> tuple[float, float] | None:
    """Return both ends of an interval; None where it lacks one."""
    return None if found.low is None or found.high is None else (found.low, found.high)
