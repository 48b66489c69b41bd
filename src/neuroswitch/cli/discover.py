"""`neuroswitch discover`: find a circuit and save it."""

from pathlib import Path

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console
from neuroswitch.cli.inspect import layers_table


def discover(  # noqa: PLR0913  one parameter per option of the command line
    *,
    model: o.Model,
    output: o.Output = Path("circuit"),
    behaviour: o.Behaviour = "refusal",
    detector: o.DetectorName = None,
    size: o.Size = "0.001",
    ranking: o.RankingName = "readout",
    multiplier: o.Multiplier = 0.0,
    system: o.System = None,
    thinking: o.Thinking = None,
    revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    device: o.Device = "auto",
    sites: o.Sites = None,
    trust_remote_code: o.TrustRemoteCode = False,
) -> None:
    """Find the neurons behind a behaviour and save them as a circuit folder."""
    from neuroswitch.chat import ChatFormat
    from neuroswitch.models.loading import LoadOptions
    from neuroswitch.models.loading import load as load_model
    from neuroswitch.pipeline.behaviour import find_behaviour
    from neuroswitch.pipeline.run import find_circuit
    from neuroswitch.pipeline.settings import RunSettings, claim_folder

    settings = RunSettings(
        model=model,
        loading=LoadOptions(
            revision=revision, dtype=dtype, device=device, sites=sites, trust_remote_code=trust_remote_code
        ),
        behaviour=behaviour,
        detector=detector,
        size=o.parse_size(size),
        ranking=ranking,
        multiplier=multiplier,
        chat=ChatFormat(system=system, thinking=thinking),
    )
    found = find_behaviour(behaviour, detector)
    claim_folder(output, settings.to_json())
    with bars() as progress:
        loaded = load_model(model, options=settings.loading, progress=progress)
        circuit = find_circuit(loaded, found, settings, output, progress=progress)
    console.print(layers_table(circuit))
    console.print(f"Circuit: {output.resolve()}", soft_wrap=True)
