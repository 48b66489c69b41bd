"""`neuroswitch evaluate`: what does scaling a saved circuit do?"""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.run import show_run


def evaluate(  # noqa: PLR0913  one parameter per option of the command line
    circuit: Annotated[Path, typer.Argument(help="Folder of a circuit.")],
    *,
    model: o.Model,
    output: o.Output,
    behaviour: o.Behaviour = "refusal",
    detector: o.DetectorName = None,
    test_prompts: o.TestPrompts = None,
    multiplier: o.Multiplier = 0.0,
    max_new_tokens: o.MaxNewTokens = 150,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    batch_size: o.BatchSize = 32,
    until_settled: o.UntilSettled = False,
    system: o.System = None,
    thinking: o.Thinking = None,
    revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    device: o.Device = "auto",
    sites: o.Sites = None,
    quantize: o.Quantize = None,
    trust_remote_code: o.TrustRemoteCode = False,
    engine: o.Engine = "transformers",
    vllm: o.VllmArguments = None,
) -> None:
    """Measure a saved circuit on held-out prompts, beside the untouched model and a random circuit."""
    from neuroswitch.answering import Decoding
    from neuroswitch.chat import ChatFormat
    from neuroswitch.experiment.engines import EngineChoice
    from neuroswitch.experiment.old_settings import RunSettings
    from neuroswitch.experiment.run import evaluate as evaluate_pipeline
    from neuroswitch.integrations.serve import ServeOptions
    from neuroswitch.models import LoadOptions

    settings = RunSettings(
        model=model,
        loading=LoadOptions(
            revision=revision,
            dtype=dtype,
            device=device,
            sites=sites,
            quantize=quantize,
            trust_remote_code=trust_remote_code,
        ),
        behaviour=behaviour,
        detector=detector,
        test_prompts=None if test_prompts is None else str(test_prompts),
        limit=limit,
        multiplier=multiplier,
        seed=seed,
        decoding=Decoding(max_new_tokens=max_new_tokens, batch_size=batch_size),
        until_settled=until_settled,
        chat=ChatFormat(system=system, thinking=thinking),
    )
    choice = EngineChoice(engine, ServeOptions(arguments=tuple(vllm or ())))
    show_run(
        lambda progress: evaluate_pipeline(circuit, settings, output, engine=choice, progress=progress),
        output,
    )
