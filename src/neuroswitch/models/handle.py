"""The handle on a loaded model: the module, its tokenizer, its neurons and who it is.

The only value of the library that holds a module. Knows how to reach the parts that reading
and ranking need; does not know how a model is loaded, read or scaled.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites import (
    FINAL_NORMS,
    OTHER_NORMS,
    NeuronLayout,
    decoder_of,
    is_linear,
    resident,
    sizes,
    token_embedding,
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


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model whose neurons have been found.

    Attributes:
        module: The transformers model, LM head included.
        tokenizer: Its tokenizer.
        layout: All its neurons.
        layers_path: Module path of the decoder layer list, such as `model.layers`.
        identity: Who the model is.
    """

    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    layout: NeuronLayout
    layers_path: str
    identity: ModelIdentity

    @property
    def device(self) -> torch.device:
        """Return the device that token ids must be on."""
        weight = next(token_embedding(self.module).parameters())
        # the inputs of an offloaded embedding are moved by accelerate
        return torch.device("cpu") if weight.is_meta else weight.device

    @property
    def decoder(self) -> nn.Module:
        """Return the model without its LM head."""
        return decoder_of(self.module, self.layers_path)

    @property
    def final_norm(self) -> nn.Module | None:
        """Return the norm between the last layer and the output, or None where there is none.

        Raises:
            UnsupportedModel: Several norms of the decoder could be it.
        """
        owner = self.module.get_submodule(self.layers_path.rpartition(".")[0])
        norms = {name: child for name, child in owner.named_children() if _is_norm(name, child)}
        known = [name for name in FINAL_NORMS if name in norms] or list(norms)
        if len(norms) <= 1 or known[0] in FINAL_NORMS:
            return norms[known[0]] if known else None
        raise UnsupportedModel(
            "the final norm of the model is not known",
            found=f"norms called {sorted(norms)}",
            expected=f"one called {', '.join(FINAL_NORMS)}",
            do="use a ranking that does not read the output weights, such as 'delta'",
        )

    @property
    def head(self) -> nn.Module:
        """Return the LM head: the module that transformers knows as it, or the only map onto the vocabulary.

        Raises:
            UnsupportedModel: There is none, or several could be it.
        """
        known = self.module.get_output_embeddings()  # type: ignore[no-untyped-call]
        if isinstance(known, nn.Module):
            return known
        inside = set(self.decoder.modules())
        vocabulary = getattr(self.module.config.get_text_config(decoder=True), "vocab_size", None)
        maps = [child for child in self.module.modules() if is_linear(child) and child not in inside]
        fitting = [child for child in maps if sizes(child)[1] == vocabulary]
        if len(fitting) == 1:
            return fitting[0]
        raise UnsupportedModel(
            f"{type(self.module).__name__} has no output embedding",
            found=f"{len(fitting)} linear maps onto {vocabulary} tokens behind the layers",
            expected="a causal language model with an LM head",
        )

    @property
    def unembedding(self) -> Float[Tensor, "vocabulary hidden"]:
        """Return the output embedding's weight, shape (V, H); every rank must ask for a sharded one.

        Raises:
            UnsupportedModel: The model has no LM head.
        """
        head = self.head
        # an offloaded weight is fetched; one of a model without weights stays what it is
        with resident(head) if hasattr(head, "_hf_hook") else nullcontext():
            weight: Tensor = head.weight  # type: ignore[assignment]
        return weight.full_tensor() if isinstance(weight, DTensor) else weight


def _is_norm(name: str, child: nn.Module) -> bool:
    return ("norm" in type(child).__name__.lower() or name in FINAL_NORMS) and name not in OTHER_NORMS
