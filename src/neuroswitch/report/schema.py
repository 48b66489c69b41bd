"""The JSON documents that a report is made of: what `summary.json` and `results.jsonl` hold.

Types only. Whoever measures writes these; whoever renders reads nothing else. A document names
its `schema` (1) and its `kind`; a run needs no kind. Fractions are 0-1, a missing value is None.
Keys in a class marked `total=False` may be left out.
"""

from typing import Any, Literal, TypedDict

from neuroswitch.statistics import Rate

SCHEMA = 1


class Measured(TypedDict):
    """One number and how sure it is: `evaluation.types.Measurement` as JSON.

    `how` says in words how it was obtained, interval included ("refusal, strict; Wilson 95 %").
    """

    name: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    unit: str
    how: str


class _Changes(TypedDict, total=False):
    stopped: int  # pairs that showed the behaviour before only
    started: int  # pairs that show it after only


class PairedTest(_Changes):
    """A paired comparison of a condition with the baseline."""

    test: str
    p: float | None


class TopNeuron(TypedDict):
    """One neuron of the circuit; means are activations at the last prompt token, tokens what it promotes."""

    layer: int
    path: str
    expert: int | None
    index: int
    score: float
    positive_mean: float
    negative_mean: float
    tokens: list[str]


class Profile(TypedDict):
    """How many neurons of a circuit lie in each layer; every layer of the model is listed, as text."""

    neurons: int
    fraction: float
    by_layer: dict[str, int]


class CircuitFacts(Profile):
    """The circuit of a run, strongest neurons first in `top`."""

    ranking: str
    multiplier: float
    top: list[TopNeuron]


class Benign(TypedDict):
    """The same rates on prompts that should not show the behaviour."""

    baseline: Rate
    steered: Rate


class _Common(TypedDict):
    schema: int
    behaviour: str
    sensitive: bool  # whether completions are harmful text, hidden unless asked for
    model: dict[str, Any]
    settings: dict[str, Any]
    prompts: dict[str, Any]
    provenance: dict[str, Any]
    warnings: list[str]


class Routing(TypedDict):
    """What became of the router's choices at the last prompt token, in a mixture of experts.

    `by_layer` counts the prompts whose set of experts changed; `unrouted` are neurons of the
    circuit in experts that the untouched model chose for none of the prompts.
    """

    prompts: int
    layers: int
    sets_changed: Measured
    top1_changed: Measured
    overlap: Measured
    by_layer: dict[str, int]
    expert_neurons: int
    unrouted: int


class _RunOptions(TypedDict, total=False):
    kind: Literal["run"]
    amplified: Rate
    shows: list[str]  # the labels that count as the behaviour
    routing: Routing  # of a mixture of experts


class RunSummary(_Common, _RunOptions):
    """`summary.json` of `neuroswitch run` and `evaluate`; `random` pools all seeds."""

    baseline: Rate
    steered: Rate
    random: Rate
    benign: Benign
    circuit: CircuitFacts
    tests: dict[str, PairedTest]


class ResultRow(TypedDict):
    """One line of `results.jsonl`: a completion and what was found in it.

    `condition` is `baseline`, `steered`, `amplified` or `random:SEED`; `span` are the characters
    of `text` that decided the label, `reason` says why in words.
    """

    condition: str
    pile: Literal["positive", "negative"]
    prompt_id: str
    prompt: str
    text: str
    tokens: int
    finish: Literal["stop", "length"]
    label: str | None
    span: list[int] | None
    reason: str
    quality: float | None


class Damage(TypedDict, total=False):
    """What an intervention costs; a measure that was not taken is left out.

    `quality` is the paper's n-gram score and `mmlu` an accuracy (0-1, more is better); `kl` is in
    nats per token against the untouched model and `perplexity` under it (less is better).
    """

    quality: Measured
    kl: Measured
    perplexity: Measured
    mmlu: Measured
    overrefusal: Measured


class _Labels(TypedDict, total=False):
    labels: dict[str, int]  # verdicts on the positive prompts


class Cell(Damage, _Labels):
    """The untouched model: how often the behaviour occurs on both piles, and the damage measures."""

    harmful: Measured
    benign: Measured


class _Verdict(TypedDict, total=False):
    p: float | None  # McNemar's exact test of `harmful` against the baseline
    p_adjusted: float | None  # the same after Holm's correction over all rows
    changes: dict[str, Measured]  # measure -> paired difference to the baseline


class MethodCell(Cell, _Verdict):
    """One method at one strength; the rows of a method share its `name`."""

    name: str
    strength: float


class MatchedCell(TypedDict):
    """A method at the strength where its damage is the largest within the budget; None where none is."""

    name: str
    strength: float | None
    harmful: Measured | None
    damage: Measured | None
    p_adjusted: float | None


class Matched(TypedDict):
    """All methods at the same damage: `by` names the damage measure, `budget` is its limit.

    The budget is a difference to the baseline in the unit of the measure.
    """

    by: str
    budget: float
    rows: list[MatchedCell]


class Layers(Profile):
    """One line of the layer figure."""

    name: str


class AtLength(TypedDict):
    """The rate had every answer of the untouched model been cut after so many words; `whole` were not."""

    words: int
    whole: int
    rate: Measured


class Judged(TypedDict):
    """How far a judge agrees with the detector; `missing` answers have no verdict of one of them."""

    judge: str
    kappa: Measured
    agree: Measured
    missing: int


class _Judge(TypedDict, total=False):
    judge: Judged


class Preflight(_Judge):
    """Whether the behaviour is measured well: `neuroswitch.measures.preflight`."""

    by_length: list[AtLength]


class _ComparisonOptions(TypedDict, total=False):
    shows: list[str]  # the labels that count as the behaviour
    preflight: Preflight
    matched: Matched
    layers: list[Layers]
    descriptions: dict[str, str]  # method name -> one line: what it does and how it was tuned


class Comparison(_Common, _ComparisonOptions):
    """`summary.json` of `neuroswitch compare`.

    `damage` names the measure on the horizontal axis of the Pareto figure: a key of `Damage`.
    """

    kind: Literal["comparison"]
    damage: str
    baseline: Cell
    methods: list[MethodCell]


class StudyCondition(TypedDict):
    """One state of one of two models: how often it shows the behaviour, against its untouched state.

    `p_adjusted` is the test's p after Holm's correction over all tests of the study, `changed` how many
    answers differ in their text from the untouched model's; all three are None for the untouched model.
    """

    rate: Rate
    test: PairedTest | None
    p_adjusted: float | None
    changed: int | None


class Checkpoint(TypedDict):
    """One of the two models of a study.

    `occurs` says whether it shows the behaviour untouched, `asked` how prompts are put to it. `positive` holds
    `baseline`, `own` (its circuit scaled), `other` (the neurons of the other model's circuit scaled) and
    `random` (all seeds together), `negative` the first two; `circuits` its profile at each size compared.
    """

    name: str
    occurs: bool
    asked: str
    positive: dict[str, StudyCondition]
    negative: dict[str, StudyCondition]
    circuits: list[Layers]


class Chance(TypedDict):
    """How many neurons two random circuits share on average, and the chance of as many as were found."""

    expected: float
    p: float


class Shared(TypedDict):
    """What the circuits of both models share at one size.

    `all` draws at random from the whole model, `by_layer` as many from each layer as each circuit has.
    """

    name: str
    sizes: list[int]
    shared: int
    jaccard: float
    all: Chance
    by_layer: Chance


class ModelsSummary(_Common):
    """`summary.json` of `neuroswitch compare-models`; `models` and every part by role: base, instruct.

    `ranking` says which was `asked`, which was `used` and the `reason` for another; `same_tokens`
    whether both models got the same token ids for every prompt.
    """

    kind: Literal["models"]
    shows: list[str]
    models: dict[str, Checkpoint]
    overlap: list[Shared]
    ranking: dict[str, str]
    same_tokens: bool
    multiplier: float
