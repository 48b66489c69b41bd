"""The methods of a comparison: fitted once, kept in its folder, loaded from there ever after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroswitch.circuits import Circuit
from neuroswitch.experiment.comparison.files import description_file, method_folder
from neuroswitch.methods import Fitted, Task, get_method
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress
from neuroswitch.storage import write_json


@dataclass(frozen=True)
class Fitting:
    """What is needed to fit methods.

    Attributes:
        model: The model, untouched.
        task: What a method may see.
        output: Folder of the comparison.
        progress: Told how far a fit is.
    """

    model: LanguageModel
    task: Task
    output: Path
    progress: Progress


def fit_all(fitting: Fitting, names: Sequence[str]) -> Iterator[tuple[str, Fitted]]:
    """Yield every method with its name, fitted and saved now or by an earlier call.

    What is used is always what was read from the folder, so that a continued comparison works with
    the same bytes as one that was not interrupted.

    Raises:
        WeakBehaviour: There is nothing to fit a method to.
        BadRun: What an earlier call saved is damaged.
    """
    for name in names:
        method, folder = get_method(name), method_folder(fitting.output, name)
        kind = name.partition(":")[0]

        def report(stage: str, done: int, total: int, kind: str = kind) -> None:
            fitting.progress(f"fit {kind}, {stage}", done, total)

        if not folder.exists():
            method.fit(fitting.model, fitting.task, progress=report).save(folder)
        fitted = method.load(folder, fitting.model)
        write_json(description_file(fitting.output, name), _described(name, fitted))
        yield name, fitted


def _described(name: str, fitted: Fitted) -> dict[str, Any]:
    """Return what reports say of a method, so that they can be made without the model."""
    circuit = getattr(fitted, "circuit", None)
    return {
        "name": name,
        "description": fitted.description,
        "acts_on": fitted.acts_on,
        "layers": layer_profile(circuit) if isinstance(circuit, Circuit) else None,
    }


def layer_profile(circuit: Circuit) -> dict[str, Any]:
    """Return how many neurons a circuit has in each layer of its model."""
    layers = range(max(site.layer for site in circuit.layout.sites) + 1)
    found = circuit.by_layer()
    return {
        "neurons": len(circuit),
        "fraction": circuit.fraction,
        "by_layer": {str(layer): found.get(layer, 0) for layer in layers},
    }
