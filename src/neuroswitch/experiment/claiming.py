"""A folder is taken for an experiment or a discovery: what its results depend on is written, or compared."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.circumstances import (
    circumstances,
    detector_digest,
    exam_digest,
    source_digests,
    surroundings,
)
from neuroswitch.experiment.facts import Facts, PileFacts, claim_facts
from neuroswitch.experiment.folder import begin_folder, claim_folder
from neuroswitch.experiment.models import model_facts
from neuroswitch.experiment.piles import Pile
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.storage import digest, locked


def facts_of(
    behaviour: Behaviour, settings: ExperimentSettings, piles: Mapping[str, Pile], *, same_tokens: bool = True
) -> Facts:
    """Return what results depend on, as far as it is known before a model is loaded."""
    contrast = behaviour.contrast
    discovery, validation = (
        (len(one.positive), len(one.negative)) for one in (contrast.discovery, contrast.validation)
    )
    return Facts(
        behaviour=behaviour.name,
        sensitive=behaviour.sensitive,
        detector=behaviour.detector.name,
        detector_sha256=detector_digest(behaviour.detector),
        contrast=contrast.name,
        contrast_sha256=contrast.sha256,
        discovery=discovery,
        validation=validation,
        same_tokens=same_tokens,
        exam=exam_digest(settings),
        piles={
            name: PileFacts(
                prompts=len(pile.prompts),
                sha256=digest([[prompt.id, prompt.messages] for prompt in pile.prompts]),
                detector=pile.detector.name,
                detector_sha256=detector_digest(pile.detector),
            )
            for name, pile in piles.items()
        },
        sources=source_digests(settings),
        surroundings=(surroundings(),),
    )


def claim_model(
    folder: Path, facts: Facts, role: str, model: LanguageModel, asked: tuple[ExperimentSettings, Prompt]
) -> None:
    """Write what the answers of a model depend on, or compare it with what the folder was begun with.

    Args:
        folder: Of the experiment.
        facts: What else its results depend on.
        role: Of the model.
        model: The model, untouched.
        asked: The settings, and the prompt that is rendered.

    Raises:
        BadRun: Something differs.
    """
    settings, first = asked
    found = {
        "models": {role: model_facts(model, settings, role, first)},
        "circumstances": {role: circumstances(model, settings, first)},
    }
    claim_facts(folder, facts.model_copy(update=found))


@contextmanager
def claimed_discovery(
    folder: Path, settings: ExperimentSettings, behaviour: Behaviour
) -> Iterator[Callable[[LanguageModel], None]]:
    """Hold a folder for a discovery while the block is open, new or continued.

    Yields:
        What to call with the model as soon as it is loaded: it raises a `BadRun` where the circuit in the
        folder was found in another one.

    Raises:
        BadRun: Another process holds the folder, or it holds something else, or a circuit that was found
            with other settings or prompts.
    """
    with locked(folder):
        facts = facts_of(behaviour, settings, {})
        begin_folder(folder, claim_folder(folder, settings), facts)
        asked = (settings, behaviour.contrast.discovery.positive[0])
        yield lambda model: claim_model(folder, facts, "model", model, asked)
