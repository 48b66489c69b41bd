"""`neuroswitch run` and `neuroswitch demo`: the main job with one command."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console, rates_table
from neuroswitch.progress import Progress

if TYPE_CHECKING:
    from neuroswitch.experiment.old_settings import RunSettings


def run(  # noqa: PLR0913  one parameter per option of the command line
    *,
    model: o.Model,
    output: o.Output,
    behaviour: o.Behaviour = "refusal",
    detector: o.DetectorName = None,
    test_prompts: o.TestPrompts = None,
    size: o.Size = "0.001",
    ranking: o.RankingName = "readout",
    multiplier: o.Multiplier = 0.0,
    max_new_tokens: o.MaxNewTokens = 150,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    controls: Annotated[int, typer.Option(help="Random circuits to try beside it.", min=1)] = 1,
    batch_size: o.BatchSize = 32,
    system: o.System = None,
    thinking: o.Thinking = None,
    revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    device: o.Device = "auto",
    sites: o.Sites = None,
    quantize: o.Quantize = None,
    trust_remote_code: o.TrustRemoteCode = False,
) -> None:
    """Find the circuit of a behaviour, scale it, and measure what changes on held-out prompts."""
    from neuroswitch.answering import Decoding
    from neuroswitch.chat import ChatFormat
    from neuroswitch.experiment.old_settings import RunSettings
    from neuroswitch.models import LoadOptions

    loading = LoadOptions(
        revision=revision,
        dtype=dtype,
        device=device,
        sites=sites,
        quantize=quantize,
        trust_remote_code=trust_remote_code,
    )
    settings = RunSettings(
        model=model,
        loading=loading,
        behaviour=behaviour,
        detector=detector,
        test_prompts=None if test_prompts is None else str(test_prompts),
        limit=limit,
        ranking=ranking,
        size=o.parse_size(size),
        multiplier=multiplier,
        controls=controls,
        seed=seed,
        decoding=Decoding(max_new_tokens=max_new_tokens, batch_size=batch_size),
        chat=ChatFormat(system=system, thinking=thinking),
    )
    _run(settings, output)


def demo(
    output: o.Output = Path("runs/demo"),
    behaviour: o.Behaviour = "refusal",
    max_new_tokens: o.MaxNewTokens = 64,
) -> None:
    """Do the main job on a small model that is fetched on first use."""
    from neuroswitch.answering import Decoding
    from neuroswitch.experiment.old_settings import RunSettings

    _run(RunSettings(behaviour=behaviour, decoding=Decoding(max_new_tokens=max_new_tokens)), output)


def _run(settings: "RunSettings", output: Path) -> None:
    from neuroswitch.experiment.run import run as run_pipeline

    show_run(lambda progress: run_pipeline(settings, output, progress=progress), output)


def show_run(job: Callable[[Progress], dict[str, Any]], output: Path) -> None:
    """Do a job under progress bars, then print its table, its warnings and where the report is."""
    with bars() as progress:
        summary = job(progress)
    console.print(rates_table(summary))
    for warning in summary["warnings"]:
        console.print(f"[yellow]Note:[/] {warning}")
    console.print(f"Report: {(output / 'report.html').resolve()}", soft_wrap=True)
