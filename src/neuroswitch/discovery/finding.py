"""The circuit of a behaviour with one call: collect, rank, select.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290), steps 1 to 5.
"""

from dataclasses import replace
from pathlib import Path

from neuroswitch.chat import ChatFormat
from neuroswitch.checkpoints import StreamedModel
from neuroswitch.circuits import Circuit
from neuroswitch.detectors import Detector
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import DEFAULT, Scores, rank
from neuroswitch.discovery.responses import Shows
from neuroswitch.discovery.selection import select
from neuroswitch.discovery.streaming import collect_streamed, rank_streamed, require_streamable
from neuroswitch.models import LanguageModel
from neuroswitch.options import CircuitChoice
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet


def find_circuit(  # noqa: PLR0913  the one call that does all steps; four are optional
    model: LanguageModel,
    contrast: ContrastSet,
    detector: Detector | Shows | None = None,
    *,
    ranking: str = DEFAULT,
    size: float = CircuitChoice.size,
    dose: float = CircuitChoice.dose,
    chat: ChatFormat = ChatFormat(),
    progress: Progress = silent,
) -> Circuit:
    """Find the neurons behind a behaviour.

    Args:
        model: The model, untouched.
        contrast: Prompts that show the behaviour and prompts that do not; only the discovery split is read.
        detector: Which of the model's own responses show the behaviour, for rankings that need responses: a
            detector, or a function of response and prompt. None counts every response to a positive prompt.
        ranking: How neurons are scored; `RANKINGS.names()` lists the names.
        size: Below 1 a fraction of all neurons, else a count.
        dose: Of every neuron: at strength 1 it is multiplied by 1 - dose, so that 1 ablates it and 2 reverses it.
        chat: System prompt and thinking mode.
        progress: Called after each batch.

    Returns:
        The circuit.

    Raises:
        BadOption: There is no such ranking, or the size gives no circuit.
        WeakBehaviour: The ranking needs responses, and none shows the behaviour.

    Examples:
        >>> circuit = ns.find_circuit(model, contrast, detector, size=5)
        >>> circuit.provenance.ranking
        'writers'
        >>> len(ns.find_circuit(model, contrast, ranking="delta", size=5))
        5
    """
    scores = find_scores(model, contrast, detector, ranking=ranking, chat=chat, progress=progress)
    return select(scores, size, dose=dose)


def find_scores(
    model: LanguageModel,
    contrast: ContrastSet,
    detector: Detector | Shows | None = None,
    *,
    ranking: str = DEFAULT,
    chat: ChatFormat = ChatFormat(),
    progress: Progress = silent,
) -> Scores:
    """Score every neuron, for circuits of several sizes; arguments and errors as for `find_circuit`.

    Returns:
        Scores for `select`.

    Examples:
        >>> scores = find_scores(model, contrast, ranking="delta")
        >>> [len(ns.select(scores, size)) for size in (5, 10)]
        [5, 10]
    """
    reading = Reading.of(ranking, detector, chat=chat)
    return rank(collect(model, contrast, reading, progress=progress), ranking, model)


def find_scores_streamed(
    source: StreamedModel,
    contrast: ContrastSet,
    folder: Path,
    *,
    ranking: str,
    chat: ChatFormat = ChatFormat(),
    progress: Progress = silent,
) -> tuple[Scores, LanguageModel]:
    """Score every neuron of a checkpoint larger than memory, layer by layer.

    Args:
        source: What `open_streamed` returned.
        contrast: As for `find_circuit`.
        folder: For what is kept between layers; a search in it is continued.
        ranking: One that needs no responses.
        chat: System prompt and thinking mode.
        progress: Called after each layer.

    Returns:
        The scores, and the model with the digest of its weights, for saving circuits.

    Raises:
        BadOption: The ranking needs responses, or does not exist.
        Prerequisite: The checkpoint is incomplete or damaged.
        UnsupportedModel: The model cannot be read layer by layer.
        BadRun: The folder holds another search.
    """
    require_streamable(ranking)
    reading = Reading.of(ranking, chat=chat)
    statistics = collect_streamed(source, contrast, reading, folder, progress=progress)
    scores = rank_streamed(statistics, ranking, source)
    return scores, replace(source.model, identity=statistics.model)
