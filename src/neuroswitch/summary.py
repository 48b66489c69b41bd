"""`summary.json`: what an experiment found. The page and the tables are made of it and of nothing else.

Validated when it is written and when it is read. Fractions are 0-1; a missing value is None.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from neuroswitch.errors import BadRun
from neuroswitch.options import UNITS, Units
from neuroswitch.records import UNTOUCHED, MeasureInfo
from neuroswitch.statistics import Measurement
from neuroswitch.storage import read_as, read_json

SUMMARY = "summary.json"
SCHEMA = 3


class Part(BaseModel):
    """A part of a summary: its fields are exactly those that are declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PairedTest(Part):
    """McNemar's exact test of a condition against the untouched model, on the same prompts.

    Attributes:
        p: The p-value; None where no prompt has a verdict in both.
        p_adjusted: The same after Holm's correction over all tests of the experiment.
        stopped: Prompts whose answers show the behaviour less often than before.
        started: Prompts whose answers show it more often.
    """

    p: float | None
    p_adjusted: float | None = None
    stopped: int
    started: int


class Cell(Part):
    """One model under one method at one strength: a row of the tables.

    Attributes:
        model: Role of the model: `model`, or `base` and `instruct`.
        method: Name of the method; `untouched` for the unchanged model.
        strength: Its strength.
        members: The conditions that the row stands for, one for each seed of a random control.
        measures: Measure -> number. `behaviour` is the rate on the positive prompts, `benign` that on
            the negative ones.
        changes: Measure -> paired difference to the untouched model, on the same items.
        tests: `behaviour` and `benign` -> test against the untouched model.
        labels: Pile -> verdict -> how many answers.
        texts_changed: How many answers to positive prompts differ in their text from the untouched model's.
        layers_moved: Layer -> prompts for which its router chose other experts.
    """

    model: str
    method: str
    strength: float
    members: tuple[str, ...]
    measures: dict[str, Measurement]
    changes: dict[str, Measurement] = {}
    tests: dict[str, PairedTest] = {}
    labels: dict[str, dict[str, int]] = {}
    texts_changed: int | None = None
    layers_moved: dict[int, int] = {}


class TopNeuron(Part):
    """One neuron of a circuit; means are activations at the last prompt token.

    `tokens` are those that it promotes where the behaviour shows; empty where no weights were in memory.
    `attention` says that it is an attention unit.
    """

    layer: int
    path: str
    expert: int | None
    index: int
    dose: float
    score: float | None
    positive_mean: float | None
    negative_mean: float | None
    tokens: tuple[str, ...] = ()
    attention: bool = False


class LayerProfile(Part):
    """How many neurons of a circuit lie in each layer; every layer of the model is listed."""

    name: str
    neurons: int
    fraction: float
    by_layer: dict[int, int]
    units: Units = "mlp"

    @property
    def words(self) -> str:
        """Return what the units of the model are called: "neurons", "attention units" or both."""
        return UNITS[self.units]


class CircuitFacts(LayerProfile):
    """A circuit of the experiment, its strongest neurons first; `experts` counts neurons of experts."""

    ranking: str
    experts: int
    top: tuple[TopNeuron, ...]
    provenance: dict[str, object]


class MethodFacts(Part):
    """What a method does to the model and how it was tuned; its circuit, if it scales neurons."""

    name: str
    description: str
    acts_on: Literal["model", "prompt"]
    circuit: CircuitFacts | None = None


class ModelUsed(Part):
    """A model as an experiment found it when it was loaded.

    Attributes:
        name: Its name without folders, for display.
        identity: Name, revision, dtype, digests.
        asked: How prompts are put to it: its chat template, another's, or raw text.
        token_read: The token at which neurons are read.
        layers: Decoder layers.
        neurons: MLP neurons, or the units that it was loaded with.
        units: Which.
    """

    name: str
    identity: dict[str, str | None]
    asked: str
    token_read: str
    layers: int
    neurons: int
    units: Units = "mlp"


class ModelFacts(ModelUsed):
    """One model of the experiment, with what was found of it.

    Attributes:
        occurs: Whether it shows the behaviour untouched.
        methods: The fitted methods, by name.
        profiles: Circuits whose layers are shown: those of its methods, and of other sizes.
    """

    occurs: bool
    methods: dict[str, MethodFacts]
    profiles: tuple[LayerProfile, ...] = ()


class CurvePoint(Part):
    """A strength of a method: its damage, a difference to the untouched model that is at least 0, and its rate."""

    strength: float
    damage: float
    rate: float


class MatchedRow(Part):
    """A method at a given damage, read off its curve over the strengths (`statistics.curves`).

    Attributes:
        method: Its name.
        rate: At the budget, between the neighbouring strengths.
        area: Mean rate over the damages from 0 to the budget.
        strengths: Those on either side of the budget; 0 is the untouched model, and twice the same one means that
            every strength costs less than the budget.
        points: The curve, by damage; the first point is the untouched model.
        circuits: How many circuits the method stands for.
    """

    method: str
    rate: Measurement
    area: Measurement
    strengths: tuple[float, float]
    points: tuple[CurvePoint, ...]
    circuits: int = 1


class MatchedDifference(Part):
    """The rate of the best circuit minus that of the best other method, at the same damage."""

    circuit: str
    other: str
    difference: Measurement


class Matched(Part):
    """All methods at the same damage: `budget`, a difference to the untouched model. The lowest rate comes first."""

    by: str
    budget: float
    rows: tuple[MatchedRow, ...]
    difference: MatchedDifference | None = None


class Chance(Part):
    """How many neurons two random circuits share on average, and the chance of as many as were found."""

    expected: float
    p: float


class Shared(Part):
    """What the circuits of two models share at one size.

    `anywhere` draws at random from the whole model, `by_layer` as many from each layer as each circuit has.
    """

    name: str
    sizes: tuple[int, int]
    shared: int
    jaccard: float
    anywhere: Chance
    by_layer: Chance


class RankingFacts(Part):
    """Which ranking was asked for, which was used, and the reason for another one."""

    asked: str
    used: str
    reason: str = ""


class AtLength(Part):
    """The rate had every answer of the untouched model been cut after so many words; `whole` were not cut."""

    words: int
    whole: int
    rate: Measurement


class Judged(Part):
    """How far a judge agrees with the detector; `missing` answers have no verdict of one of them."""

    judge: str
    kappa: Measurement
    agree: Measurement
    missing: int


class Summary(Part):
    """`summary.json` of every experiment.

    Attributes:
        version: Of this schema.
        behaviour: Name of the behaviour.
        sensitive: Whether answers may be harmful text, hidden from pages that are shared.
        detector: How answers are labelled, in words.
        shows: The labels that count as the behaviour.
        models: Role -> model; `model`, or `base` and `instruct`.
        measures: Name -> what was measured; only measures that were taken.
        cells: The rows, the untouched model first, per model in the order of methods and strengths.
        settings: Those of the experiment, as JSON.
        prompts: Names, counts and digests of the prompts.
        match: The measure of damage that behaviour is set against; None where none was taken.
        matched: Methods at the same damage.
        overlap: Two models: what their circuits share.
        ranking: How neurons were ranked.
        same_tokens: Two models: whether both got the same token ids for every prompt.
        by_length: The untouched model's rate by length of the answers.
        judged: How far a judge agrees with the detector.
        warnings: Notes for the reader, in whole sentences.
        provenance: Versions, date, command, engine; empty in a summary that equal runs shall share.
    """

    version: int = SCHEMA
    behaviour: str
    sensitive: bool
    detector: str
    shows: tuple[str, ...]
    models: dict[str, ModelFacts]
    measures: dict[str, MeasureInfo]
    cells: tuple[Cell, ...]
    settings: dict[str, object]
    prompts: dict[str, object]
    match: str | None = None
    matched: Matched | None = None
    overlap: tuple[Shared, ...] = ()
    ranking: RankingFacts
    same_tokens: bool = True
    by_length: tuple[AtLength, ...] = ()
    judged: Judged | None = None
    warnings: tuple[str, ...] = ()
    provenance: dict[str, object] = {}

    @model_validator(mode="after")
    def _names_what_it_holds(self) -> "Summary":
        rows = {(cell.model, cell.method) for cell in self.cells}
        lacking = [role for role in (*self.models,) or ("any",) if (role, UNTOUCHED) not in rows]
        if lacking:
            raise ValueError(f"no row of the untouched model: {', '.join(lacking)}")
        if strange := {role for role, _ in rows} - set(self.models):
            raise ValueError(f"rows of no model: {', '.join(sorted(strange))}")
        if self.matched and (
            out := {row.method for row in self.matched.rows} - {method for _, method in rows}
        ):
            raise ValueError(f"matched methods without a row: {', '.join(sorted(out))}")
        if self.matched and (between := self.matched.difference):
            absent = {between.circuit, between.other} - {row.method for row in self.matched.rows}
            if absent:
                raise ValueError(f"a difference of methods without a row: {', '.join(sorted(absent))}")
        if len(self.models) > 2:
            raise ValueError(f"{len(self.models)} models, expected one or two")
        named = {name for cell in self.cells for name in cell.measures}
        named |= {name for name in (self.match, self.matched and self.matched.by) if name}
        if unknown := named - set(self.measures):
            raise ValueError(f"measures that are not described: {', '.join(sorted(unknown))}")
        if any("behaviour" not in cell.measures for cell in self.cells):
            raise ValueError("a row without the measure behaviour")
        return self

    def option(self, group: str, name: str) -> object:
        """Return an option that the experiment was run with; None where it is not known."""
        options = self.settings.get(group)
        return options.get(name) if isinstance(options, dict) else None

    def untouched(self, model: str | None = None) -> Cell:
        """Return the row of the unchanged model; of the first model unless a role is named."""
        role = model or next(iter(self.models))
        return next(one for one in self.cells if one.model == role and one.method == UNTOUCHED)

    def changed(self, model: str | None = None) -> tuple[Cell, ...]:
        """Return the other rows of a model."""
        role = model or next(iter(self.models))
        return tuple(one for one in self.cells if one.model == role and one.method != UNTOUCHED)


def read_summary(path: Path) -> Summary:
    """Read `summary.json`.

    Raises:
        BadRun: It is missing or of another schema, or a field is missing or malformed.
    """
    content = read_json(path, do="name the folder of an experiment, or continue the one in it")
    if content.get("version") != SCHEMA:
        raise BadRun(
            f"{path} is not a summary of this version",
            found=f"version {content.get('version')!r}",
            expected=f"version {SCHEMA}",
            do="run `neuroswitch report` on the folder: it computes the summary again from its rows",
        )
    do = "run `neuroswitch report` on the folder: it computes the summary again from its rows"
    return read_as(path, Summary, do=do)
