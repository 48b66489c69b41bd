"""Discovery for a checkpoint larger than memory: the circuit of a behaviour, found layer by layer.

The folder can be continued: what a stopped discovery has finished is kept in `stream/`, and stays
there afterwards, so that another size needs no second reading.
"""

from dataclasses import replace
from pathlib import Path

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.files import DESCRIPTION, load, save
from neuroswitch.discovery.collect import Reading
from neuroswitch.discovery.rankings import RANKINGS
from neuroswitch.discovery.selection import select
from neuroswitch.discovery.streaming import collect_streamed, rank_streamed, require_streamable
from neuroswitch.models.streamed import open_streamed, reading_weights
from neuroswitch.pipeline.behaviour import Behaviour
from neuroswitch.pipeline.settings import RunSettings
from neuroswitch.progress import Progress, silent

STREAM = "stream"


def find_circuit_streamed(
    behaviour: Behaviour, settings: RunSettings, folder: Path, *, progress: Progress = silent
) -> Circuit:
    """Discover a circuit without loading the model, and save it; or load it where it has been saved.

    Args:
        behaviour: What to find.
        settings: Model, ranking, size and multiplier; the ranking must need no generated responses.
        folder: For the circuit, and for what is kept while it is looked for.
        progress: Told after each layer.

    Raises:
        Prerequisite: The ranking needs responses, or the checkpoint is incomplete or damaged.
        UnsupportedModel: The model cannot be read layer by layer.
        BadRun: The folder holds another stream.
    """
    if (folder / DESCRIPTION).exists():
        return load(folder)
    require_streamable(settings.ranking)
    source = open_streamed(settings.model, options=settings.loading, progress=progress)
    reading = Reading(chat=settings.chat, needs=RANKINGS.get(settings.ranking).needs)
    statistics = collect_streamed(source, behaviour.contrast, reading, folder / STREAM, progress=progress)
    circuit = select(rank_streamed(statistics, settings.ranking, source), settings.size)
    model = replace(source.model, identity=statistics.model)
    with reading_weights(source):  # of the layers that the circuit is in, for its fingerprint
        save(circuit, folder, model=model, multiplier=settings.multiplier)
    return circuit
