"""One decoder layer of a forward pass at a time: what comes before it is replayed, what comes after left out.

The model's own forward runs every time, so masks, positions and what is done between layers are its
own. Layers before the one that is wanted hand over NaN, the last of them its output as it was
kept; the wanted layer computes; those behind it hand over NaN again. A NaN that reaches the wanted layer
shows that layers share more than the hidden states, and is an error. Does not know weights or statistics.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel

PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device)


class Leak(UnsupportedModel):
    """A layer was given something that was not computed: the embeddings, or earlier layers, are needed again."""


@dataclass(frozen=True, eq=False)
class Handed:
    """What a layer returned: hidden states, and whatever else.

    Attributes:
        values: Tensors, each of a shape (batch, time, ...) or of any other, and None.
        bare: The layer returned one tensor, not a tuple.
    """

    values: tuple[Tensor | None, ...]
    bare: bool

    @staticmethod
    def of(output: Any) -> "Handed":
        """Take a layer's output.

        Raises:
            UnsupportedModel: It holds something else than tensors.
        """
        values = (output,) if isinstance(output, Tensor) else tuple(output)
        if not all(value is None or isinstance(value, Tensor) for value in values):
            raise UnsupportedModel(
                "a layer of the model returns more than tensors",
                found=", ".join(sorted({type(value).__name__ for value in values})),
                do="load the model whole; it cannot be read layer by layer",
            )
        return Handed(values, isinstance(output, Tensor))

    def given(self) -> Any:
        """Return it as the layer did; copied, because some models go on to change it in place."""
        values = tuple(value if value is None else value.clone() for value in self.values)
        return values[0] if self.bare else values

    def unknown(self) -> Any:
        """Return as much of the same shapes, but nothing that was computed."""
        values = tuple(None if value is None else _unknown_like(value) for value in self.values)
        return values[0] if self.bare else values

    @property
    def bytes(self) -> int:
        """Return how much memory it takes."""
        return sum(value.nbytes for value in self.values if value is not None)

    def part(self, rows: slice, longest: int, size: tuple[int, int]) -> "Handed":
        """Return what the layer would have returned for some sequences of the batch, padded less.

        Raises:
            UnsupportedModel: Its first two axes are not the `size` of the batch, (batch, time).
        """
        if any(value is not None and value.shape[:2] != size for value in self.values):
            raise UnsupportedModel(
                "there is not enough memory, and the model's hidden states cannot be split into smaller batches",
                found=str([tuple(value.shape) for value in self.values if value is not None]),
                expected=f"hidden states of shape ({size[0]}, {size[1]}, ...)",
                do="ask for a smaller batch size, and name another folder",
            )
        return Handed(
            tuple(None if value is None else value[rows, :longest].clone() for value in self.values),
            self.bare,
        )


class Replay:
    """Lets one layer of a model run; see `replaying`."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self.layers = layers
        self.wanted = 0
        self.before: Handed | None = None
        self.after: Handed | None = None
        self.called = 0
        self.embeds = True

    def prepare(self, wanted: int, before: Handed | None, *, embeds: bool) -> None:
        """Say which layer the next forward pass shall run.

        Args:
            wanted: Its index.
            before: What the layer before it returned for the same batch; None for the first.
            embeds: The embeddings are in memory; without them NaN stands for what they return.
        """
        self.wanted, self.before, self.embeds = wanted, before, embeds
        self.after, self.called = None, 0

    def result(self) -> Handed:
        """Return what the wanted layer returned.

        Raises:
            UnsupportedModel: The layers did not run once each, in their order.
        """
        if self.after is None or self.called != len(self.layers):
            raise _out_of_order(f"{self.called} calls of {len(self.layers)} layers")
        return self.after

    def layer(self, index: int, original: Any, *arguments: Any, **named: Any) -> Any:
        """Stand for the forward of a layer."""
        if index != self.called:
            raise _out_of_order(f"layer {index} at the place of layer {self.called}")
        self.called += 1
        if index == self.wanted:
            everything = [*arguments, *named.values()]
            if index and _unknown(everything):
                raise Leak(
                    f"layer {index} needs more than what the layer before it returned",
                    do="load the model whole; it cannot be read layer by layer",
                )
            before = _contents(everything)
            self.after = Handed.of(original(*arguments, **named))
            if before != _contents(everything):
                raise _shares("a layer changes what is handed to all layers")
            return self.after.given()
        if index == self.wanted - 1 and self.before is not None:
            return self.before.given()
        shaped = self.before if index < self.wanted else self.after
        if shaped is None:
            raise ValueError("a layer after the first needs what the layer before it returned")
        return shaped.unknown()

    def embedding(self, module: nn.Module, original: Any, ids: Tensor) -> Tensor:
        """Stand for the forward of the token embedding."""
        if self.embeds:
            return original(ids)  # type: ignore[no-any-return]
        weight: Any = module.weight
        return torch.full((*ids.shape, weight.shape[1]), torch.nan, dtype=weight.dtype)


@contextmanager
def replaying(model: LanguageModel) -> Iterator[Replay]:
    """Let only one layer run in each forward pass of the decoder while the block is open."""
    layers = list(model.module.get_submodule(model.layers_path).children())
    replay = Replay(layers)
    changed: list[nn.Module] = []
    try:
        for index, layer in enumerate(layers):
            layer.forward = partial(replay.layer, index, layer.forward)
            changed.append(layer)
        words = model.module.get_input_embeddings()
        words.forward = partial(replay.embedding, words, words.forward)
        changed.append(words)
        yield replay
    finally:
        for module in changed:
            del module.forward


def _unknown(value: Any) -> bool:
    """Say whether something that was not computed is among a layer's arguments."""
    if isinstance(value, Tensor):
        return value.is_floating_point() and bool(value.isnan().any())
    if isinstance(value, Mapping):
        return any(map(_unknown, value.values()))
    return isinstance(value, (tuple, list)) and any(map(_unknown, value))


def _contents(value: Any) -> Any:
    """Return something that differs when a container among a layer's arguments is changed.

    Raises:
        UnsupportedModel: An argument is of a kind by which layers may talk to each other.
    """
    if isinstance(value, Tensor):
        return id(value)
    if isinstance(value, (tuple, list)):
        return [_contents(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _contents(one) for key, one in value.items()}
    if isinstance(value, PLAIN):
        return value
    raise _shares(f"they are given a {type(value).__name__}")


def _unknown_like(value: Tensor) -> Tensor:
    return torch.full_like(value, torch.nan) if value.is_floating_point() else torch.zeros_like(value)


def _shares(found: str) -> UnsupportedModel:
    return UnsupportedModel(
        "the layers of the model share more than the hidden states",
        found=found,
        do="load the model whole; it cannot be read layer by layer",
    )


def _out_of_order(found: str) -> UnsupportedModel:
    return UnsupportedModel(
        "the layers of the model do not run once each, in order",
        found=found,
        do="load the model whole; it cannot be read layer by layer",
    )
