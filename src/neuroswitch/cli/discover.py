"""`neuroswitch discover`: find a circuit and save it."""

from pathlib import Path

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console
from neuroswitch.cli.inspect import layers_table
from neuroswitch.processes import written_once


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
    quantize: o.Quantize = None,
    trust_remote_code: o.TrustRemoteCode = False,
    stream: o.Stream = False,
) -> None:
    """Find the neurons behind a behaviour and save them as a circuit folder."""
    from neuroswitch.chat import ChatFormat
    from neuroswitch.experiment.behaviour import find_behaviour
    from neuroswitch.experiment.run import find_circuit
    from neuroswitch.experiment.settings import RunSettings, claim_folder
    from neuroswitch.experiment.streamed import find_circuit_streamed
    from neuroswitch.models import LoadOptions, load_model

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
        size=o.parse_size(size),
        ranking=ranking,
        multiplier=multiplier,
        chat=ChatFormat(system=system, thinking=thinking),
    )
    found = find_behaviour(behaviour, detector)
    with written_once(output) as folder:
        claim_folder(folder, settings.to_json())
    with bars() as progress:
        if stream:
            circuit = find_circuit_streamed(found, settings, output, progress=progress)
        else:
            loaded = load_model(model, options=settings.loading, progress=progress)
            circuit = find_circuit(loaded, found, settings, output, progress=progress)
    console.print(layers_table(circuit))
    console.print(f"Circuit: {output.resolve()}", soft_wrap=True)
