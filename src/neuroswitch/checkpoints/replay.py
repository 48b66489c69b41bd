"""Run one decoder layer of a model: the layers before it are replayed from what was kept, those after it skipped.

The model's own forward runs, so masks, positions and everything between the layers are its own. Layers
before the wanted one return NaN, the last of them its output as it was kept; the wanted layer computes;
those after it return NaN. If a NaN reaches the wanted layer, the layers share more than the hidden
states, which is an error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel

PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device)
LOAD_WHOLE = "load the model whole; it cannot be read layer by layer"


class MissingInput(UnsupportedModel):
    """A layer needs something that was not computed: the embeddings, or outputs of several earlier layers."""


@dataclass(frozen=True, eq=False)
class LayerOutput:
    """What a layer returned: hidden states, and perhaps other tensors.

    Attributes:
        values: Tensors, the first of shape (batch, time, hidden), and None.
        bare: The layer returned one tensor, not a tuple.
    """

    values: tuple[Tensor | None, ...]
    bare: bool

    @staticmethod
    def of(output: object) -> "LayerOutput":
        """Take a layer's output.

        Raises:
            UnsupportedModel: It holds something else than tensors.
        """
        values = tuple(output) if isinstance(output, (tuple, list)) else (output,)
        if not all(value is None or isinstance(value, Tensor) for value in values):
            raise UnsupportedModel(
                "a layer of the model returns more than tensors",
                found=", ".join(sorted({type(value).__name__ for value in values})),
                do=LOAD_WHOLE,
            )
        return LayerOutput(values, isinstance(output, Tensor))

    def returned(self, change: Callable[[Tensor], Tensor]) -> object:
        """Return changed tensors in the form in which the layer returned them."""
        values = tuple(None if value is None else change(value) for value in self.values)
        return values[0] if self.bare else values

    @property
    def bytes(self) -> int:
        """Return how much memory it takes."""
        return sum(value.nbytes for value in self.values if value is not None)

    def part(self, rows: slice, longest: int, size: tuple[int, int]) -> "LayerOutput":
        """Return the output for some sequences of the batch, padded less.

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
        parts = [None if value is None else value[rows, :longest].clone() for value in self.values]
        return LayerOutput(tuple(parts), self.bare)


class Replay:
    """Runs one layer of a model in each forward pass; see `replaying`."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self.layers = layers
        self.prepare(0, None, embeds=True)

    def prepare(self, wanted: int, before: LayerOutput | None, *, embeds: bool) -> None:
        """Choose the layer that the next forward pass runs.

        Args:
            wanted: Its index.
            before: What the layer before it returned for the same batch; None for the first.
            embeds: The embeddings are in memory; without them NaN stands for their output.
        """
        self.wanted, self.before, self.embeds = wanted, before, embeds
        self.after: LayerOutput | None = None
        self.called = 0

    def result(self) -> LayerOutput:
        """Return what the wanted layer returned.

        Raises:
            UnsupportedModel: The layers did not run once each, in their order.
        """
        if self.after is None or self.called != len(self.layers):
            raise _out_of_order(f"{self.called} calls of {len(self.layers)} layers")
        return self.after

    def layer(
        self, index: int, original: Callable[..., object], *arguments: object, **named: object
    ) -> object:
        """Run in place of the forward of a layer."""
        if index != self.called:
            raise _out_of_order(f"layer {index} where layer {self.called} was expected")
        self.called += 1
        if index == self.wanted:
            everything = [*arguments, *named.values()]
            if index and _has_nan(everything):
                raise MissingInput(
                    f"layer {index} needs more than what the layer before it returned", do=LOAD_WHOLE
                )
            before = _contents(everything)
            self.after = LayerOutput.of(original(*arguments, **named))
            if before != _contents(everything):
                raise _shared("a layer changes an argument that all layers are given")
            return self.after.returned(torch.clone)  # some models change it in place
        if index == self.wanted - 1 and self.before is not None:
            return self.before.returned(torch.clone)
        shaped = self.before if index < self.wanted else self.after
        if shaped is None:
            raise ValueError("a layer after the first needs what the layer before it returned")
        return shaped.returned(_not_computed)

    def embedding(self, module: nn.Module, original: Callable[[Tensor], Tensor], ids: Tensor) -> Tensor:
        """Run in place of the forward of the token embedding."""
        if self.embeds:
            return original(ids)
        weight = module.get_parameter("weight")
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


def _has_nan(value: object) -> bool:
    """Return whether something that was not computed is among a layer's arguments."""
    if isinstance(value, Tensor):
        return value.is_floating_point() and bool(value.isnan().any())
    if isinstance(value, Mapping):
        return any(map(_has_nan, value.values()))
    return isinstance(value, (tuple, list)) and any(map(_has_nan, value))


def _contents(value: object) -> object:
    """Return something that differs after a container among a layer's arguments was changed.

    Raises:
        UnsupportedModel: An argument is of a kind through which layers may exchange values.
    """
    if isinstance(value, Tensor):
        return id(value)
    if isinstance(value, (tuple, list)):
        return [_contents(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _contents(one) for key, one in value.items()}
    if isinstance(value, PLAIN):
        return value
    raise _shared(f"they are given a {type(value).__name__}")


def _not_computed(value: Tensor) -> Tensor:
    return torch.full_like(value, torch.nan) if value.is_floating_point() else torch.zeros_like(value)


def _shared(found: str) -> UnsupportedModel:
    return UnsupportedModel(
        "the layers of the model share more than the hidden states", found=found, do=LOAD_WHOLE
    )


def _out_of_order(found: str) -> UnsupportedModel:
    return UnsupportedModel(
        "the layers of the model do not run once each, in order", found=found, do=LOAD_WHOLE
    )
