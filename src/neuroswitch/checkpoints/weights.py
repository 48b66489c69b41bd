"""Parameters of a model without weights, filled from its checkpoint in parts.

transformers' own conversion mapping says which tensors of the checkpoint make up a parameter: names
differ, and the experts of a layer are stored one by one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    dot_natural_key,
    rename_source_key,
)

from neuroswitch.checkpoints.checkpoint import CheckpointFiles
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import digest_of, sample_digest


@dataclass(frozen=True, eq=False)
class Recipe:
    """How one parameter is made, or several that the checkpoint holds as one tensor.

    Attributes:
        targets: The parameters, by their paths in the model.
        sources: Names in the checkpoint, each with the pattern that matched it.
        converter: What transformers does with the sources; None where the tensor is used unchanged.
    """

    targets: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    converter: WeightConverter | None


class Weights:
    """The weights of a model on the meta device, in its checkpoint.

    Attributes:
        reads: How often each tensor of the checkpoint has been read.
        loaded: Parameters and persistent buffers that are in memory.
        samples: `sample_digest` of every parameter that has been in memory, as text.
    """

    def __init__(self, module: PreTrainedModel, checkpoint: CheckpointFiles) -> None:
        self.module, self.checkpoint = module, checkpoint
        if getattr(module.config, "quantization_config", None) is not None:
            raise UnsupportedModel(
                "a quantised checkpoint cannot be read layer by layer",
                found=f"quantization_config in {checkpoint.folder / 'config.json'}",
                do="name a checkpoint in float32, bfloat16 or float16, or load this one whole",
            )
        self.recipes = {target: one for one in _recipes(module, checkpoint) for target in one.targets}
        self.tied: dict[str, str] = {
            target: source
            for target, source in getattr(module, "all_tied_weights_keys", {}).items()
            if target not in self.recipes
        }
        self.full_precision = [re.compile(name) for name in module._get_dtype_plan(module.dtype)]
        self.parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        self.reads: dict[str, int] = {}
        self.loaded: set[str] = set()
        self.samples: dict[str, str] = {}

    def require(self, names: Iterable[str]) -> None:
        """Check that the checkpoint has some parameters.

        Raises:
            Prerequisite: Some are missing.
        """
        absent = self.parameters - self.recipes.keys() - self.tied.keys()
        if missing := [name for name in names if name in absent]:
            raise Prerequisite(
                f"the checkpoint {self.checkpoint.folder} lacks weights of the model",
                found=f"{len(missing)} missing: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}",
                do="download the checkpoint again, and check that all shards and their index are there",
            )

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Read what the checkpoint holds of some parameters, as it is stored.

        Args:
            names: Paths of parameters or persistent buffers.

        Returns:
            Tensors by their names in the checkpoint.

        Raises:
            Prerequisite: A file is missing or damaged.
        """
        wanted = {
            source for name in names if name in self.recipes for source, _ in self.recipes[name].sources
        }
        found = {}
        for name in sorted(wanted, key=dot_natural_key):
            self.reads[name] = self.reads.get(name, 0) + 1
            found[name] = self.checkpoint.tensors[name].read()
        return found

    def fill(self, names: Iterable[str], raw: dict[str, Tensor]) -> None:
        """Give parameters their values, in the type that the model has them in.

        Args:
            names: Paths of parameters or persistent buffers; those that the checkpoint lacks are skipped.
            raw: What `read` returned for them; emptied on the way, so that nothing is in memory twice.

        Raises:
            UnsupportedModel: What the checkpoint holds does not fit the parameter.
        """
        for recipe in dict.fromkeys(self.recipes[name] for name in names if name in self.recipes):
            for target, value in self._converted(recipe, raw).items():
                if target in recipe.targets:
                    self._set(target, value)

    def tie(self) -> None:
        """Set parameters that share their values with one that is in memory."""
        for target, source in self.tied.items():
            value = self.module.get_parameter(source)
            if not value.is_meta:
                owner, name = owner_of(self.module, target)
                setattr(owner, name, value)

    def empty(self, names: Iterable[str]) -> None:
        """Take parameters out of memory, and those tied to them; buffers stay, they are small."""
        names = set(names)
        tied = [target for target, source in self.tied.items() if source in names]
        for path in (*names, *tied):
            owner, name = owner_of(self.module, path)
            parameter = owner._parameters.get(name)
            if parameter is not None:
                empty = torch.empty_like(parameter, device="meta")
                owner._parameters[name] = nn.Parameter(empty, requires_grad=False)
                self.loaded.discard(path)

    def size(self, names: Iterable[str]) -> int:
        """Return how much memory some parameters take, in bytes."""
        return sum(self.module.get_parameter(name).nbytes for name in names if name in self.parameters)

    def digest(self) -> str | None:
        """Return what `weights_digest` returns for the loaded model; None before all was read."""
        names = [name for name, _ in self.module.named_parameters() if name not in self.tied]
        if any(name not in self.samples for name in names):
            return None
        return digest_of(bytes.fromhex(self.samples[name]) for name in names)

    def _converted(self, recipe: Recipe, raw: dict[str, Tensor]) -> Mapping[str, Tensor]:
        target = recipe.targets[0]
        if recipe.converter is None:
            ((source, _),) = recipe.sources
            return {target: raw.pop(source)}
        converter = deepcopy(recipe.converter)
        for source, pattern in recipe.sources:
            # transformers calls it when it converts, so that no more than one parameter is in memory twice
            delayed: Callable[[], Tensor] = partial(raw.pop, source)
            converter.add_tensor(target, source, pattern, cast("Future[Tensor]", delayed))
        try:
            made = converter.convert(target, model=self.module, config=self.module.config)
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            raise UnsupportedModel(
                f"the tensors of {target} cannot be put together as transformers stores them in memory",
                found=f"{len(recipe.sources)} tensors, {type(error).__name__}: {' '.join(str(error).split())}",
                do="load the model once and save it with save_pretrained(), then name that folder",
            ) from error
        return {name: value[0] if isinstance(value, list) else value for name, value in made.items()}

    def _set(self, target: str, value: Tensor) -> None:
        owner, name = owner_of(self.module, target)
        meant: Tensor = getattr(owner, name)
        if value.shape != meant.shape or value.is_floating_point() != meant.is_floating_point():
            raise UnsupportedModel(
                f"{target} has another shape or type in the checkpoint than in the model",
                found=f"{value.dtype}, shape {tuple(value.shape)}",
                expected=f"{meant.dtype}, shape {tuple(meant.shape)}",
                do="check that config.json belongs to these shards, and that none of them is missing",
            )
        exact = meant.is_floating_point() and any(one.search(target) for one in self.full_precision)
        value = value.to(torch.float32 if exact else meant.dtype)
        if name in owner._buffers:
            owner._buffers[name] = value
        else:
            owner._parameters[name] = nn.Parameter(value, requires_grad=False)
            self.samples[target] = sample_digest(value).hex()
        self.loaded.add(target)


def owner_of(module: nn.Module, path: str) -> tuple[nn.Module, str]:
    """Return the module that holds a parameter, and the parameter's name in it."""
    owner, _, name = path.rpartition(".")
    return module.get_submodule(owner), name


def _recipes(module: PreTrainedModel, checkpoint: CheckpointFiles) -> list[Recipe]:
    """Find which tensors make up which parameters, as transformers does when it loads a model."""
    state = module.state_dict()
    mapping = get_model_conversion_mapping(module)
    renamings = [one for one in mapping if isinstance(one, WeightRenaming)]
    converters = [one for one in mapping if isinstance(one, WeightConverter)]
    by_pattern = {pattern: one for one in converters for pattern in one.source_patterns}
    found: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(checkpoint.tensors, key=dot_natural_key):
        target, pattern = rename_source_key(name, renamings, converters, module.base_model_prefix, state)
        if target not in state and name in state:
            target, pattern = rename_source_key(name, [], [], module.base_model_prefix, state)
        if target in state:
            found.setdefault(target, []).append((name, pattern or ""))
    recipes = []
    for target, sources in found.items():
        converter = by_pattern[sources[0][1]] if sources[0][1] else None
        if converter is None:
            recipes.append(Recipe((target,), tuple(sources[-1:]), None))
        else:
            first, *others = converter.target_patterns
            targets = (target, *(target.replace(first, other) for other in others))
            recipes.append(Recipe(targets, tuple(sources), converter))
    return recipes
