"""`neuroswitch compare-models`: where a behaviour is in two checkpoints of one shape."""

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console

if TYPE_CHECKING:
    from neuroswitch.experiment.checkpoints.settings import StudySettings


class TemplateFrom(str, Enum):
    """Whose chat template the base model's prompts are put in."""

    own = "own"
    instruct = "instruct"


def compare_models(  # noqa: PLR0913  one parameter per option of the command line
    base: Annotated[str, typer.Argument(help="First checkpoint, usually the base model.")],
    instruct: Annotated[str, typer.Argument(help="Second checkpoint, of the same shape.")],
    *,
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
    controls: Annotated[int, typer.Option(help="Random circuits to try beside each one.", min=0)] = 1,
    batch_size: o.BatchSize = 32,
    template_from: Annotated[
        TemplateFrom,
        typer.Option(
            help="Chat template of the base model: its own (raw text if it has none), or instruct's."
        ),
    ] = TemplateFrom.own,
    system: o.System = None,
    thinking: o.Thinking = None,
    base_revision: o.Revision = None,
    instruct_revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    device: o.Device = "auto",
    sites: o.Sites = None,
    trust_remote_code: o.TrustRemoteCode = False,
) -> None:
    """Find the circuit of a behaviour in two models, count what they share, and ablate each in both."""
    from neuroswitch.answering import Decoding
    from neuroswitch.chat import ChatFormat
    from neuroswitch.experiment.checkpoints.settings import StudySettings
    from neuroswitch.experiment.old_settings import RunSettings
    from neuroswitch.models import LoadOptions

    loading = LoadOptions(dtype=dtype, device=device, sites=sites, trust_remote_code=trust_remote_code)
    shared = RunSettings(
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
    template: Literal["own", "instruct"] = "own" if template_from is TemplateFrom.own else "instruct"
    settings = StudySettings(base=base, instruct=instruct, template_from=template, run=shared)
    _compare(replace(settings, base_revision=base_revision, instruct_revision=instruct_revision), output)


def _compare(settings: "StudySettings", output: Path) -> None:
    from neuroswitch.experiment.checkpoints.study import compare_models as compare

    with bars() as progress:
        summary = compare(settings, output, progress=progress)
    _show(summary, output)


def _show(summary: dict[str, Any], output: Path) -> None:
    console.print(_rates(summary))
    for one in summary["overlap"]:
        console.print(
            f"{one['name']}: {one['shared']} shared of {one['sizes'][0]}, chance {one['all']['expected']:.2g}, "
            f"in the same layers {one['by_layer']['expected']:.2g} (p = {one['by_layer']['p']:.2g})"
        )
    for warning in summary["warnings"]:
        console.print(f"[yellow]Note:[/] {warning}")
    console.print(f"Report: {(output / 'report.html').resolve()}", soft_wrap=True)


def _rates(summary: dict[str, Any]) -> Table:
    """Lay out the rates of both models, one state a row."""
    table = Table(title=f"{summary['behaviour']} in two models")
    for heading in ("model", "state", "shown", "95 % interval", "p (Holm)"):
        table.add_column(heading, justify="left" if heading in ("model", "state") else "right")
    for model in summary["models"].values():
        for pile, mark in (("positive", ""), ("negative", ", benign")):
            for state, found in model[pile].items():
                rate, p = found["rate"], found["p_adjusted"]
                interval = "-" if rate["low"] is None else f"{rate['low']:.1%} to {rate['high']:.1%}"
                table.add_row(
                    model["name"],
                    state + mark,
                    f"{rate['refusals']} of {rate['n']}",
                    interval,
                    "" if p is None else f"{p:.3g}",
                )
    return table
