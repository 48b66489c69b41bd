"""What an experiment is asked to do: all that shapes its numbers, and nothing else.

`run`, `evaluate`, `compare` and `compare-models` are settings of one experiment.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

from neuroswitch.errors import BadOption
from neuroswitch.options import (
    LOCAL,
    ChatFormat,
    CircuitChoice,
    ControlChoice,
    Decoding,
    ExamChoice,
    LoadOptions,
    MatchChoice,
    PromptChoice,
    SafePromptChoice,
)
from neuroswitch.records import RANDOM, TRANSFER
from neuroswitch.storage import JsonObject
from neuroswitch.values import require_finite


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
        own_strengths: Every method is also taken at the strengths of its own curve, `methods.curve_of`.
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
        BadOption: There is no model, or more than two; no method; no strength but 0, or one that is not finite.
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
    own_strengths: bool = False
    controls: ControlChoice = ControlChoice()
    decoding: Decoding = Decoding()
    until_settled: bool = False
    chat: ChatFormat = ChatFormat()
    measures: tuple[str, ...] = ("routing",)
    exam: ExamChoice = ExamChoice()
    safe_prompts: SafePromptChoice = SafePromptChoice()
    match: MatchChoice = MatchChoice()
    engine: str = LOCAL

    def __post_init__(self) -> None:
        if not 1 <= len(self.models) <= 2:
            raise BadOption("an experiment has one model or two", found=f"{len(self.models)}")
        if not self.methods:
            raise BadOption("an experiment needs a method", do="name one, such as --methods cna,random")
        require_finite("a strength", *self.strengths, *(self.exam.mmlu_strengths or ()))
        if not any(self.strengths) and not self.own_strengths:
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

        Examples:
            >>> ExperimentSettings(controls=ControlChoice(controls=2)).members("random")
            ('random:0', 'random:1')
        """
        if name != RANDOM:
            return (name,)
        first = self.controls.seed
        return tuple(f"{RANDOM}:{seed}" for seed in range(first, first + self.controls.controls))

    def to_json(self) -> JsonObject:
        """Return the settings as plain JSON values."""
        plain: JsonObject = json.loads(json.dumps(asdict(self)))
        return plain


def run_settings(
    model: str, multiplier: float = 0.0, *, base: ExperimentSettings = ExperimentSettings()
) -> ExperimentSettings:
    """Return the settings of `neuroswitch run`: CNA and its random controls on one model.

    Args:
        model: Hub id, folder, GGUF file or `demo`.
        multiplier: What the circuit's neurons are multiplied by; 0 ablates.
        base: Everything else.

    Examples:
        >>> settings = run_settings("demo", base=ExperimentSettings(circuit=CircuitChoice(ranking="delta")))
        >>> settings.methods, settings.strengths
        (('cna', 'random'), (1.0,))
    """
    return replace(base, models=(model,), methods=("cna", RANDOM), strengths=(1.0 - multiplier,))


def evaluate_settings(
    circuit: str, model: str, multiplier: float = 0.0, *, base: ExperimentSettings = ExperimentSettings()
) -> ExperimentSettings:
    """Return the settings of `neuroswitch evaluate`: a saved circuit and its random controls.

    Examples:
        >>> evaluate_settings("refusal-circuit", "demo", multiplier=2.0).strengths
        (-1.0,)
    """
    methods = (f"circuit:{circuit}", RANDOM)
    return replace(base, models=(model,), methods=methods, strengths=(1.0 - multiplier,))


def compare_settings(
    model: str,
    methods: tuple[str, ...] = ("cna", "caa", "direction", RANDOM),
    strengths: tuple[float, ...] | None = None,
    *,
    base: ExperimentSettings = ExperimentSettings(),
) -> ExperimentSettings:
    """Return the settings of `neuroswitch compare`: many methods at many strengths, with their damage.

    Args:
        model: Hub id, folder, GGUF file or `demo`.
        methods: Names for `get_method`.
        strengths: Of every method; None takes each at the strengths of its own curve.
        base: Everything else.

    Examples:
        >>> compare_settings("demo", ("cna", "caa"), (0.5, 1.0)).measures
        ('kl', 'perplexity')
        >>> compare_settings("demo").own_strengths
        True
    """
    return replace(
        base,
        models=(model,),
        methods=methods,
        strengths=strengths or (),
        own_strengths=strengths is None,
        measures=("kl", "perplexity"),
    )


def models_settings(
    models: tuple[str, str], multiplier: float = 0.0, *, base: ExperimentSettings = ExperimentSettings()
) -> ExperimentSettings:
    """Return the settings of `neuroswitch compare-models`: each model's circuit in both models.

    Examples:
        >>> models_settings(("BASE", "INSTRUCT")).methods
        ('cna', 'transfer', 'random')
    """
    methods = ("cna", TRANSFER, RANDOM)
    return replace(base, models=models, methods=methods, strengths=(1.0 - multiplier,), measures=())
