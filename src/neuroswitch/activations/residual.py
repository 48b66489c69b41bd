"""Read and change the residual stream, and what modules write into it, while a block is open.

Changes are functions from a tensor to one of the same shape, put in by hooks on whole layers or
on other modules; vectors are kept in float32 and used in the dtype of the activations. Does not
know why a direction is chosen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuroswitch.activations.hooks import Witness, forget_compiled_code, require_fired
from neuroswitch.batching import NOTHING, Prefix, compatible, text_only
from neuroswitch.errors import BadPrompts, InterventionFailed
from neuroswitch.models import LanguageModel
from neuroswitch.sites import local

Change = Callable[[Tensor], Tensor]
"""From activations (..., hidden) to activations of the same shape, dtype and device."""


def layer_paths(model: LanguageModel) -> tuple[str, ...]:
    """Return the module path of every decoder layer, in order; a layer's output is the residual stream."""
    layers = model.module.get_submodule(model.layers_path)
    return tuple(f"{model.layers_path}.{index}" for index, _ in enumerate(layers.children()))


@contextmanager
def changed_outputs(
    model: LanguageModel, changes: Mapping[str, Change], *, first: Change | None = None
) -> Iterator[None]:
    """Change what modules return, at every position of every forward pass, while the block is open.

    Nested blocks change one after the other, the outer one first. After the block, exception or not,
    the model is bit for bit what it was. No change at all registers no hook.

    Args:
        model: The model, of any dtype and placement.
        changes: Module path -> what becomes of its output; of a tuple, of its first element.
        first: What becomes of the residual stream where it enters the first layer.

    Raises:
        InterventionFailed: A module returns no tensor; or, on leaving, the decoder ran but a module
            that should have been changed did not.
    """
    decoder = Witness()
    witnesses: dict[str, Witness] = {}
    with ExitStack() as hooks:
        hooks.callback(model.decoder.register_forward_pre_hook(decoder).remove)
        if first is not None:
            entry = model.module.get_submodule(layer_paths(model)[0])
            changed = partial(_changed_input, first)
            hooks.callback(entry.register_forward_pre_hook(changed, with_kwargs=True).remove)
        for path, change in changes.items():
            module, witnesses[path] = model.module.get_submodule(path), Witness()
            hooks.callback(module.register_forward_pre_hook(witnesses[path]).remove)
            hooks.callback(module.register_forward_hook(partial(_changed_output, change)).remove)
        if changes or first is not None:
            forget_compiled_code()
        yield
        require_fired(decoder, witnesses)


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
    """Take a direction out of the residual stream, x <- x - strength (x . r) r, while the block is open.

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


@torch.no_grad()
def read_outputs(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    paths: Sequence[str],
    prefix: Prefix = NOTHING,
) -> Float[Tensor, "rows modules hidden"]:
    """Read what modules return at chosen tokens of each sequence.

    One batch, padded on the right, without mask or position ids: exact for causal models.

    Args:
        model: The model, in the state that shall be read.
        ids: Token ids of each sequence, at least one each.
        positions: For each sequence the positions to read, none of them inside the prefix.
        paths: Modules that return one vector for each token, such as layers; "" for the decoder's
            own output, which the LM head reads.
        prefix: What all sequences begin with, computed in the same state.

    Returns:
        One row for each position, sequence by sequence; float32, on the CPU.

    Raises:
        BadPrompts: A sequence has no tokens.
        InterventionFailed: A module did not run, or does not see every token.
    """
    if not len(ids) or min(map(len, ids)) == 0:
        raise BadPrompts("a prompt without tokens has no last token", do="leave empty prompts out")
    groups = compatible(model, [len(sequence) for sequence in ids])
    parts = [
        _read_together(model, [ids[b] for b in group], [positions[b] for b in group], paths, prefix)
        for group in groups
    ]
    order = torch.tensor([b for group in groups for b in group for _ in positions[b]], dtype=torch.int64)
    return torch.cat(parts)[order.argsort(stable=True)]


def _read_together(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    paths: Sequence[str],
    prefix: Prefix,
) -> Tensor:
    rest = [list(sequence[prefix.length :]) for sequence in ids]
    longest = max(map(len, rest))
    # padded with a token of the prompt: some models derive a mask or positions from the pad token
    batch = torch.tensor(
        [[*sequence, *[sequence[-1]] * (longest - len(sequence))] for sequence in rest]
    )  # (B, T)
    rows = torch.tensor(
        [b * longest + at - prefix.length for b, chosen in enumerate(positions) for at in chosen],
        dtype=torch.int64,
    )
    seen = _Outputs(rows, batch.numel())
    past = prefix.expanded(len(ids))
    state = {} if past is None else {"past_key_values": past}
    with ExitStack() as hooks:
        for path in paths:
            module = model.module.get_submodule(path) if path else model.decoder
            hooks.callback(module.register_forward_hook(partial(seen.see, path)).remove)
        hooks.enter_context(text_only(model.module))
        model.decoder(input_ids=batch.to(model.device), use_cache=past is not None, **state)
    if missing := [path for path in paths if path not in seen.values]:
        raise InterventionFailed(
            "the model was not read completely",
            found=f"no output of {missing[0] or 'the decoder'}",
            expected="every module to run in a forward pass of the decoder",
        )
    return torch.stack([seen.values[path] for path in paths], dim=1)


class _Outputs:
    """What modules have returned at chosen rows of the flattened batch so far."""

    def __init__(self, rows: Tensor, tokens: int) -> None:
        self.rows, self.tokens = rows, tokens
        self.values: dict[str, Tensor] = {}

    def see(self, path: str, module: nn.Module, arguments: Any, output: Any) -> None:
        """Forward hook of the module at `path`."""
        values = local(_tensor(module, output if isinstance(output, Tensor) else output[0]))
        flat = values.reshape(-1, values.shape[-1])  # some modules return (B, T, H), others (B * T, H)
        if len(flat) != self.tokens:
            raise InterventionFailed(
                f"{path or 'the decoder'} does not see every token of the batch",
                found=f"{len(flat)} tokens",
                expected=f"{self.tokens}",
            )
        self.values[path] = flat[self.rows.to(flat.device)].detach().float().cpu()


def _changed_output(change: Change, module: nn.Module, arguments: Any, output: Any) -> Any:
    if isinstance(output, tuple):
        return (change(_tensor(module, output[0])), *output[1:])
    return change(_tensor(module, output))


def _changed_input(change: Change, module: nn.Module, arguments: Any, named: dict[str, Any]) -> Any:
    if arguments:
        return (change(_tensor(module, arguments[0])), *arguments[1:]), named
    return arguments, {**named, "hidden_states": change(_tensor(module, named.get("hidden_states")))}


def _tensor(module: nn.Module, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise InterventionFailed(
            f"{type(module).__name__} does not hand over the residual stream",
            found=type(value).__name__,
            expected="a tensor, or a tuple that begins with one",
        )
    return value


def _plus(vector: Tensor, values: Tensor) -> Tensor:
    return values + vector.to(values.device, values.dtype)


def _minus_projection(unit: Tensor, strength: float, values: Tensor) -> Tensor:
    direction = unit.to(values.device, values.dtype)
    return values - strength * (values @ direction)[..., None] * direction
