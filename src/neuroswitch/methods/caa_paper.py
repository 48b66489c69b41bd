"""The variant of CAA that the paper on contrastive neuron attribution compares with.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290) and their code: the mean difference of what
the feed-forward block writes, at the last prompt token, added in all layers at once and at every
position; nothing is tuned. It is no CAA as its authors defined it, and is here for reproduction.

The published code adds toward the positive class, which for refusal makes a model refuse more. On
equal terms every method at strength 1 should reduce the behaviour, so we subtract;
`caa-paper:toward` has the published sign.
"""

from dataclasses import dataclass
from pathlib import Path

from neuroswitch.errors import BadOption
from neuroswitch.methods.additions import FittedAddition, load_addition
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.differences import mean_differences
from neuroswitch.methods.files import identity
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

TOWARD = "toward"


@dataclass(frozen=True)
class PaperAddition:
    """The method.

    Attributes:
        toward: Add toward the positive class, as published, instead of away from it.
    """

    toward: bool = False

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedAddition:
        """Find the vectors of all feed-forward output projections."""
        paths = model.layout.paths
        vectors = mean_differences(model, task, paths, 1, progress=progress)[0]  # (sites, H)
        sign, words = (1.0, "toward") if self.toward else (-1.0, "away from")
        return FittedAddition(
            method="caa-paper",
            vectors={path: sign * vector for path, vector in zip(paths, vectors, strict=True)},
            description=(
                f"adds strength times the mean difference of the feed-forward output in all {len(paths)} places,"
                f" {words} the positive prompts of {task.contrast.name!r}, at every position; nothing tuned"
            ),
            model=identity(model),
        )

    def load(self, folder: Path, model: LanguageModel) -> FittedAddition:
        """Read the vectors."""
        return load_addition(folder, "caa-paper", model, model.layout.paths)


@METHODS.register("caa-paper")
def _caa_paper(argument: str) -> Method:
    if argument not in ("", TOWARD):
        raise BadOption(
            "the method 'caa-paper' has two forms",
            found=f"caa-paper:{argument}",
            expected=f"caa-paper, or caa-paper:{TOWARD} for the published sign",
        )
    return PaperAddition(argument == TOWARD)
