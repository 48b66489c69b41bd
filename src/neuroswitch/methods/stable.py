"""A circuit that does not depend on single prompts: the neurons that most bootstrap samples select.

Source: `discovery.bootstrap`.
"""

from neuroswitch.circuits import Circuit
from neuroswitch.discovery import Resampling, bootstrap_selection
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.cna import by_ranking, explained, undated
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress


def _stable(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Select on bootstrap samples, and keep the neurons that were selected most often: the method `cna-stable`."""
    how = Resampling(seed=task.seed, chat=task.chat)
    found = bootstrap_selection(model, task.contrast, task.ranking, task.size, how, progress=progress)
    circuit = found.circuit()
    often = found.probability[circuit.ids]
    said = (
        f"the neurons that {how.samples} bootstrap samples of the discovery prompts of {task.contrast.name!r} select"
        f" most often by the ranking {task.ranking!r}, in {100 * float(often.mean()):.0f} % of the samples on"
        f" average and in {100 * float(often.min()):.0f} % at least; nothing tuned"
    )
    return explained(undated(circuit).dosed(task.dose), said)


METHODS.register("cna-stable")(by_ranking(_stable))
