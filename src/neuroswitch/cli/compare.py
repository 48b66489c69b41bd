"""`neuroswitch compare`: what does each method change, and what does it cost?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, comparison_table, console
from neuroswitch.errors import BadPrompts, Prerequisite

if TYPE_CHECKING:
    from neuroswitch.experiment.comparison.judge import Judging
    from neuroswitch.experiment.comparison.settings import CompareSettings

Methods = Annotated[
    str,
    typer.Option(help="Comma-separated names; sae:FOLDER names an autoencoder, random pools several seeds."),
]
Strengths = Annotated[str, typer.Option(help="Comma-separated; 0 is the untouched model.")]
BenignPrompts = Annotated[
    Path | None, typer.Option(help="The same for prompts that should not show the behaviour.")
]
SpreadLimit = Annotated[
    int | None, typer.Option(help="Use so many test prompts of each pile, evenly spread.", min=1)
]
Chance = Annotated[int, typer.Option(help="Of everything random but the random circuits.")]
RandomSeeds = Annotated[int, typer.Option(help="Circuits that random stands for.", min=1)]
Mmlu = Annotated[
    str | None, typer.Option(help="MMLU questions: a JSONL file, or hub. Without it none are asked.")
]
MmluDev = Annotated[Path | None, typer.Option(help="Solved examples for questions from a file.")]
MmluQuestions = Annotated[int | None, typer.Option(help="How many are drawn.", min=1)]
MmluShots = Annotated[
    int | None,
    typer.Option(help="Solved examples before each question. Default: 5 where there are any.", min=0),
]
MmluStrengths = Annotated[str | None, typer.Option(help="Ask at these strengths only. Default: at all.")]
Safe = Annotated[
    str | None, typer.Option(help="xstest_prompts.csv or hub: measure over-refusal on its safe prompts.")
]
SafeLimit = Annotated[int, typer.Option(help="Safe prompts used, evenly spread.", min=1)]
DamageName = Annotated[
    str, typer.Option(help="What behaviour is set against: kl, quality, perplexity, mmlu or overrefusal.")
]
Budget = Annotated[
    float | None, typer.Option(help="Damage at which methods are matched. Default: 0.1 nats for kl.")
]
Judge = Annotated[
    str | None, typer.Option(help="Address of an OpenAI-compatible API that checks the detector.")
]
JudgeModel = Annotated[str | None, typer.Option(help="Name of the judge there.")]


def compare(  # noqa: PLR0913  one parameter per option of the command line
    *,
    model: o.Model,
    output: o.Output,
    methods: Methods = "cna,caa,direction,random",
    strengths: Strengths = "0,0.25,0.5,0.75,1",
    behaviour: o.Behaviour = "refusal",
    detector: o.DetectorName = None,
    test_prompts: o.TestPrompts = None,
    benign_prompts: BenignPrompts = None,
    limit: SpreadLimit = None,
    max_new_tokens: o.MaxNewTokens = 150,
    batch_size: o.BatchSize = 32,
    size: o.Size = "0.001",
    ranking: o.RankingName = "readout",
    seed: Chance = 0,
    random_seeds: RandomSeeds = 5,
    mmlu: Mmlu = None,
    mmlu_dev: MmluDev = None,
    mmlu_questions: MmluQuestions = None,
    mmlu_shots: MmluShots = None,
    mmlu_strengths: MmluStrengths = None,
    xstest: Safe = None,
    xstest_limit: SafeLimit = 50,
    damage: DamageName = "kl",
    budget: Budget = None,
    judge: Judge = None,
    judge_model: JudgeModel = None,
    system: o.System = None,
    thinking: o.Thinking = None,
    revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    device: o.Device = "auto",
    sites: o.Sites = None,
    trust_remote_code: o.TrustRemoteCode = False,
    engine: o.Engine = "transformers",
    vllm: o.VllmArguments = None,
) -> None:
    """Compare methods on the same prompts: behaviour, damage, controls, intervals, one report.

    A folder can be continued after an interruption, and more methods or strengths added to it.
    """
    given = dict(locals())
    from neuroswitch.experiment.comparison.compare import compare as compare_pipeline
    from neuroswitch.experiment.engines import EngineChoice
    from neuroswitch.integrations.serve import ServeOptions

    settings, judging = _settings(given), _judging(judge, judge_model)
    choice = EngineChoice(engine, ServeOptions(arguments=tuple(vllm or ())))
    with bars() as progress:
        summary = compare_pipeline(settings, output, engine=choice, judging=judging, progress=progress)
    console.print(comparison_table(summary))
    for warning in summary["warnings"]:
        console.print(f"[yellow]Note:[/] {warning}")
    console.print(f"Report: {(output / 'report.html').resolve()}", soft_wrap=True)


def _settings(given: Mapping[str, Any]) -> "CompareSettings":
    """Build the settings from the options, most of which are called alike."""
    from neuroswitch.answering import Decoding
    from neuroswitch.chat import ChatFormat
    from neuroswitch.experiment.comparison.settings import CompareSettings
    from neuroswitch.models import LoadOptions

    same = "model behaviour detector random_seeds limit ranking seed mmlu mmlu_questions mmlu_shots xstest".split()
    same += ["xstest_limit", "damage", "budget"]
    paths = ("test_prompts", "benign_prompts", "mmlu_dev")
    loading = ("revision", "dtype", "device", "sites", "trust_remote_code")
    asked = given["mmlu_strengths"]
    plain: dict[str, Any] = {name: given[name] for name in same}
    plain |= {name: None if given[name] is None else str(given[name]) for name in paths}
    return CompareSettings(
        **plain,
        loading=LoadOptions(**{name: given[name] for name in loading}),
        methods=tuple(dict.fromkeys(name.strip() for name in given["methods"].split(",") if name.strip())),
        strengths=_numbers(given["strengths"]),
        size=o.parse_size(given["size"]),
        decoding=Decoding(max_new_tokens=given["max_new_tokens"], batch_size=given["batch_size"]),
        chat=ChatFormat(system=given["system"], thinking=given["thinking"]),
        mmlu_strengths=None if asked is None else _numbers(asked),
    )


def _judging(url: str | None, name: str | None) -> "Judging | None":
    from neuroswitch.answering import Endpoint
    from neuroswitch.experiment.comparison.judge import Judging

    if url is None:
        return None
    if name is None:
        raise Prerequisite("the judge has no name", do="add --judge-model, as its server calls it")
    return Judging(Endpoint(url=url, model=name))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise BadPrompts(
            "these are no strengths",
            found=repr(text),
            expected="numbers with commas between, such as 0,0.5,1",
        ) from None
