"""What all sections of a page share: the summary, and what things are called and coloured on this page.

Knows no HTML.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from neuroswitch.records import (
    NEGATIVE,
    POSITIVE,
    RANDOM,
    TRANSFER,
    UNJUDGED,
    UNTOUCHED,
    AnswerRow,
    MeasureInfo,
)
from neuroswitch.report import plots
from neuroswitch.report.plots import Axis
from neuroswitch.report.words import MISSING, between, number, percent, short_number
from neuroswitch.statistics import Measurement
from neuroswitch.summary import Cell, CircuitFacts, Summary

TONES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10")
MARKS = {
    "baseline": "ring",
    "random": "diamond",
    "steered": "circle",
    "amplified": "triangle",
    **dict(zip(TONES, "circle square triangle down cross plus left right bar star".split(), strict=True)),
}
"""Colour -> shape of its marks; the shapes are in `marks.svg`."""

USUAL = ("refusal", "partial", "compliance", "degenerate", UNJUDGED)
"""Verdicts with a colour of their own; `style.css` names them."""

RATES = {"behaviour": POSITIVE, "benign": NEGATIVE}
"""Measure of the behaviour itself -> whose prompts it is counted on. All other measures are damage."""

QUALITIES = ("quality", "benign_quality")
"""Measures that are shares and are not written in per cent."""

SIGNIFICANT = 0.05
"""A paired test at or above this does not count as a change."""


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

    @cached_property
    def two(self) -> bool:
        """Whether two models are compared."""
        return len(self.summary.models) > 1

    @cached_property
    def many(self) -> bool:
        """Whether several methods of one model, besides random controls, or several strengths are compared."""
        return not self.two and sum(cell.method != RANDOM for cell in self.summary.changed()) > 1

    @cached_property
    def methods(self) -> list[str]:
        """The methods that have a row, in their order."""
        return list(dict.fromkeys(cell.method for cell in self.summary.cells if cell.method != UNTOUCHED))

    @cached_property
    def dose(self) -> float | None:
        """The dose of all neurons of all circuits; None where they differ, so that a strength is not one multiplier."""
        found = {neuron.dose for _, circuit in self.circuits for neuron in circuit.top} or {1.0}
        return found.pop() if len(found) == 1 else None

    @property
    def doses(self) -> bool:
        """Whether doses have to be shown, because they are not all 1."""
        return self.dose != 1

    @cached_property
    def circuits(self) -> list[tuple[str, CircuitFacts]]:
        """The circuits that were found, each with the role of its model; random ones are left out."""
        return [
            (role, method.circuit)
            for role, model in self.summary.models.items()
            for name, method in model.methods.items()
            if method.circuit is not None and name != RANDOM
        ]

    @cached_property
    def damage(self) -> dict[str, MeasureInfo]:
        """The measures of damage that were taken; those of a router have a section of their own."""
        return {
            name: info
            for name, info in self.summary.measures.items()
            if name not in RATES and not name.startswith("routing")
        }

    @cached_property
    def draws(self) -> int:
        """How many random circuits the rows of the random control stand for."""
        return max((len(cell.members) for cell in self.summary.cells if cell.method == RANDOM), default=0)

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
    def counted(self) -> str:
        """Which answers count as the behaviour, as a sentence."""
        return f"Counted: {self.summary.detector} (verdicts: {' and '.join(self.shows)})."

    @property
    def shows(self) -> list[str]:
        """The labels that count as the behaviour, in the usual order."""
        usual = [label for label in USUAL if label in self.summary.shows]
        return [*usual, *(label for label in self.summary.shows if label not in USUAL)]

    @property
    def piles(self) -> dict[str, str]:
        """What the prompts of each pile are called."""
        if self.summary.behaviour == "refusal":
            return {POSITIVE: "Harmful requests", NEGATIVE: "Benign requests"}
        return {POSITIVE: "Prompts that call for it", NEGATIVE: "Prompts that do not"}

    def pile_of(self, role: str, pile: str) -> str:
        """Return what the prompts of a pile are called, after the name of the model where there are two."""
        name = self.piles[pile]
        return f"{self.summary.models[role].name}: {name[0].lower()}{name[1:]}" if self.two else name

    def tone(self, method: str) -> str:
        """Return the colour of a method on the whole page."""
        if method in (UNTOUCHED, RANDOM):
            return "baseline" if method == UNTOUCHED else "random"
        others = [one for one in self.methods if one != RANDOM]
        tones = TONES if self.many else ("steered", "amplified")
        return tones[others.index(method) % len(tones)]

    def label(self, cell: Cell) -> str:
        """Return what a row is called: the method where several are compared, else what was done."""
        if cell.method == UNTOUCHED:
            return "Untouched"
        scaled = self.circuit_of(cell) is not None or cell.method in (RANDOM, TRANSFER)
        if self.many or not scaled:
            return cell.method
        if not self.two:
            return "Random neurons" if cell.method == RANDOM else f"Circuit {self.action(cell.strength)}"
        names = {RANDOM: "Random neurons", TRANSFER: "Other’s circuit"}
        return (
            f"{names.get(cell.method, 'Own circuit')} {self.action(cell.strength).removeprefix('switched ')}"
        )

    def action(self, strength: float) -> str:
        """Return what a strength does to the neurons of a circuit: "switched off", "× 2"."""
        if self.dose is None:
            return f"at strength {short_number(strength)}"
        multiplier = 1 - strength * self.dose
        return f"× {short_number(multiplier)}" if multiplier else "switched off"

    def done(self, strength: float) -> str:
        """Return the same for the middle of a sentence: "switched off", "multiplied by 2"."""
        return (
            self.action(strength).replace("at strength", "scaled at strength").replace("×", "multiplied by")
        )

    def doing(self, neurons: str, strength: float) -> str:
        """Return what was done to some neurons, as the subject of a sentence: "switching off 116 neurons"."""
        if self.dose is None:
            return f"scaling {neurons} at strength {short_number(strength)}"
        multiplier = 1 - strength * self.dose
        return (
            f"multiplying {neurons} by {short_number(multiplier)}"
            if multiplier
            else f"switching off {neurons}"
        )

    def circuit_of(self, cell: Cell) -> CircuitFacts | None:
        """Return the circuit that the method of a row scales; None for another method."""
        method = self.summary.models[cell.model].methods.get(cell.method)
        return None if method is None else method.circuit

    def strongest(self, role: str) -> list[Cell]:
        """Return the unchanged model, and each method in it at its greatest strength."""
        found: dict[str, Cell] = {UNTOUCHED: self.summary.untouched(role)}
        for cell in self.summary.changed(role):
            best = found.get(cell.method)
            if best is None or abs(cell.strength) >= abs(best.strength):
                found[cell.method] = cell
        return list(found.values())

    @property
    def budget(self) -> str:
        """The damage at which methods are compared, in words; empty where they are not."""
        found = self.summary.matched
        if found is None or not self.many:
            return ""
        info = self.summary.measures[found.by]
        return f"{info.title} {write(info, found.budget)}"

    def affordable(self, role: str) -> list[Cell]:
        """Return the unchanged model, and each method where it comes closest to the budget without passing it.

        A method that costs more at every strength is taken at its cheapest one; one without a damage, and every
        method where none are compared at the same damage, at its greatest strength.
        """
        curves = {row.method: row for row in self.summary.matched.rows} if self.summary.matched else {}
        found = self.strongest(role)
        for place, cell in enumerate(found):
            if cell.method in curves and self.budget:
                at = next(one for one in curves[cell.method].strengths if one)
                measured = {
                    one.strength: one for one in self.summary.changed(role) if one.method == cell.method
                }
                found[place] = measured.get(at, cell)
        return found

    def count(self, cell: Cell, measure: str) -> int:
        """Return how many answers of a row show the behaviour."""
        labels = cell.labels.get(RATES[measure], {})
        return sum(labels.get(label, 0) for label in self.summary.shows)

    @cached_property
    def verdicts(self) -> dict[str, str]:
        """Verdict -> colour for every verdict that occurs, those that count as the behaviour first."""
        seen = {label for cell in self.summary.cells for labels in cell.labels.values() for label in labels}
        ordered = dict.fromkeys([*self.shows, *USUAL, *sorted(seen)])
        others = [label for label in ordered if label in seen and label not in USUAL]
        return {
            label: label if label in USUAL else f"other-{others.index(label) % 4}"
            for label in ordered
            if label in seen
        }


def in_percent(info: MeasureInfo) -> bool:
    """Say whether values of a measure are written in per cent."""
    return info.unit == "fraction" and info.name not in QUALITIES


def write(info: MeasureInfo, value: float | None) -> str:
    """Write a value of a measure in its unit."""
    if info.name in QUALITIES:
        return number(value)
    return percent(value) if in_percent(info) else short_number(value)


def write_range(info: MeasureInfo, found: Measurement) -> str:
    """Write an interval in the unit of the measure."""
    if found.low is None or found.high is None:
        return MISSING
    if in_percent(info):
        return between(found.low, found.high)
    return f"{write(info, found.low)}–{write(info, found.high)}"


def measure_axis(info: MeasureInfo, values: Sequence[float], title: str) -> Axis:
    """Return an axis for values or costs of a measure."""
    if info.log:
        return plots.logarithmic(values, title)
    kind = "fraction" if in_percent(info) else "linear"
    return plots.linear(values, title + (" (%)" if kind == "fraction" else ""), kind=kind)


def ends(found: Measurement) -> tuple[float, float] | None:
    """Return both ends of an interval; None where it lacks one."""
    return None if found.low is None or found.high is None else (found.low, found.high)
