"""Where the neurons are: every output projection of a decoder's feed-forward networks, or of its attention.

A neuron is one coordinate of the input of a feed-forward output projection, an attention unit one of attention's.
Only the structure is looked at, so this works on the meta device; `probe.py` proves the result with a forward pass.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.options import Units
from neuroswitch.sites.attention import attention_projections
from neuroswitch.sites.experts import experts_of
from neuroswitch.sites.layers import CHOOSE_SITES, find_layers, stream_width, text_config
from neuroswitch.sites.layout import NeuronLayout, Site
from neuroswitch.sites.modules import is_linear, linear_sizes
from neuroswitch.sites.names import NOT_FEED_FORWARD, OUTPUT_PROJECTIONS, WIDTH_SETTINGS


@dataclass(frozen=True)
class SiteMap:
    """Where the neurons of a model are.

    Attributes:
        layers_path: Module path of the decoder layer list.
        layout: All sites.
    """

    layers_path: str
    layout: NeuronLayout


class _Place(NamedTuple):
    """A module in a layer; its path is that from the layer, or the full one."""

    layer: int
    path: str
    module: nn.Module
    units: Literal["mlp", "attention"] = "mlp"


def find_sites(module: nn.Module, pattern: str | None = None, units: Units = "mlp") -> SiteMap:
    """Find every output projection of a decoder: feed-forward ones by name or else by shape, attention's by name.

    Args:
        module: A causal language model of transformers; its weights may be on the meta device.
        pattern: Where to look instead, such as "model.layers.{layer}.ffn.linear_out"; `*` stands
            for any one component of a path, and a comma separates several patterns.
        units: "mlp", "attention", or "both": attention's site comes before the feed-forward ones of its layer.

    Raises:
        UnsupportedModel: No layer list, several of them, no projection, one that would be left
            out, or nothing that the pattern matches. The message shows the pattern to pass.
    """
    if pattern is not None:
        return _sites_at(module, pattern)
    layers_path, layers = find_layers(module)
    attention = [] if units == "mlp" else _attention(module, layers_path, layers)
    feed_forward = [] if units == "attention" else _feed_forward_sites(module, layers_path, layers)
    found = sorted([*attention, *feed_forward], key=lambda place: place.layer)  # stable
    return _site_map(
        layers_path, (place._replace(path=f"{layers_path}.{place.layer}.{place.path}") for place in found)
    )


def _attention(module: nn.Module, layers_path: str, layers: nn.ModuleList) -> list[_Place]:
    found = attention_projections(module, layers_path, layers)
    return [_Place(layer, path, child, "attention") for layer, path, child in found]


def _feed_forward_sites(module: nn.Module, layers_path: str, layers: nn.ModuleList) -> list[_Place]:
    places = [_Place(index, *found) for index, layer in enumerate(layers) for found in _feed_forward(layer)]
    shaped = _outermost(_shaped(module, places))
    sites = [place for place in places if _is_named(place)] or shaped
    if not sites or (sites is shaped and any(len(set(linear_sizes(place.module))) == 1 for place in shaped)):
        raise _nothing_found(module, layers_path, places)
    _leave_nothing_out(layers_path, places, shaped, sites)
    return sites


def _feed_forward(layer: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules of a layer, without attention, routers, norms and state-space mixers."""
    for name, child in layer.named_children():
        if not NOT_FEED_FORWARD.fullmatch(name) and not hasattr(child, "A_log"):
            below = f"{path}.{name}" if path else name
            yield below, child
            if experts_of(child) is None:
                yield from _feed_forward(child, below)


def _is_named(place: _Place) -> bool:
    named = any(place.path == name or place.path.endswith(f".{name}") for name in OUTPUT_PROJECTIONS)
    return (named and is_linear(place.module)) or experts_of(place.module) is not None


def _shaped(module: nn.Module, places: Iterable[_Place]) -> Iterator[_Place]:
    """Choose linear maps from a width that the configuration names to the hidden size."""
    config = text_config(module)
    values = [getattr(config, name, None) for name in WIDTH_SETTINGS]
    widths = {item for value in values for item in (value if isinstance(value, (list, tuple)) else [value])}
    hidden = stream_width(module)
    for place in places:
        if is_linear(place.module):
            wide, out = linear_sizes(place.module)
            if out == hidden and wide in widths:
                yield place


def _outermost(places: Iterable[_Place]) -> list[_Place]:
    """Leave out linear maps inside another one, such as the map that a LoRA layer wraps."""
    found: list[_Place] = []
    for place in places:  # an outer module comes before what is in it
        if not any(one.layer == place.layer and place.path.startswith(f"{one.path}.") for one in found):
            found.append(place)
    return found


def _leave_nothing_out(
    layers_path: str, places: Iterable[_Place], shaped: Iterable[_Place], sites: Iterable[_Place]
) -> None:
    chosen_sites = list(sites)
    chosen = {(place.layer, place.path) for place in chosen_sites}
    known = {(place.layer, place.path.rpartition(".")[0]) for place in sites}
    for place in shaped:
        # a neighbour of a site in the same network is its other half, or wraps it
        inside = any(
            place.layer == site.layer and place.path.startswith(f"{site.path}.") for site in chosen_sites
        )
        if (place.layer, place.path.rpartition(".")[0]) not in known and not inside:
            outer = _outermost(sorted([*chosen_sites, place], key=lambda one: (one.layer, one.path)))
            patterns = dict.fromkeys(f"{layers_path}.{{layer}}.{site.path}" for site in outer)
            raise UnsupportedModel(
                f"{place.path} in layer {place.layer} may be a feed-forward output projection",
                found="its shape is right, its name is not known",
                expected="every such projection to have a known name, or none",
                do=CHOOSE_SITES.format(",".join(patterns)),
            )
    for place in places:
        if (place.layer, place.path) not in chosen and _holds_matrices(place.module):
            raise UnsupportedModel(
                f"{place.path} in layer {place.layer} may hold experts of an unknown layout",
                found=f"{type(place.module).__name__} with 3-D parameters",
                do="report the model; or leave these out: "
                + CHOOSE_SITES.format(f"{layers_path}.{{layer}}.mlp.down_proj"),
            )


def _holds_matrices(module: nn.Module) -> bool:
    """Return whether a module itself holds a stack of matrices; kernels of convolutions do not count."""
    parameters = [parameter for parameter in module._parameters.values() if parameter is not None]
    return not isinstance(module, nn.Conv1d) and any(
        parameter.dim() == 3 and min(parameter.shape) > 1 for parameter in parameters
    )


def _sites_at(module: nn.Module, patterns: str) -> SiteMap:
    places: dict[str, _Place] = {}
    lists = set()
    for pattern in patterns.split(","):
        layers_path, marker, _ = pattern.strip().partition(".{layer}")
        expression = re.escape(pattern.strip()).replace(r"\{layer\}", r"(\d+)").replace(r"\*", r"[^.]+")
        matches = {path: re.fullmatch(expression, path) for path, _ in module.named_modules()}
        found = {path: int(match[1]) for path, match in matches.items() if match and marker}
        if not found:
            raise UnsupportedModel(
                f"no module of {type(module).__name__} matches the pattern {pattern!r}",
                expected="a path with {layer} in it, such as 'model.layers.{layer}.ffn.linear_out'",
                do="choose from the names that `print(model)` shows",
            )
        lists.add(layers_path)
        places |= {path: _Place(layer, path, module.get_submodule(path)) for path, layer in found.items()}
    paths = sorted(places)
    nested = [(outer, path) for outer in paths for path in paths if path.startswith(f"{outer}.")]
    if nested:
        raise UnsupportedModel(
            f"the pattern {patterns!r} names a module and one inside it, so neurons would count twice",
            found=" and ".join(nested[0]),
            do=f"name the outer one only, as in {nested[0][0]}",
        )
    odd = [place for place in places.values() if not is_linear(place.module) and not experts_of(place.module)]
    if odd or len(lists) > 1:
        raise UnsupportedModel(
            f"the pattern {patterns!r} does not name output projections of one list of layers",
            found=f"{odd[0].path} ({type(odd[0].module).__name__})" if odd else ", ".join(sorted(lists)),
            expected="linear modules or known containers of experts, all below one list",
        )
    return _site_map(lists.pop(), sorted(places.values(), key=lambda place: place.layer))


def _site_map(layers_path: str, places: Iterable[_Place]) -> SiteMap:
    first: dict[int, str] = {}  # identity of a site's weights -> the first site that has them
    sites = []
    for place in places:
        weight = next(place.module.parameters(), place.module)
        same = first.setdefault(id(weight), place.path)
        sites.append(_site(place, None if same == place.path else same))
    return SiteMap(layers_path, NeuronLayout(tuple(sites)))


def _site(place: _Place, tied_to: str | None) -> Site:
    experts = experts_of(place.module)
    if experts is None:
        width = linear_sizes(place.module)[0]
        return Site(place.layer, place.path, "dense", width, tied_to=tied_to, units=place.units)
    return Site(place.layer, place.path, "experts", experts.width, experts.count, tied_to)


def _nothing_found(module: nn.Module, layers_path: str, places: Iterable[_Place]) -> UnsupportedModel:
    present = {place.path: linear_sizes(place.module) for place in places if is_linear(place.module)}
    # the likeliest one has by far more inputs than outputs
    guess = max(present, key=lambda path: present[path][0] / present[path][1], default="")
    return UnsupportedModel(
        f"no feed-forward output projection was found in {type(module).__name__}",
        found=", ".join(f"{path} ({wide} -> {out})" for path, (wide, out) in present.items())
        or "no linear map besides those of attention and state spaces",
        expected=f"in the layers of {layers_path} a module called {', '.join(OUTPUT_PROJECTIONS)}, "
        "or one as wide as the configuration says",
        do=CHOOSE_SITES.format(f"{layers_path}.{{layer}}.{guess}")
        if guess
        else "choose another model: one without feed-forward networks has no such neurons",
    )
