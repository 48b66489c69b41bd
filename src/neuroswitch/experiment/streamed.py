"""Discovery for a checkpoint larger than memory: the circuit of a behaviour, found layer by layer.

The folder can be continued: what a stopped discovery has finished is kept in `stream/`, and stays
there afterwards, so that another size needs no second reading.
"""

from dataclasses import replace
from pathlib import Path

from neuroswitch.checkpoints import open_streamed, reading_weights
from neuroswitch.circuits import DESCRIPTION, Circuit, load, save
from neuroswitch.discovery import (
    RANKINGS,
    Reading,
    collect_streamed,
    rank_streamed,
    require_streamable,
    select,
)
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.old_settings import RunSettings
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
