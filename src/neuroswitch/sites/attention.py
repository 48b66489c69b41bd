"""Where attention units are: the inputs of attention's output projection, found by name in each layer.

Attention here is what mixes tokens and is called attention, linear attention included; state-space mixers and
attention to images or to an encoder are not. Only the structure is looked at; `probe.py` proves the result.
"""

from collections.abc import Iterator

from torch import nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites.modules import is_linear, linear_sizes
from neuroswitch.sites.names import ATTENTION, ATTENTION_PROJECTIONS, NOT_ATTENTION

FEED_FORWARD_ONLY = "leave attention out: --units mlp on the command line, units='mlp' in Python"
"""Advice to a user whose model has no attention units that can be read."""


def attention_projections(
    module: nn.Module, layers_path: str, layers: nn.ModuleList
) -> list[tuple[int, str, nn.Module]]:
    """Return attention's output projections: layer, path from the layer, module.

    Layers without attention have none.

    Args:
        module: The model.
        layers_path: Path of its list of layers.
        layers: The list.

    Raises:
        UnsupportedModel: No layer has attention, or the output projection of one was not found.
    """
    found = []
    for index, layer in enumerate(layers):
        for path, block in _blocks(layer):
            named = _projections(block)
            if not named:
                raise _not_found(f"{layers_path}.{index}.{path}", block)
            found += [(index, f"{path}.{below}", child) for below, child in named]
    if not found:
        raise UnsupportedModel(
            f"no layer of {type(module).__name__} has attention, so there are no attention units",
            found=", ".join(sorted({name for layer in layers for name, _ in layer.named_children()}))
            + f" in the layers of {layers_path}",
            expected="in at least one layer a module whose name or class says attention",
            do=FEED_FORWARD_ONLY,
        )
    return found


def _blocks(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the outermost attention blocks below a module; of a list of them, each."""
    for name, child in module.named_children():
        below = f"{path}.{name}" if path else name
        attends = ATTENTION.fullmatch(name) or ATTENTION.fullmatch(type(child).__name__)
        if attends and not NOT_ATTENTION.fullmatch(name) and _holds_weights(child):
            parts = child.named_children() if isinstance(child, nn.ModuleList) else [("", child)]
            yield from ((f"{below}.{part}" if part else below, block) for part, block in parts)
        elif not is_linear(child):
            yield from _blocks(child, below)


def _holds_weights(module: nn.Module) -> bool:
    """Return whether a module has linear maps, or matrices of its own; norms and dropouts have none."""
    matrices = (parameter.dim() > 1 for parameter in module.parameters())
    return any(matrices) or any(map(is_linear, module.modules()))


def _projections(block: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the output projection of an attention block, alone in a list; nothing where it is not clear which."""
    named = [
        (path, child)
        for path, child in block.named_modules()
        if is_linear(child) and path in ATTENTION_PROJECTIONS
    ]
    if not named:  # the block holds one that holds it, as in GPT-Neo
        ends = tuple(f".{name}" for name in ATTENTION_PROJECTIONS)
        named = [(p, child) for p, child in block.named_modules() if is_linear(child) and p.endswith(ends)]
    return named if len(named) == 1 else []


def _not_found(path: str, block: nn.Module) -> UnsupportedModel:
    maps = {name: linear_sizes(child) for name, child in block.named_modules() if is_linear(child)}
    return UnsupportedModel(
        f"the output projection of {path} was not found",
        found=", ".join(f"{name} ({wide} -> {out})" for name, (wide, out) in maps.items())
        + f" in {type(block).__name__}",
        expected=f"one linear map called {', '.join(ATTENTION_PROJECTIONS)}",
        do=FEED_FORWARD_ONLY,
    )
