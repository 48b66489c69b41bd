"""Options that several commands share, written once."""

import math
from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.errors import BadPrompts

Model = Annotated[str, typer.Option(help="Hub id, folder, GGUF file, or 'demo'.")]
Behaviour = Annotated[str, typer.Option(help="Built-in contrast set, or a .jsonl or .csv file.")]
DetectorName = Annotated[
    str | None,
    typer.Option(
        "--detector", help="refusal, french, formal or contains:REGEX. Default: the behaviour's own."
    ),
]
TestPrompts = Annotated[
    Path | None,
    typer.Option(help="CSV with a column Goal or prompt, or JSONL, instead of the set's own test prompts."),
]
Size = Annotated[
    str, typer.Option(help="Size of the circuit: a fraction such as 0.001, or a count such as 116.")
]
RankingName = Annotated[str, typer.Option("--ranking", help="How neurons are scored.")]
Multiplier = Annotated[float, typer.Option(help="0 ablates, 1 changes nothing, above 1 amplifies.")]
MaxNewTokens = Annotated[int, typer.Option(help="Length limit of an answer, in tokens.", min=1)]
Limit = Annotated[int | None, typer.Option(help="Use only so many test prompts of each pile.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of the random control.")]
BatchSize = Annotated[int, typer.Option(help="Prompts answered together.", min=1)]
Output = Annotated[
    Path, typer.Option(help="Folder for everything that is written; a run in it is continued.")
]
Revision = Annotated[str | None, typer.Option(help="Commit, tag or branch on the Hub.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, mps ...; split: GPUs, memory, disk; tp: see torchrun.")
]
Quantize = Annotated[
    str | None, typer.Option(help="Quantise while loading: bnb-8bit, bnb-4bit, torchao-int8 or quanto-int8.")
]
Sites = Annotated[
    str | None,
    typer.Option(help="Where the neurons are, if they are not found: model.layers.{layer}.ffn.out"),
]
TrustRemoteCode = Annotated[bool, typer.Option(help="Run code that comes with the model. Off: never.")]
Stream = Annotated[
    bool,
    typer.Option(
        "--stream", help="Read the checkpoint layer by layer, if it is larger than memory. Name a --ranking."
    ),
]
UntilSettled = Annotated[
    bool,
    typer.Option(
        "--until-settled", help="Break answers off once their verdict can no longer change; no quality then."
    ),
]
System = Annotated[str | None, typer.Option(help="System prompt.")]
Thinking = Annotated[bool | None, typer.Option(help="Thinking mode of the chat template.")]
VllmArguments = Annotated[
    list[str] | None,
    typer.Option(
        "--vllm", help="A further argument of vLLM's server, as --vllm=--max-model-len=4096; repeatable."
    ),
]
Engine = Annotated[
    str,
    typer.Option(help="Who answers: transformers, vllm (started here), or the URL of a `neuroswitch serve`."),
]


def parse_multipliers(text: str) -> tuple[float, ...]:
    """Read multipliers, separated by commas.

    Raises:
        BadPrompts: One is no finite number.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(map(math.isfinite, found)):
        raise BadPrompts("these are no multipliers", found=repr(text), expected="numbers such as 0,2")
    return found


def parse_size(text: str) -> float:
    """Read a size: a number with a point is a fraction, one without is a count.

    Raises:
        BadPrompts: It is neither.
    """
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        raise BadPrompts(
            "this is no size of a circuit",
            found=repr(text),
            expected="a fraction such as 0.001 or a count such as 116",
        ) from None
