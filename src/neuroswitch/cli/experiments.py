"""`run`, `demo`, `evaluate`, `compare`, `compare-models`, `report`: settings of one experiment."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from neuroswitch.cli.console import bars, show_place, show_summary
from neuroswitch.cli.options import CircuitFolder, Model, ModelOptions, Multiplier, Output
from neuroswitch.errors import BadOption
from neuroswitch.options import (
    CircuitChoice,
    ControlChoice,
    Decoding,
    EngineChoice,
    ExamChoice,
    ManyControls,
    MatchChoice,
    PromptChoice,
    SafePromptChoice,
    group,
)
from neuroswitch.values import Count, Flag, Names, Numbers

if TYPE_CHECKING:
    from neuroswitch.experiment import ExperimentSettings, Judging


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(ModelOptions):
    """Options of every experiment, under the names that they have in its settings."""

    prompts: PromptChoice = PromptChoice()
    controls: ControlChoice = ControlChoice()
    decoding: Decoding = Decoding()
    until_settled: Flag = False
    """Stop an answer as soon as its verdict can no longer change; no quality then."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(EvaluateOptions):
    """Options of experiments that find circuits."""

    circuit: CircuitChoice = CircuitChoice()


@dataclass(frozen=True, kw_only=True)
class PairOptions(RunOptions):
    """Options of experiments on two models."""

    template_from: Literal["own", "instruct"] = "own"
    """Chat template of the base model: its own (plain text if it has none), or instruct's."""
    top: Count = 200
    """Size of a second pair of circuits whose shared neurons are counted."""


@dataclass(frozen=True, kw_only=True)
class CompareOptions(RunOptions):
    """Options of comparisons of methods."""

    methods: Names = ("cna", "caa", "direction", "random")
    """Names with commas between; sae:FOLDER names an autoencoder, random pools several seeds."""
    strengths: Annotated[Numbers | None, Parameter(show_default=False)] = None
    """Numbers with commas between, for every method. Default: each method's own, such as direction 0.1,0.25,0.5,1."""
    controls: ManyControls = ManyControls()
    exam: ExamChoice = ExamChoice()
    safe_prompts: SafePromptChoice = SafePromptChoice()
    match: MatchChoice = MatchChoice()


@group("Model")
@dataclass(frozen=True, kw_only=True)
class RevisionChoice:
    """Revisions of two models."""

    base_revision: str | None = None
    """Of the first model, where --revision is not meant for both."""
    instruct_revision: str | None = None
    """Of the second model, likewise."""


@group("Judge")
@dataclass(frozen=True, kw_only=True)
class JudgeChoice:
    """A language model that checks the detector."""

    judge: str | None = None
    """Address of an OpenAI-compatible API that checks the detector on a sample."""
    judge_model: str | None = None
    """Name of the judge there."""


def run_command(
    *,
    model: Model,
    output: Output,
    multiplier: Multiplier = 0.0,
    engine: EngineChoice = EngineChoice(),
    options: RunOptions = RunOptions(),
) -> None:
    """Find the circuit of a behaviour, scale it, and measure what changes on held-out prompts.

    Example:
        neuroswitch run --model Qwen/Qwen3-0.6B --output runs/qwen
    """
    from neuroswitch.experiment import run_settings

    _run(run_settings(model, multiplier, base=_settings(options)), output, engine)


def demo_command(
    *, output: Output = Path("runs/demo"), behaviour: str = "refusal", max_new_tokens: Count = 64
) -> None:
    """Do what `run` does, on a small model that is fetched on first use.

    Example:
        neuroswitch demo

    Args:
        behaviour: Built-in contrast set, or a .jsonl or .csv file.
        max_new_tokens: Length limit of an answer, in tokens.
    """
    prompts, decoding = PromptChoice(behaviour=behaviour), Decoding(max_new_tokens=max_new_tokens)
    run_command(model="demo", output=output, options=RunOptions(prompts=prompts, decoding=decoding))


def evaluate_command(
    circuit: CircuitFolder,
    /,
    *,
    model: Model,
    output: Output,
    multiplier: Multiplier = 0.0,
    engine: EngineChoice = EngineChoice(),
    options: EvaluateOptions = EvaluateOptions(),
) -> None:
    """Measure a saved circuit on held-out prompts, beside the untouched model and random circuits.

    Example:
        neuroswitch evaluate runs/demo/methods/cna --model demo --output runs/again
    """
    from neuroswitch.experiment import evaluate_settings

    _run(evaluate_settings(str(circuit), model, multiplier, base=_settings(options)), output, engine)


def compare_command(
    *,
    model: Model,
    output: Output,
    engine: EngineChoice = EngineChoice(),
    judge: JudgeChoice = JudgeChoice(),
    options: CompareOptions = CompareOptions(),
) -> None:
    """Compare methods on the same prompts: behaviour, damage, controls, intervals, one report.

    More methods or strengths can be added to the folder of a comparison later.

    Example:
        neuroswitch compare --model demo --methods cna,caa,random --output runs/compare
    """
    from neuroswitch.experiment import compare_settings

    settings = compare_settings(model, options.methods, options.strengths, base=_settings(options))
    _run(settings, output, engine, _judging(judge))


def compare_models_command(
    base: Model,
    instruct: Model,
    /,
    *,
    output: Output,
    multiplier: Multiplier = 0.0,
    revisions: RevisionChoice = RevisionChoice(),
    options: PairOptions = PairOptions(),
) -> None:
    """Find the circuit of a behaviour in two models, count what they share, and ablate each in both.

    Example:
        neuroswitch compare-models Qwen/Qwen3-0.6B-Base Qwen/Qwen3-0.6B --output runs/pair
    """
    from neuroswitch.experiment import models_settings

    both = (revisions.base_revision, revisions.instruct_revision)
    shared = replace(_settings(options), revisions=both)
    _run(models_settings((base, instruct), multiplier, base=shared), output)


def report_command(folder: Path, /, *, show_completions: Flag = False) -> None:
    """Compute the summary of an experiment again and rebuild its report.html; no model is needed.

    Example:
        neuroswitch report runs/demo

    Args:
        folder: Folder of an experiment.
        show_completions: Put answers to harmful prompts into the page; do not share it then.
    """
    from neuroswitch.experiment import finish_report

    finish_report(folder, show_completions=show_completions)
    show_place("Report", folder / "report.html")


def _settings(options: EvaluateOptions) -> "ExperimentSettings":
    from neuroswitch.experiment import ExperimentSettings

    controls = ControlChoice(controls=options.controls.controls, seed=options.controls.seed)
    known = {name: value for name, value in vars(options).items() if name != "strengths"}
    return ExperimentSettings(**{**known, "controls": controls})


def _run(
    settings: "ExperimentSettings",
    output: Path,
    engine: EngineChoice = EngineChoice(),
    judging: "Judging | None" = None,
) -> None:
    from neuroswitch.experiment import run_experiment

    with bars() as progress:
        summary = run_experiment(settings, output, engine=engine, judging=judging, progress=progress)
    show_summary(summary)
    show_place("Report", output / "report.html")


def _judging(choice: JudgeChoice) -> "Judging | None":
    from neuroswitch.answering import Endpoint
    from neuroswitch.experiment import Judging

    if choice.judge is None:
        return None
    if choice.judge_model is None:
        raise BadOption("the judge has no name", do="add --judge-model, as its server calls it")
    return Judging(Endpoint(url=choice.judge, model=choice.judge_model))
