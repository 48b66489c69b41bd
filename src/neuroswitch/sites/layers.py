"""The decoder of a model: its list of layers, and the smallest module that runs without an LM head.

`get_decoder()` is not asked: for Llama 4 it returns the LM itself, for ModernBERT a linear map.
Knows the tree of modules; does not know what is in a layer.
"""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from typing import Any

from torch import nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites.experts import experts_of
from neuroswitch.sites.linear import is_linear
from neuroswitch.sites.names import TOWERS


def find_layers(module: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return path and list of the layers nearest to the token embedding.

    Towers for images and sound are further away from it, or beside the layers and called so; they are
    left out, and `probe` proves that they do not run on text.

    Raises:
        UnsupportedModel: There is no such list, there are several, there is an encoder, or text is not enough.
    """
    _require_decoder(module)
    stacks = _nearest_stacks(module, towers=False) or _nearest_stacks(module, towers=True)
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
        do=advice(f"{stacks[0][0]}.{{layer}}.mlp.down_proj"),
    )


def refuse_encoder(config: Any, name: str) -> None:
    """Refuse a configuration of an encoder with a decoder.

    Raises:
        UnsupportedModel: It is one.
    """
    if config.is_encoder_decoder:
        raise UnsupportedModel(
            f"{name} is an encoder-decoder model",
            expected="a decoder language model, which reads and writes with the same layers",
        )


def find_towers(module: nn.Module, layers_path: str) -> Iterator[nn.ModuleList]:
    """Return the lists of layers, besides those at `layers_path`, that are for images or sound by their names."""
    return (layers for path, layers in _stacks(module, "") if path != layers_path and _is_tower(path))


def decoder_of(module: nn.Module, layers_path: str) -> nn.Module:
    """Return the smallest module with both the token embedding and the layers."""
    parts = zip(_embedding_path(module).split("."), layers_path.split("."), strict=False)
    common = takewhile(lambda pair: pair[0] == pair[1], parts)
    return module.get_submodule(".".join(part for part, _ in common))


def stream_width(module: nn.Module) -> int:
    """Return the width of the residual stream: the configuration's, or else that of the token embedding."""
    config: Any = module.config
    known = getattr(config.get_text_config(decoder=True), "hidden_size", None)
    return int(known or next(token_embedding(module).parameters()).shape[-1])


def advice(pattern: str) -> str:
    """Say how a user names the sites."""
    return f"name the output projection: --sites '{pattern}' on the command line, sites={pattern!r} in Python"


def token_embedding(module: nn.Module) -> nn.Module:
    """Return the module that turns token ids into vectors.

    transformers knows it by name; in a model with names of its own, the only embedding with a row
    for every token is it.

    Raises:
        UnsupportedModel: There is none, or several could be it.
    """
    with suppress(NotImplementedError, AttributeError):
        known = module.get_input_embeddings()  # type: ignore[operator]
        if isinstance(known, nn.Module):
            return known
    config: Any = module.config
    vocabulary = getattr(config.get_text_config(decoder=True), "vocab_size", None)
    tables = {path: child for path, child in module.named_modules() if isinstance(child, nn.Embedding)}
    fitting = [child for child in tables.values() if child.num_embeddings == vocabulary]
    if len(fitting) == 1:
        return fitting[0]
    raise UnsupportedModel(
        f"the token embedding of {type(module).__name__} was not found",
        found=", ".join(f"{path} with {table.num_embeddings} rows" for path, table in tables.items()),
        expected=f"get_input_embeddings() to return it, or one embedding of {vocabulary} rows",
        do="if it is several models in one, load the one that writes text and pass it to `neuroswitch.wrap_model`",
    )


def _require_decoder(module: nn.Module) -> None:
    refuse_encoder(module.config, type(module).__name__)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    required = [
        name
        for name, parameter in inspect.signature(module.forward).parameters.items()
        if parameter.kind in named and parameter.default is parameter.empty and name != "input_ids"
    ]
    if required:
        raise UnsupportedModel(
            f"{type(module).__name__} does not answer text alone",
            found=f"its forward() requires {', '.join(required)}",
            expected="a language model that needs input_ids only",
        )


def _embedding_path(module: nn.Module) -> str:
    embedding = token_embedding(module)
    paths: Iterator[str] = (path for path, child in module.named_modules() if child is embedding)
    return next(paths)


def _nearest_stacks(module: nn.Module, *, towers: bool) -> list[tuple[str, nn.ModuleList]]:
    """Return the stacks below the smallest module that holds the token embedding and any of them."""
    owner = _embedding_path(module)
    found: list[tuple[str, nn.ModuleList]] = []
    while not found and owner:
        owner = owner.rpartition(".")[0]
        found = [
            one for one in _stacks(module.get_submodule(owner), owner) if towers or not _is_tower(one[0])
        ]
    return found


def _stacks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.ModuleList]]:
    """Walk down to the outermost lists whose elements are blocks, not single maps."""
    for name, child in module.named_children():
        below = f"{path}.{name}" if path else name
        if not isinstance(child, nn.ModuleList):
            yield from _stacks(child, below)
        elif any(map(_is_block, child)):
            yield below, child


def _is_tower(path: str) -> bool:
    return any(TOWERS.fullmatch(part) for part in path.split("."))


def _is_block(module: nn.Module) -> bool:
    return any(is_linear(child) or experts_of(child) for child in module.modules() if child is not module)
