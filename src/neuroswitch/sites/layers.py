"""The parts of a model that are found by name or shape: token embedding, layers, decoder, final norm, LM head.

`get_decoder()` of transformers is not used: for Llama 4 it returns the whole model, for ModernBERT a linear map.
"""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites.experts import experts_of
from neuroswitch.sites.modules import is_linear, linear_sizes
from neuroswitch.sites.names import FINAL_NORMS, OTHER_NORMS, TOWERS

CHOOSE_SITES = "name the output projection: --sites {0!r} on the command line, sites={0!r} in Python"
"""Advice to a user, to be filled with a pattern."""


def find_layers(module: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return path and list of the layers nearest to the token embedding.

    Layers for images and sound (towers) are further away from it, or have such a name; they are left
    out, and `probe` proves that they do not run on text.

    Raises:
        UnsupportedModel: There is no such list, there are several, or the model needs more than text.
    """
    name = type(module).__name__
    refuse_encoder(model_config(module), name)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    required = [
        argument
        for argument, parameter in inspect.signature(module.forward).parameters.items()
        if parameter.kind in named and parameter.default is parameter.empty and argument != "input_ids"
    ]
    if required:
        raise UnsupportedModel(
            f"{name} does not answer text alone",
            found=f"its forward() requires {', '.join(required)}",
            expected="a language model that needs input_ids only",
        )
    lists = _nearest_lists(module, towers=False) or _nearest_lists(module, towers=True)
    if len(lists) == 1:
        return lists[0]
    if not lists:
        raise UnsupportedModel(
            f"no list of decoder layers was found in {name}",
            expected="a ModuleList of layers with linear modules in them",
            do="check that this is a decoder language model built with transformers",
        )
    raise UnsupportedModel(
        f"{name} has several stacks of layers",
        found=", ".join(path for path, _ in lists),
        expected="one stack, so that no layer is left out silently",
        do=CHOOSE_SITES.format(f"{lists[0][0]}.{{layer}}.mlp.down_proj"),
    )


def refuse_encoder(config: PreTrainedConfig, name: str) -> None:
    """Raise an error for an encoder with a decoder.

    Raises:
        UnsupportedModel: The configuration is of one.
    """
    if config.is_encoder_decoder:
        raise UnsupportedModel(
            f"{name} is an encoder-decoder model",
            expected="a decoder language model, which reads and writes with the same layers",
        )


def find_towers(module: nn.Module, layers_path: str) -> Iterator[nn.ModuleList]:
    """Yield the lists of layers, besides those at `layers_path`, whose names say images or sound."""
    return (layers for path, layers in _lists(module, "") if path != layers_path and is_tower(path))


def decoder_of(module: nn.Module, layers_path: str) -> nn.Module:
    """Return the smallest module with both the token embedding and the layers."""
    parts = zip(_embedding_path(module).split("."), layers_path.split("."), strict=False)
    common = takewhile(lambda pair: pair[0] == pair[1], parts)
    return module.get_submodule(".".join(part for part, _ in common))


def model_config(module: nn.Module) -> PreTrainedConfig:
    """Return the configuration of a model."""
    return module.config  # type: ignore[return-value]


def text_config(module: nn.Module) -> PreTrainedConfig:
    """Return the configuration of a model's text decoder; its own where it is nothing else."""
    return model_config(module).get_text_config(decoder=True)


def stream_width(module: nn.Module) -> int:
    """Return the width of the residual stream: the configuration's, or else that of the token embedding."""
    known = getattr(text_config(module), "hidden_size", None)
    return int(known or next(token_embedding(module).parameters()).shape[-1])


def vocabulary_size(module: nn.Module) -> int:
    """Return the number of rows of the token embedding."""
    return len(next(token_embedding(module).parameters()))


def random_tokens(module: nn.Module, *shapes: tuple[int, ...], seed: int) -> list[Tensor]:
    """Draw token ids from 1 on, one tensor of each shape, on the CPU."""
    generator, tokens = torch.Generator().manual_seed(seed), vocabulary_size(module)
    return [torch.randint(1, tokens, shape, generator=generator) for shape in shapes]


def token_embedding(module: nn.Module) -> nn.Module:
    """Return the module that turns token ids into vectors.

    It is what transformers returns as such, or else the only embedding with a row for every token.

    Raises:
        UnsupportedModel: There is none, or several could be it.
    """
    with suppress(NotImplementedError, AttributeError):
        known = module.get_input_embeddings()  # type: ignore[operator]
        if isinstance(known, nn.Module):
            return known
    tokens = getattr(text_config(module), "vocab_size", None)
    tables = {path: child for path, child in module.named_modules() if isinstance(child, nn.Embedding)}
    fitting = [child for child in tables.values() if child.num_embeddings == tokens]
    if len(fitting) == 1:
        return fitting[0]
    raise UnsupportedModel(
        f"the token embedding of {type(module).__name__} was not found",
        found=", ".join(f"{path} with {table.num_embeddings} rows" for path, table in tables.items()),
        expected=f"get_input_embeddings() to return it, or one embedding of {tokens} rows",
        do="if it is several models in one, pass the one that writes text to `neuroswitch.wrap_model`",
    )


def lm_head_of(module: nn.Module, layers_path: str) -> nn.Module:
    """Return the LM head: what transformers returns as such, or else the only map onto the vocabulary.

    Raises:
        UnsupportedModel: There is none, or several could be it.
    """
    known = module.get_output_embeddings()  # type: ignore[operator]
    if isinstance(known, nn.Module):
        return known
    inside = set(decoder_of(module, layers_path).modules())
    tokens = getattr(text_config(module), "vocab_size", None)
    maps = [child for child in module.modules() if is_linear(child) and child not in inside]
    fitting = [child for child in maps if linear_sizes(child)[1] == tokens]
    if len(fitting) == 1:
        return fitting[0]
    raise UnsupportedModel(
        f"{type(module).__name__} has no output embedding",
        found=f"{len(fitting)} linear maps onto {tokens} tokens after the layers",
        expected="a causal language model with an LM head",
    )


def final_norm_of(module: nn.Module, layers_path: str) -> nn.Module | None:
    """Return the norm between the last layer and the LM head, or None where there is none.

    Raises:
        UnsupportedModel: Several norms of the decoder could be it.
    """
    owner = module.get_submodule(layers_path.rpartition(".")[0])
    norms = {
        name: child
        for name, child in owner.named_children()
        if ("norm" in type(child).__name__.lower() or name in FINAL_NORMS) and name not in OTHER_NORMS
    }
    known = [name for name in FINAL_NORMS if name in norms] or list(norms)
    if len(norms) <= 1 or known[0] in FINAL_NORMS:
        return norms[known[0]] if known else None
    raise UnsupportedModel(
        "the final norm of the model is not known",
        found=f"norms called {sorted(norms)}",
        expected=f"one called {', '.join(FINAL_NORMS)}",
    )


def _embedding_path(module: nn.Module) -> str:
    embedding = token_embedding(module)
    return next(path for path, child in module.named_modules() if child is embedding)


def _nearest_lists(module: nn.Module, *, towers: bool) -> list[tuple[str, nn.ModuleList]]:
    """Return the lists of layers below the smallest module that holds the token embedding and any of them."""
    owner = _embedding_path(module)
    found: list[tuple[str, nn.ModuleList]] = []
    while not found and owner:
        owner = owner.rpartition(".")[0]
        below = _lists(module.get_submodule(owner), owner)
        found = [(path, layers) for path, layers in below if towers or not is_tower(path)]
    return found


def _lists(module: nn.Module, path: str) -> Iterator[tuple[str, nn.ModuleList]]:
    """Yield the outermost lists whose elements are blocks, not single maps."""
    for name, child in module.named_children():
        below = f"{path}.{name}" if path else name
        if not isinstance(child, nn.ModuleList):
            yield from _lists(child, below)
        elif any(map(_is_block, child)):
            yield below, child


def is_tower(path: str) -> bool:
    """Say whether a module lies in a part of the model for images, video or sound."""
    return any(TOWERS.fullmatch(part) for part in path.split("."))


def _is_block(module: nn.Module) -> bool:
    return any(is_linear(child) or experts_of(child) for child in module.modules() if child is not module)
