"""`run`, `demo`, `evaluate`, `compare`, `compare-models`, `report`: settings of one experiment."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from neuroswitch.answering import Decoding, Endpoint
from neuroswitch.chat import ChatFormat
from neuroswitch.cli.console import bars, console, show_summary
from neuroswitch.errors import BadOption
from neuroswitch.experiment import (
    CircuitChoice,
    ControlChoice,
    ExamChoice,
    ExperimentSettings,
    Judging,
    ManyControls,
    MatchChoice,
    PromptChoice,
    SafePromptChoice,
    compare_settings,
    evaluate_settings,
    finish_report,
    models_settings,
    run_experiment,
    run_settings,
)
from neuroswitch.integrations import LOCALLY, EngineChoice, ServeOptions
from neuroswitch.models import LoadOptions
from neuroswitch.options import Names, Numbers, Output, VllmArguments, group

Prompts = Annotated[PromptChoice, group("Prompts")]
Circuits = Annotated[CircuitChoice, group("Circuit")]
Controls = Annotated[ControlChoice, group("Controls")]
Answers = Annotated[Decoding, group("Answers")]
Chat = Annotated[ChatFormat, group("Answers")]
Loading = Annotated[LoadOptions, group("Model")]


def run(
    *,
    model: str,
    output: Output,
    multiplier: float = 0.0,
    prompts: Prompts = PromptChoice(),
    circuit: Circuits = CircuitChoice(),
    controls: Controls = ControlChoice(),
    decoding: Answers = Decoding(),
    chat: Chat = ChatFormat(),
    loading: Loading = LoadOptions(),
) -> None:
    """Find the circuit of a behaviour, scale it, and measure what changes on held-out prompts.

    Example: neuroswitch run --model Qwen/Qwen3-0.6B --output runs/qwen

    Args:
        model: Hub id, folder, GGUF file, or 'demo'.
        output: Folder for everything that is written; a run in it is continued.
        multiplier: 0 ablates, 1 changes nothing, above 1 amplifies.
    """
    base = ExperimentSettings(
        prompts=prompts, circuit=circuit, controls=controls, decoding=decoding, chat=chat, loading=loading
    )
    _show(run_settings(model, multiplier, base=base), output)


def demo(*, output: Output = Path("runs/demo"), behaviour: str = "refusal", max_new_tokens: int = 64) -> None:
    """Do the main job on a small model that is fetched on first use.

    Args:
        output: Folder for everything that is written; a run in it is continued.
        behaviour: Built-in contrast set, or a .jsonl or .csv file.
        max_new_tokens: Length limit of an answer, in tokens.
    """
    base = ExperimentSettings(
        prompts=PromptChoice(behaviour=behaviour), decoding=Decoding(max_new_tokens=max_new_tokens)
    )
    _show(run_settings("demo", base=base), output)


def evaluate(
    circuit: Path,
    /,
    *,
    model: str,
    output: Output,
    multiplier: float = 0.0,
    until_settled: bool = False,
    engine: str = LOCALLY.name,
    vllm: VllmArguments = (),
    prompts: Prompts = PromptChoice(),
    controls: Controls = ControlChoice(),
    decoding: Answers = Decoding(),
    chat: Chat = ChatFormat(),
    loading: Loading = LoadOptions(),
) -> None:
    """Measure a saved circuit on held-out prompts, beside the untouched model and random circuits.

    Example: neuroswitch evaluate runs/demo/methods/cna --model demo --output runs/again

    Args:
        circuit: Folder of a circuit.
        model: Hub id, folder, GGUF file, or 'demo'.
        output: Folder for everything that is written; a run in it is continued.
        multiplier: 0 ablates, 1 changes nothing, above 1 amplifies.
        until_settled: Stop an answer once its verdict can no longer change; no quality then.
        engine: What answers: transformers, vllm (started here), or the URL of a `neuroswitch serve`.
        vllm: A further argument of vLLM's server, as --vllm=--max-model-len=4096; repeatable.
    """
    base = ExperimentSettings(
        prompts=prompts,
        controls=controls,
        decoding=decoding,
        until_settled=until_settled,
        chat=chat,
        loading=loading,
    )
    settings = evaluate_settings(str(circuit), model, multiplier, base=base)
    _show(settings, output, EngineChoice(engine, ServeOptions(arguments=tuple(vllm))))


def compare(
    *,
    model: str,
    output: Output,
    methods: Names = ("cna", "caa", "direction", "random"),
    strengths: Numbers = (0.0, 0.25, 0.5, 0.75, 1.0),
    engine: str = LOCALLY.name,
    vllm: VllmArguments = (),
    judge: str | None = None,
    judge_model: str | None = None,
    prompts: Prompts = PromptChoice(),
    circuit: Circuits = CircuitChoice(),
    controls: Annotated[ManyControls, group("Controls")] = ManyControls(),
    decoding: Answers = Decoding(),
    chat: Chat = ChatFormat(),
    exam: Annotated[ExamChoice, group("MMLU")] = ExamChoice(),
    safe_prompts: Annotated[SafePromptChoice, group("Over-refusal")] = SafePromptChoice(),
    match: Annotated[MatchChoice, group("Report")] = MatchChoice(),
    loading: Loading = LoadOptions(),
) -> None:
    """Compare methods on the same prompts: behaviour, damage, controls, intervals, one report.

    A folder can be continued after an interruption, and more methods or strengths added to it.

    Example: neuroswitch compare --model demo --methods cna,caa,direction,random --output runs/compare

    Args:
        model: Hub id, folder, GGUF file, or 'demo'.
        output: Folder for everything that is written; a comparison in it is continued.
        methods: Names with commas between; sae:FOLDER names an autoencoder, random pools several seeds.
        strengths: Numbers with commas between; 0 is the untouched model.
        engine: What answers where neurons are scaled: transformers, vllm, or the URL of a server.
        vllm: A further argument of vLLM's server, as --vllm=--max-model-len=4096; repeatable.
        judge: Address of an OpenAI-compatible API that checks the detector.
        judge_model: Name of the judge there.
    """
    base = ExperimentSettings(
        prompts=prompts,
        circuit=circuit,
        controls=controls,
        decoding=decoding,
        chat=chat,
        exam=exam,
        safe_prompts=safe_prompts,
        match=match,
        loading=loading,
    )
    settings = compare_settings(model, methods, strengths, base=base)
    choice = EngineChoice(engine, ServeOptions(arguments=tuple(vllm)))
    _show(settings, output, choice, _judging(judge, judge_model))


def compare_models(
    base: str,
    instruct: str,
    /,
    *,
    output: Output,
    multiplier: float = 0.0,
    template_from: Literal["own", "instruct"] = "own",
    base_revision: str | None = None,
    instruct_revision: str | None = None,
    prompts: Prompts = PromptChoice(),
    circuit: Circuits = CircuitChoice(),
    controls: Controls = ControlChoice(),
    decoding: Answers = Decoding(),
    chat: Chat = ChatFormat(),
    loading: Loading = LoadOptions(),
) -> None:
    """Find the circuit of a behaviour in two models, count what they share, and ablate each in both.

    Example: neuroswitch compare-models BASE INSTRUCT --output runs/pair

    Args:
        base: First checkpoint, usually the base model.
        instruct: Second checkpoint, of the same shape.
        output: Folder for everything that is written; a study in it is continued.
        multiplier: 0 ablates, 1 changes nothing, above 1 amplifies.
        template_from: Chat template of the base model: its own (raw text if it has none), or instruct's.
        base_revision: Commit, tag or branch of the first checkpoint on the Hub.
        instruct_revision: The same of the second.
    """
    shared = ExperimentSettings(
        revisions=(base_revision, instruct_revision),
        template_from=template_from,
        prompts=prompts,
        circuit=circuit,
        controls=controls,
        decoding=decoding,
        chat=chat,
        loading=replace(loading, revision=None),
    )
    _show(models_settings((base, instruct), multiplier, base=shared), output)


def report(folder: Path, /, *, show_completions: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Count the rows of a folder again and rebuild its report.html; no model is needed.

    Args:
        folder: Folder of an experiment.
        show_completions: Put answers to harmful prompts into the page; do not share it then.
    """
    finish_report(folder, show_completions=show_completions)
    console.print(f"Report: {(folder / 'report.html').resolve()}", soft_wrap=True)


def _show(
    settings: ExperimentSettings,
    output: Path,
    engine: EngineChoice = LOCALLY,
    judging: Judging | None = None,
) -> None:
    with bars() as progress:
        summary = run_experiment(settings, output, engine=engine, judging=judging, progress=progress)
    show_summary(summary, output)


def _judging(url: str | None, name: str | None) -> Judging | None:
    if url is None:
        return None
    if name is None:
        raise BadOption("the judge has no name", do="add --judge-model, as its server calls it")
    return Judging(Endpoint(url=url, model=name))
