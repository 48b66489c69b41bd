"""What an experiment is asked to do: all that shapes its numbers, and nothing else.

The small classes are groups of options. The command line takes names, defaults and help texts from
them, so an option is declared here and nowhere else. `run`, `evaluate`, `compare` and `compare-models`
are settings of one experiment.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

from neuroswitch.answering import Decoding
from neuroswitch.chat import ChatFormat
from neuroswitch.discovery import DEFAULT
from neuroswitch.errors import BadOption
from neuroswitch.models import LoadOptions
from neuroswitch.options import Numbers

RANDOM = "random"
"""The method that stands for several random circuits, `random:0` and on, with one row for all of them."""

TRANSFER = "transfer"
"""The neurons of the other model's circuit, where two models are compared."""

Json = dict[str, object]
"""A JSON object."""


@dataclass(frozen=True, kw_only=True)
class PromptChoice:
    """Which behaviour, which prompts, and who labels the answers."""

    behaviour: str = "refusal"
    """Built-in contrast set, or a .jsonl or .csv file."""
    detector: str | None = None
    """refusal, french, formal or contains:REGEX. Default: the behaviour's own."""
    test_prompts: str | None = None
    """CSV with a column Goal or prompt, or JSONL, instead of the set's own positive test prompts."""
    benign_prompts: str | None = None
    """The same for test prompts that should not show the behaviour."""
    limit: int | None = None
    """Use only so many test prompts of each pile, spread evenly over the file."""


@dataclass(frozen=True, kw_only=True)
class CircuitChoice:
    """How neurons are scored, and how many are kept."""

    ranking: str = DEFAULT
    """How neurons are scored."""
    size: float = 0.001
    """Size of a circuit: a fraction such as 0.001, or a count such as 116."""


@dataclass(frozen=True, kw_only=True)
class ControlChoice:
    """Random circuits beside the one that is studied."""

    controls: int = 1
    """How many random circuits the method `random` stands for."""
    seed: int = 0
    """Seed of the first random circuit, and of everything else that is drawn."""


@dataclass(frozen=True, kw_only=True)
class ManyControls(ControlChoice):
    """Random circuits in a comparison of methods."""

    controls: int = 5
    """How many random circuits the method `random` stands for."""


@dataclass(frozen=True, kw_only=True)
class ExamChoice:
    """MMLU, asked through lm-eval."""

    mmlu: str | None = None
    """MMLU questions: a JSONL file, or hub. Without it none are asked."""
    mmlu_dev: str | None = None
    """Solved examples for questions from a file."""
    mmlu_questions: int | None = None
    """How many questions are drawn. Default: all."""
    mmlu_shots: int | None = None
    """Solved examples before each question. Default: 5 where there are any."""
    mmlu_strengths: Numbers | None = None
    """Ask at these strengths only. Default: at all."""

    @property
    def shots(self) -> int:
        """Solved examples before each question."""
        if self.mmlu_shots is not None:
            return self.mmlu_shots
        return 5 if self.mmlu == "hub" or self.mmlu_dev else 0


@dataclass(frozen=True, kw_only=True)
class SafePromptChoice:
    """Over-refusal on the safe prompts of XSTest."""

    xstest: str | None = None
    """xstest_prompts.csv, or hub: measure over-refusal on its safe prompts."""
    xstest_limit: int | None = 50
    """How many of its safe prompts, spread evenly."""


@dataclass(frozen=True, kw_only=True)
class MatchChoice:
    """At which damage methods are compared; decides only what the report shows first."""

    damage: str = "kl"
    """The measure of damage: kl, quality, perplexity, mmlu or over_refusal."""
    budget: float | None = None
    """Largest damage at which methods are compared. Default: the measure's own."""


@dataclass(frozen=True, kw_only=True)
class ExperimentSettings:
    """Settings of one experiment: models x conditions (a method at a strength) x piles of prompts.

    Attributes:
        models: Hub ids, folders, GGUF files or `demo`: one model, or two of one shape (base, instruct).
        revisions: Commit, tag or branch of each; None for one that needs none.
        template_from: Whose chat template the first of two models is asked with: its own, or the second's.
        top: With two models, the size of a second pair of circuits that is compared, as a count.
        loading: How every model is loaded; its revision is not read.
        prompts: Behaviour, prompts and detector.
        circuit: Ranking and size, for methods that choose neurons.
        methods: Names for `get_method`; `random` stands for several seeds, `transfer` for the other
            model's circuit.
        strengths: Of every method; 0 is the untouched model, which is always measured.
        controls: Random circuits and seed.
        decoding: Length of the answers and batch size.
        until_settled: Stop an answer as soon as its verdict can no longer change; no quality then.
        chat: System prompt and thinking mode.
        measures: Measures that run the model, besides those that answers give: kl, perplexity, routing.
        exam: MMLU.
        safe_prompts: XSTest.
        match: At which damage the report compares methods.
        engine: "transformers" or "server": answers of the two are never in one folder.

    Raises:
        BadOption: There is no model, or more than two; or no strength but 0.
    """

    models: tuple[str, ...] = ("demo",)
    revisions: tuple[str | None, ...] = (None, None)
    template_from: Literal["own", "instruct"] = "own"
    top: int = 200
    loading: LoadOptions = LoadOptions()
    prompts: PromptChoice = PromptChoice()
    circuit: CircuitChoice = CircuitChoice()
    methods: tuple[str, ...] = ("cna", RANDOM)
    strengths: tuple[float, ...] = (1.0,)
    controls: ControlChoice = ControlChoice()
    decoding: Decoding = Decoding()
    until_settled: bool = False
    chat: ChatFormat = ChatFormat()
    measures: tuple[str, ...] = ("routing",)
    exam: ExamChoice = ExamChoice()
    safe_prompts: SafePromptChoice = SafePromptChoice()
    match: MatchChoice = MatchChoice()
    engine: str = "transformers"

    def __post_init__(self) -> None:
        if not 1 <= len(self.models) <= 2:
            raise BadOption("an experiment has one model or two", found=f"{len(self.models)}")
        if not any(self.strengths):
            raise BadOption(
                "an experiment needs a strength other than 0",
                found=", ".join(f"{one:g}" for one in self.strengths) or "none",
                do="name one, such as --strengths 0,0.5,1",
            )

    def loading_of(self, place: int) -> LoadOptions:
        """Return how one of the models is loaded."""
        revisions = (*self.revisions, None, None)
        return replace(self.loading, revision=revisions[place] or self.loading.revision)

    def members(self, name: str) -> tuple[str, ...]:
        """Return the methods that one row of the report stands for: itself, or one for each seed.

        Example:
            >>> ExperimentSettings(controls=ControlChoice(controls=2)).members("random")
            ('random:0', 'random:1')
        """
        if name != RANDOM:
            return (name,)
        first = self.controls.seed
        return tuple(f"{RANDOM}:{seed}" for seed in range(first, first + self.controls.controls))

    def to_json(self) -> Json:
        """Return the settings as plain JSON values."""
        plain: Json = json.loads(json.dumps(asdict(self)))
        return plain


def run_settings(
    model: str, multiplier: float = 0.0, *, base: ExperimentSettings = ExperimentSettings()
) -> ExperimentSettings:
    """Return the settings of `neuroswitch run`: CNA and its random controls on one model.

    Args:
        model: Hub id, folder, GGUF file or `demo`.
        multiplier: What the circuit's neurons are multiplied by; 0 ablates.
        base: Everything else.
    """
    return replace(base, models=(model,), methods=("cna", RANDOM), strengths=(1.0 - multiplier,))


def evaluate_settings(
    circuit: str, model: str, multiplier: float = 0.0, *, base: ExperimentSettings = ExperimentSettings()
) -> ExperimentSettings:
    """Return the settings of `neuroswitch evaluate`: a saved circuit and its random controls."""
    methods = (f"circuit:{circuit}", RANDOM)
    return replace(base, models=(model,), methods=methods, strengths=(1.0 - multiplier,))


def compare_settings(
    model: str,
    methods: tuple[str, ...] = ("cna", "caa", "direction", RANDOM),
    strengths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0),
    *,
    base: ExperimentSettings = ExperimentSettings(),
) -> ExperimentSettings:
    """Return the settings of `neuroswitch compare`: many methods at many strengths, with their damage."""
    return replace(base, models=(model,), methods=methods, strengths=strengths, measures=("kl", "perplexity"))


def models_settings(
    models: tuple[str, str], multiplier: float = 0.0, *, base: ExperimentSettings = ExperimentSettings()
) -> ExperimentSettings:
    """Return the settings of `neuroswitch compare-models`: each model's circuit in both models."""
    methods = ("cna", TRANSFER, RANDOM)
    return replace(base, models=models, methods=methods, strengths=(1.0 - multiplier,), measures=())
