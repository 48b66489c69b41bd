"""The handle on a loaded model: the module, its tokenizer, its neurons, its identity and its open changes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuroswitch.sites import (
    NeuronLayout,
    decoder_of,
    final_norm_of,
    lm_head_of,
    token_embedding,
    weight_device,
    weights_in_memory,
)


@dataclass(frozen=True)
class ModelIdentity:
    """What must be equal for a circuit to belong to a model.

    Attributes:
        name: What the user loads: Hub id, folder or file.
        revision: Commit of the Hub repository, where there is one.
        model_type: The configuration's `model_type`.
        config_sha256: Digest of the configuration.
        template_sha256: Digest of the chat template.
        weights_sha256: Digest of the weights, or None where it was not computed.
        dtype: Name of the parameters' type, such as "float32".
        source: Where it came from: "hub", "folder", "gguf", "demo" or "wrapped".
        location: What transformers loads, where that is not the name: the folder of a converted copy.
    """

    name: str
    revision: str | None
    model_type: str
    config_sha256: str
    template_sha256: str
    weights_sha256: str | None
    dtype: str
    source: str
    location: str | None = None


class PaddingEffect(NamedTuple):
    """Which padding changes how `generate` continues a sequence.

    Attributes:
        on_the_left: Padding before the sequence: only sequences of one length can share a batch.
        after_prefix: Padding between a prefix that is in the cache and the rest: no prefix can be used.
    """

    on_the_left: bool
    after_prefix: bool


class OpenChange:
    """A change of a model that is in force, and can be taken back and made again."""

    def __init__(self, applied: Callable[[], AbstractContextManager[None]]) -> None:
        self.applied, self.block = applied, ExitStack()

    def make(self) -> None:
        """Change the model."""
        self.block.enter_context(self.applied())

    def take_back(self) -> None:
        """Undo the change."""
        self.block.close()


@dataclass(eq=False)
class ModelState:
    """What changes while a model is used; everything else about it is constant.

    Attributes:
        changes: The changes in force, in the order in which they were made.
        padding: What was measured about padding on the untouched model; None before that.
    """

    changes: list[OpenChange] = field(default_factory=list)
    padding: PaddingEffect | None = None


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model whose neurons have been found.

    Attributes:
        module: The transformers model, LM head included.
        tokenizer: Its tokenizer.
        layout: All its neurons.
        layers_path: Module path of the list of decoder layers, such as `model.layers`.
        identity: Which model it is.
        state: Its open changes, and what was measured about it.
    """

    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    layout: NeuronLayout
    layers_path: str
    identity: ModelIdentity
    state: ModelState = field(default_factory=ModelState, repr=False)

    @property
    def device(self) -> torch.device:
        """Return the device that token ids must be on."""
        return weight_device(next(token_embedding(self.module).parameters()))

    @property
    def decoder(self) -> nn.Module:
        """Return the model without its LM head."""
        return decoder_of(self.module, self.layers_path)

    @property
    def final_norm(self) -> nn.Module | None:
        """Return the norm between the last layer and the LM head, or None where there is none.

        Raises:
            UnsupportedModel: Several norms of the decoder could be it.
        """
        return final_norm_of(self.module, self.layers_path)

    @property
    def head(self) -> nn.Module:
        """Return the LM head.

        Raises:
            UnsupportedModel: There is none, or several modules could be it.
        """
        return lm_head_of(self.module, self.layers_path)

    @property
    def unembedding(self) -> Float[Tensor, "vocabulary hidden"]:
        """Return the LM head's weight; if it is sharded, every process must ask at the same point.

        Raises:
            UnsupportedModel: The model has no LM head.
        """
        head = self.head
        # an offloaded weight is fetched; one of a model without weights stays on the meta device
        with weights_in_memory(head) if hasattr(head, "_hf_hook") else nullcontext():
            weight: Tensor = head.weight  # type: ignore[assignment]
        return weight.full_tensor() if isinstance(weight, DTensor) else weight

    @contextmanager
    def changed(self, applied: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """Keep the model changed while the block is open, except where `untouched` is open inside it.

        Args:
            applied: Opens a block inside which the model is changed; called again after `untouched`.
        """
        change = OpenChange(applied)
        change.make()
        self.state.changes.append(change)
        try:
            yield
        finally:
            self.state.changes.remove(change)
            change.take_back()

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Take all open changes of the model back while the block is open."""
        changes, self.state.changes = self.state.changes, []
        for change in reversed(changes):
            change.take_back()
        try:
            yield
        finally:
            for change in changes:
                change.make()
            self.state.changes = changes
