"""SAE features that differ most between the two piles, ablated by subtracting what they decode to.

At every position x <- x - strength * (what the chosen features add to the reconstruction of x), so what the SAE
does not reconstruct stays. Features are ranked by the difference of their mean activation at the last prompt
token; how many are ablated is chosen on validation prompts.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.activations import changed_outputs
from neuroswitch.errors import BadOption, BadRun, WeakBehaviour
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.differences import mean_differences
from neuroswitch.methods.fitted import FittedChange, identity, load_fitted
from neuroswitch.methods.sae_files import SparseCoder, read_sae, require_sae_lens
from neuroswitch.methods.tuning import choose_at_damage, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

COUNTS = (1, 4, 16, 64)
"""Numbers of features that are tried on validation prompts."""


@dataclass(frozen=True)
class SparseFeatures:
    """The method.

    Attributes:
        source: Folder of an SAE, or RELEASE/ID of SAELens' directory.
    """

    source: str

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedChange:
        """Rank the features and choose how many to ablate.

        Raises:
            Prerequisite: The SAE cannot be read, or does not belong to the model.
            WeakBehaviour: No feature is more active on positive prompts, or no answer to a
                validation prompt shows the behaviour.
        """
        coder = read_sae(self.source, model)
        difference = mean_differences(
            model, task, [coder.path], 1, progress=progress, of=lambda read: coder.activations(read).cpu()
        )[0, 0]  # (features,)
        ranked = difference.argsort(descending=True, stable=True)[: int((difference > 0).sum())]
        if not len(ranked):
            raise WeakBehaviour("no feature of the SAE is more active on positive prompts", found=self.source)
        counts = sorted({min(count, len(ranked)) for count in COUNTS})
        validation = validation_of(model, task, progress=progress)
        candidates = [ablation(model, coder, ranked[:count]).at for count in counts]
        chosen, strength, how = choose_at_damage(model, task, validation, candidates, progress, strongest=1.0)
        description = (
            f"subtracts strength times what {counts[chosen]} of {coder.features} SAE features decode to, behind"
            f" {coder.path} at every position; ranked by the difference of their means on the discovery prompts"
            f" of {task.contrast.name!r}; how many of {counts}, at strength {strength:g}, was {how}"
        )
        return ablation(model, coder, ranked[: counts[chosen]], description)

    def load(self, folder: Path, model: LanguageModel) -> FittedChange:
        """Read which features, and the SAE from where it was."""
        coder = read_sae(self.source, model)
        fitted = load_fitted(
            folder, "sae", model, partial(_subtract, coder), {"features": (torch.int64, (-1,))}
        )
        features, digest = fitted.tensors["features"], fitted.settings.get("sae_sha256")
        known = len(features) and 0 <= int(features.min()) <= int(features.max()) < coder.features
        if coder.digest != digest or not known:
            raise BadRun(
                f"{folder} was fitted with another SAE",
                found=f"{self.source}, sha256 {coder.digest}",
                expected=f"{fitted.settings.get('source')}, sha256 {digest}",
                do="name the SAE it was fitted with, or remove the folder and fit again",
            )
        return fitted


def ablation(
    model: LanguageModel, coder: SparseCoder, features: Int64[Tensor, " k"], description: str = ""
) -> FittedChange:
    """Return the method that subtracts what features decode to; of the SAE source and digest are saved."""
    settings: dict[str, str | list[str]] = {"source": coder.source, "sae_sha256": coder.digest}
    change = partial(_subtract, coder)
    return FittedChange("sae", description, identity(model), change, {"features": features}, settings)


def _subtract(
    coder: SparseCoder, fitted: FittedChange, strength: float, model: LanguageModel
) -> AbstractContextManager[None]:
    def change(values: Tensor) -> Tensor:
        removed = strength * coder.contribution(values, fitted.tensors["features"])
        return values - removed.to(values.dtype)

    return changed_outputs(model, {coder.path: change} if strength else {})


@METHODS.register("sae")
def _sae(argument: str) -> Method:
    if not argument:
        raise BadOption(
            "the method 'sae' needs an SAE", expected="sae:FOLDER, or sae:RELEASE/ID of SAELens' directory"
        )
    require_sae_lens()
    return SparseFeatures(argument)
