"""Where the neurons are: the decoder's layer list and every feed-forward output projection in it.

A neuron is one coordinate of the input of such a projection. Found from the structure alone, so it
works on the meta device; `probe.py` proves it with a forward pass. Names are data in `names.py`.
Knows modules; does not know values of activations.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from torch import nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.models.experts import experts_of
from neuroswitch.models.layout import NeuronLayout, Site
from neuroswitch.models.linear import is_linear, sizes
from neuroswitch.models.names import NOT_FEED_FORWARD, OUTPUT_PROJECTIONS, WIDTH_SETTINGS


@dataclass(frozen=True)
class SiteMap:
    """Where the neurons of a model are.

    Attributes:
        layers_path: Module path of the decoder layer list.
        layout: All sites.
    """

    layers_path: str
    layout: NeuronLayout


def find_sites(module: nn.Module, pattern: str | None = None) -> SiteMap:
    """Find every feed-forward output projection of a decoder.

    Args:
        module: A causal language model of transformers; its weights may be on the meta device.
        pattern: Where to look instead, such as "model.layers.{layer}.ffn.linear_out"; `*` stands
            for any one component of a path.

    Raises:
        UnsupportedModel: No layer list, several of them, no known projection, or nothing that
            the pattern matches. The message shows the pattern to pass.
    """
    if pattern is not None:
        return _sites_at(module, pattern)
    layers_path, layers = _layer_list(module)
    found = [list(_named(layer)) for layer in layers]
    if not any(found):
        config: Any = module.config
        config = config.get_text_config(decoder=True)
        found = [list(_shaped(layer, config.hidden_size, _widths(config))) for layer in layers]
    if not any(found):
        raise _nothing_found(module, layers_path, layers)
    return _site_map(
        layers_path,
        (
            (index, f"{layers_path}.{index}.{path}", projection)
            for index, projections in enumerate(found)
            for path, projection in projections
        ),
    )


def decoder_of(module: nn.Module, layers_path: str) -> nn.Module:
    """Return the smallest module with both the token embedding and the layers: no LM head.

    `get_decoder()` is not asked: for Llama 4 it returns the LM itself, for ModernBERT a linear map.
    """
    common = zip(_embedding_path(module).split("."), layers_path.split("."), strict=False)
    return module.get_submodule(
        ".".join(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], common))
    )


def _site_map(layers_path: str, found: Iterable[tuple[int, str, nn.Module]]) -> SiteMap:
    return SiteMap(layers_path, NeuronLayout(tuple(_site(*place) for place in found)))


def _site(layer: int, path: str, module: nn.Module) -> Site:
    experts = experts_of(module)
    if experts is None:
        return Site(layer, path, "dense", sizes(module)[0])
    count, width, _ = experts.outgoing.shape
    return Site(layer, path, "experts", width, count)


def _sites_at(module: nn.Module, pattern: str) -> SiteMap:
    layers_path, marker, _ = pattern.partition(".{layer}")
    expression = re.escape(pattern).replace(r"\{layer\}", r"(\d+)").replace(r"\*", r"[^.]+")
    matches = [(re.fullmatch(expression, path), path, child) for path, child in module.named_modules()]
    found = [(int(match[1]), path, child) for match, path, child in matches if match and marker]
    if not found:
        raise UnsupportedModel(
            f"no module of {type(module).__name__} matches the pattern {pattern!r}",
            expected="a path with {layer} in it, such as 'model.layers.{layer}.ffn.linear_out'",
            do="choose from the names that `print(model)` shows",
        )
    odd = [path for _, path, child in found if not is_linear(child) and experts_of(child) is None]
    if odd:
        raise UnsupportedModel(
            f"the pattern {pattern!r} matches what is not a projection",
            found=f"{odd[0]} ({type(module.get_submodule(odd[0])).__name__})",
            expected="a linear module or a known container of experts",
        )
    return _site_map(layers_path, sorted(found, key=lambda place: place[0]))


def _layer_list(module: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return the list of layers nearest to the token embedding."""
    owner = _embedding_path(module)
    stacks: list[tuple[str, nn.ModuleList]] = []
    while not stacks and owner:
        owner = owner.rpartition(".")[0]
        stacks = list(_stacks(module.get_submodule(owner), owner))
    if len(stacks) == 1:
        return stacks[0]
    name = type(module).__name__
    if not stacks:
        raise UnsupportedModel(
            f"no list of decoder layers was found in {name}",
            expected="a ModuleList of layers with linear modules in them",
            do="check that this is a decoder language model built with transformers",
        )
    raise UnsupportedModel(
        f"{name} has several stacks of layers",
        found=", ".join(path for path, _ in stacks),
        expected="one stack, so that no layer is left out silently",
        do=_advice(f"{stacks[0][0]}.{{layer}}.mlp.down_proj"),
    )


def _embedding_path(module: nn.Module) -> str:
    embedding = module.get_input_embeddings()  # type: ignore[operator]
    return next(path for path, child in module.named_modules() if child is embedding)


def _stacks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.ModuleList]]:
    """Walk down to the outermost lists whose elements are blocks, not single maps."""
    for name, child in module.named_children():
        below = f"{path}.{name}" if path else name
        if not isinstance(child, nn.ModuleList):
            yield from _stacks(child, below)
        elif any(map(_is_block, child)):
            yield below, child


def _is_block(module: nn.Module) -> bool:
    return any(is_linear(child) or experts_of(child) for child in module.modules() if child is not module)


def _feed_forward(layer: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Walk through a layer, leaving out attention, routers, norms and state-space mixers."""
    for name, child in layer.named_children():
        if not NOT_FEED_FORWARD.fullmatch(name) and not hasattr(child, "A_log"):
            below = f"{path}.{name}" if path else name
            yield below, child
            if experts_of(child) is None:
                yield from _feed_forward(child, below)


def _named(layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for path, module in _feed_forward(layer):
        named = any(path == name or path.endswith(f".{name}") for name in OUTPUT_PROJECTIONS)
        if (named and is_linear(module)) or experts_of(module):
            yield path, module


def _shaped(layer: nn.Module, hidden: int, widths: set[int]) -> Iterator[tuple[str, nn.Module]]:
    for path, module in _feed_forward(layer):
        if is_linear(module) and sizes(module)[1] == hidden and sizes(module)[0] in widths:
            yield path, module


def _widths(config: Any) -> set[int]:
    values = [getattr(config, name, None) for name in WIDTH_SETTINGS]
    flat = [item for value in values for item in (value if isinstance(value, (list, tuple)) else [value])]
    return {item for item in flat if isinstance(item, int)}


def _nothing_found(module: nn.Module, layers_path: str, layers: nn.ModuleList) -> UnsupportedModel:
    present = {
        re.sub(r"\d+(?=\.|$)", "*", path): sizes(child)
        for path, child in layers.named_modules()
        if is_linear(child)
    }
    # most likely the map that narrows most
    guess = max(present, key=lambda path: present[path][0] / present[path][1], default="*.mlp.down_proj")
    return UnsupportedModel(
        f"no feed-forward output projection was found in {type(module).__name__}",
        found=", ".join(f"{path} ({wide} -> {out})" for path, (wide, out) in present.items())
        or "no linear module",
        expected=f"below {layers_path} a module called {', '.join(OUTPUT_PROJECTIONS)}, or one as wide as "
        f"the configuration says",
        do=_advice(f"{layers_path}.{guess.replace('*', '{layer}', 1)}"),
    )


def _advice(pattern: str) -> str:
    return f"name the output projection: --sites '{pattern}' on the command line, sites={pattern!r} in Python"
