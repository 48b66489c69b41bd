"""`neuroswitch compare`: what does each method change, and what does it cost?"""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, comparison_table, console
from neuroswitch.errors import BadPrompts

Methods = Annotated[
    str,
    typer.Option(help="Comma-separated names; sae:FOLDER names an autoencoder, random pools several seeds."),
]
Strengths = Annotated[str, typer.Option(help="Comma-separated; 0 is the untouched model.")]
Questions = Annotated[
    str | None, typer.Option(help="MMLU questions: a JSONL file, or hub. Without it none are asked.")
]
Safe = Annotated[
    str | None, typer.Option(help="xstest_prompts.csv or hub: measure over-refusal on its safe prompts.")
]
DamageName = Annotated[
    str, typer.Option(help="What behaviour is set against: kl, quality, perplexity, mmlu or overrefusal.")
]


def compare(  # noqa: PLR0913  one parameter per option of the command line
    *,
    model: o.Model,
    output: o.Output,
    methods: Methods = "cna,caa,direction,random",
    strengths: Strengths = "0,0.25,0.5,0.75,1",
    behaviour: o.Behaviour = "refusal",
    detector: o.DetectorName = None,
    test_prompts: o.TestPrompts = None,
    benign_prompts: Annotated[
        Path | None, typer.Option(help="The same for prompts that should not show the behaviour.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Use so many test prompts of each pile, evenly spread.", min=1)
    ] = None,
    max_new_tokens: o.MaxNewTokens = 150,
    batch_size: o.BatchSize = 32,
    size: o.Size = "0.001",
    ranking: o.RankingName = "readout",
    seed: Annotated[int, typer.Option(help="Of everything random but the random circuits.")] = 0,
    random_seeds: Annotated[int, typer.Option(help="Circuits that random stands for.", min=1)] = 5,
    mmlu: Questions = None,
    mmlu_dev: Annotated[Path | None, typer.Option(help="Solved examples for questions from a file.")] = None,
    mmlu_questions: Annotated[int | None, typer.Option(help="How many are drawn.", min=1)] = None,
    mmlu_shots: Annotated[
        int | None,
        typer.Option(help="Solved examples before each question. Default: 5 where there are any.", min=0),
    ] = None,
    mmlu_strengths: Annotated[
        str | None, typer.Option(help="Ask at these strengths only. Default: at all.")
    ] = None,
    xstest: Safe = None,
    xstest_limit: Annotated[int, typer.Option(help="Safe prompts used, evenly spread.", min=1)] = 50,
    damage: DamageName = "kl",
    budget: Annotated[
        float | None, typer.Option(help="Damage at which methods are matched. Default: 0.1 nats for kl.")
    ] = None,
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
    from neuroswitch.chat import ChatFormat
    from neuroswitch.generation import Decoding
    from neuroswitch.integrations.serve import ServeOptions
    from neuroswitch.models.loading import LoadOptions
    from neuroswitch.pipeline.compare import compare as compare_pipeline
    from neuroswitch.pipeline.compare_settings import CompareSettings
    from neuroswitch.pipeline.engines import EngineChoice

    settings = CompareSettings(
        model=model,
        loading=LoadOptions(
            revision=revision, dtype=dtype, device=device, sites=sites, trust_remote_code=trust_remote_code
        ),
        behaviour=behaviour,
        detector=detector,
        methods=tuple(dict.fromkeys(name.strip() for name in methods.split(",") if name.strip())),
        strengths=_numbers(strengths),
        random_seeds=random_seeds,
        test_prompts=_text(test_prompts),
        benign_prompts=_text(benign_prompts),
        limit=limit,
        size=o.parse_size(size),
        ranking=ranking,
        seed=seed,
        decoding=Decoding(max_new_tokens=max_new_tokens, batch_size=batch_size),
        chat=ChatFormat(system=system, thinking=thinking),
        mmlu=mmlu,
        mmlu_dev=_text(mmlu_dev),
        mmlu_questions=mmlu_questions,
        mmlu_shots=mmlu_shots,
        mmlu_strengths=None if mmlu_strengths is None else _numbers(mmlu_strengths),
        xstest=xstest,
        xstest_limit=xstest_limit,
        damage=damage,
        budget=budget,
    )
    with bars() as progress:
        choice = EngineChoice(engine, ServeOptions(arguments=tuple(vllm or ())))
        summary = compare_pipeline(settings, output, engine=choice, progress=progress)
    console.print(comparison_table(summary))
    for warning in summary["warnings"]:
        console.print(f"[yellow]Note:[/] {warning}")
    console.print(f"Report: {(output / 'report.html').resolve()}", soft_wrap=True)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise BadPrompts(
            "these are no strengths",
            found=repr(text),
            expected="numbers with commas between, such as 0,0.5,1",
        ) from None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
