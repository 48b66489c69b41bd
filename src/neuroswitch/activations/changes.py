"""Change what a model computes while a block is open: multiply neurons, change what modules return.

All changes are made here, by hooks, except those of experts' neurons, which are never the input of a
module of their own: their slices of the weights are scaled in place and copied back. A change by hooks
leaves the weights alone, so they may be quantised, sharded, offloaded or shared between layers.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Protocol

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.errors import BadCircuit, InterventionFailed, UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import AfterHook, BeforeHook, experts_at, first_tensor, hooked, own_share

TensorChange = Callable[[Tensor], Tensor]
"""From activations (..., hidden) to activations of the same shape, dtype and device."""


class Intervention(Protocol):
    """A reversible change of a model.

    Implementations are frozen values that hold no model. Inside `with applied(model):` the model
    behaves differently. After the block its outputs are bit for bit what they were, also after an
    exception. Interventions nest.
    """

    @property
    def name(self) -> str:
        """Return its name in tables: method and strength."""
        ...

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which `model` is changed."""
        ...


@dataclass(frozen=True)
class ModuleChange:
    """How one module is changed: by hooks, or by a block inside which its weights are changed."""

    before: BeforeHook | None = None
    after: AfterHook | None = None
    weights: Callable[[], AbstractContextManager[None]] = nullcontext


@contextmanager
def changed_modules(model: LanguageModel, changes: Mapping[str, ModuleChange]) -> Iterator[None]:
    """Change modules, by path, while the block is open. No change at all registers no hook.

    What was compiled with `torch.compile` before is compiled once more inside the block, because
    compiled code ignores hooks that were registered later.

    Raises:
        InterventionFailed: On leaving, if the decoder ran but a changed module did not.
    """
    if not changes:
        yield
        return
    ran: set[str] = set()

    @contextmanager
    def applied() -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(hooked(model.decoder, before=lambda *_: ran.add("the decoder")))
            for path, change in changes.items():
                module = model.module.get_submodule(path)
                stack.enter_context(change.weights())
                stack.enter_context(hooked(module, before=partial(lambda path, *_: ran.add(path), path)))
                stack.enter_context(hooked(module, before=change.before, after=change.after))
            # compiled code does not check for hooks that were absent when it was made
            # (skip_nnmodule_hook_guards); it does notice that hooks were removed
            if "torch._dynamo" in sys.modules:
                torch.compiler.reset()
            yield

    with model.changed(applied):
        yield
        missed = [path for path in changes if path not in ran]
        if "the decoder" in ran and missed:
            raise InterventionFailed(
                "the model ran, but modules that should have been changed did not",
                found=f"{len(missed)} of {len(changes)} modules did not run, such as {missed[0]}",
                expected="every changed module to run in a forward pass",
            )


@contextmanager
def scaled_neurons(
    model: LanguageModel, ids: Int64[Tensor, " k"], multipliers: Float[Tensor, " k"]
) -> Iterator[None]:
    """Multiply neurons at every position of every forward pass while the block is open.

    Nested blocks multiply. A multiplier of 1 changes no bit. After the block, also after an exception,
    the model is bit for bit what it was.

    Args:
        model: The model, of any dtype and placement.
        ids: Flat ids of the neurons, each at most once.
        multipliers: One for each id; multiplied in the dtype of the activations. Outputs can be differentiated
            with respect to them, except for experts' neurons.

    Raises:
        BadCircuit: An id is repeated or not a neuron of the model, or the numbers differ.
        UnsupportedModel: The weights of chosen experts are not in memory.
        InterventionFailed: On leaving, if the decoder ran but a chosen site did not.
    """
    rows = {neuron: row for row, neuron in enumerate(ids.tolist())}
    if not len(rows) == len(ids) == len(multipliers):
        raise BadCircuit("neurons to scale must be distinct, with one multiplier each")
    changes = {}
    for position, local in model.layout.by_position(ids):
        site, offset = model.layout.sites[position], model.layout.offsets[position]
        module = model.module.get_submodule(site.path)
        factors = multipliers[[rows[neuron + offset] for neuron in local.tolist()]].float().cpu()
        if site.kind == "dense":
            mask = beside_weights(module, torch.ones(site.width).index_put((local,), factors))
            changes[site.path] = ModuleChange(before=partial(_scaled_input, mask))
        else:
            changes[site.path] = ModuleChange(
                weights=partial(_scaled_experts, module, local, factors.detach())
            )
    with changed_modules(model, changes):
        yield


def beside_weights(module: nn.Module, values: Tensor) -> Tensor:
    """Return values on the device of a module's weights, so that no forward pass has to copy them there."""
    # packed weights may be buffers
    weight = next(chain(module.parameters(), module.buffers()), values)
    return values if weight.is_meta else values.to(weight.device)


def _scaled_input(
    mask: Tensor, module: nn.Module, arguments: tuple[Tensor, ...], named: dict[str, object]
) -> tuple[tuple[Tensor, ...], dict[str, object]]:
    """Multiply the input of a projection by a mask of shape (width,)."""
    values = arguments[0]  # (..., width), or this process's share of the width
    share = own_share(mask, values.shape[-1], module)
    return (values * share.to(device=values.device, dtype=values.dtype), *arguments[1:]), named


@contextmanager
def _scaled_experts(module: nn.Module, local: Tensor, factors: Tensor) -> Iterator[None]:
    with torch.inference_mode(False):  # a caller's inference mode allows no views of sharded weights
        experts = experts_at(module)
        written = experts.outgoing  # (E, I, H), a view of the weights
        here, place = experts.place(local)
    if written.is_meta:
        raise UnsupportedModel(
            f"the experts of {type(module).__name__} are offloaded, so a change would be lost",
            found="weights on the meta device",
            expected="weights in memory",
            do="load the model without offloading its experts",
        )
    with torch.no_grad():
        before = written[place]  # indexing with tensors copies
        written[place] = (before.float() * factors[here, None].to(before.device)).to(before.dtype)
    try:
        yield
    finally:
        with torch.no_grad():
            written[place] = before


def layer_paths(model: LanguageModel) -> tuple[str, ...]:
    """Return the module path of every decoder layer, in order; a layer's output is the residual stream."""
    layers = model.module.get_submodule(model.layers_path)
    return tuple(f"{model.layers_path}.{index}" for index, _ in enumerate(layers.children()))


@contextmanager
def changed_outputs(
    model: LanguageModel, changes: Mapping[str, TensorChange], *, first: TensorChange | None = None
) -> Iterator[None]:
    """Change what modules return, at every position of every forward pass, while the block is open.

    Nested blocks change one after the other, the outer one first. After the block, also after an
    exception, the model is bit for bit what it was.

    Args:
        model: The model, of any dtype and placement.
        changes: Module path -> change of its output; of a tuple, of its first element.
        first: Change of the residual stream where it enters the first layer.

    Raises:
        InterventionFailed: A module returns no tensor; or, on leaving, the decoder ran but a changed
            module did not.
    """
    hooks = {path: ModuleChange(after=partial(_changed_output, change)) for path, change in changes.items()}
    if first is not None:
        entry = layer_paths(model)[0]
        after = hooks[entry].after if entry in hooks else None
        hooks[entry] = ModuleChange(before=partial(_changed_input, first), after=after)
    with changed_modules(model, hooks):
        yield


@contextmanager
def added(model: LanguageModel, vectors: Mapping[str, Float[Tensor, " hidden"]]) -> Iterator[None]:
    """Add vectors to what modules return, at every position, while the block is open.

    Args:
        model: The model.
        vectors: Module path -> vector in the units of that output. One that is zero changes no bit.
    """
    changes = {path: partial(_plus, vector) for path, vector in vectors.items() if vector.any()}
    with changed_outputs(model, changes):
        yield


@contextmanager
def projected_out(
    model: LanguageModel, direction: Float[Tensor, " hidden"], strength: float = 1.0
) -> Iterator[None]:
    """Take a direction r out of the residual stream, x <- x - strength (x . r) r, while the block is open.

    Where it enters the first layer and where it leaves every layer, at every position. Strength 0
    changes no bit; 1 leaves a residual stream that is orthogonal to the direction.

    Args:
        model: The model.
        direction: r; it is brought to length 1.
        strength: Share that is taken out.
    """
    unit = direction.float() / direction.float().norm()
    change = partial(_minus_projection, unit, strength)
    paths = layer_paths(model) if strength else ()
    with changed_outputs(model, dict.fromkeys(paths, change), first=change if strength else None):
        yield


def _changed_output(
    change: TensorChange, module: nn.Module, arguments: object, named: object, output: object
) -> object:
    values = change(first_tensor(module, output))
    return (values, *output[1:]) if isinstance(output, tuple) else values


def _changed_input(
    change: TensorChange, module: nn.Module, arguments: tuple[object, ...], named: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    if arguments:
        return (change(first_tensor(module, arguments)), *arguments[1:]), named
    values = first_tensor(module, named.get("hidden_states"))
    return arguments, {**named, "hidden_states": change(values)}


def _plus(vector: Tensor, values: Tensor) -> Tensor:
    return values + vector.to(values.device, values.dtype)


def _minus_projection(unit: Tensor, strength: float, values: Tensor) -> Tensor:
    direction = unit.to(values.device, values.dtype)
    return values - strength * (values @ direction)[..., None] * direction
