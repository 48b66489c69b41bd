"""A model whose weights stay in the checkpoint and are read layer by layer, each tensor once.

At most two layers are in memory: the one that runs, and the next one, which is read meanwhile. So are
the small parts outside the layers, and the token embedding until the first layer has run.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import torch
from accelerate import init_empty_weights
from accelerate.hooks import AlignDevicesHook
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from neuroswitch.activations import Activations, capturing, layer_paths
from neuroswitch.batching import is_out_of_memory, padded
from neuroswitch.checkpoints.checkpoint import checkpoint_of
from neuroswitch.checkpoints.replay import LayerOutput, MissingInput, Replay, replaying
from neuroswitch.checkpoints.weights import Weights, owner_of
from neuroswitch.errors import BadOption, Prerequisite, UnsupportedModel
from neuroswitch.models import LanguageModel, LoadOptions, load_model
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import NeuronLayout, experts_of, is_linear


class LayerRead(NamedTuple):
    """What one layer computed for one batch: its neurons at the tokens read, and its output."""

    read: Activations
    output: LayerOutput


class _Buildable(Protocol):
    def _from_config(self, config: PreTrainedConfig, *, dtype: torch.dtype) -> PreTrainedModel: ...


@dataclass(frozen=True, eq=False)
class StreamedModel:
    """A model on the meta device, and its weights on disk.

    Attributes:
        model: The model; its buffers are in memory, its parameters are not.
        weights: Its parameters, in the checkpoint.
    """

    model: LanguageModel
    weights: Weights

    @property
    def layers(self) -> int:
        """Return the number of decoder layers."""
        return len(list(self.model.module.get_submodule(self.model.layers_path).children()))

    def layer(self, index: int) -> list[str]:
        """Return the paths of a layer's parameters and buffers."""
        return self._below(self.model.module.get_submodule(f"{self.model.layers_path}.{index}"))

    @cached_property
    def embedding(self) -> list[str]:
        """Return the path of the token embedding's weight."""
        return self._below(self.model.module.get_input_embeddings())

    @cached_property
    def outside(self) -> list[str]:
        """Return the paths of what the decoder holds besides its layers and the token embedding."""
        layers, words = f"{self.model.layers_path}.", set(self.embedding)
        names = self._below(self.model.decoder)
        return [name for name in names if not name.startswith(layers) and name not in words]

    @cached_property
    def head(self) -> list[str]:
        """Return the paths of the LM head's parameters, and of those that they are tied to."""
        head = self.model.module.get_output_embeddings()
        names = self._below(head) if head is not None else []
        return [*names, *(self.weights.tied[name] for name in names if name in self.weights.tied)]

    @property
    def embedding_in_memory(self) -> bool:
        """Return whether the token embedding is in memory."""
        owner, name = owner_of(self.model.module, self.embedding[0])
        return not cast(Tensor, getattr(owner, name)).is_meta

    def bring(self, names: Sequence[str]) -> None:
        """Read parameters into memory, unless they are there."""
        absent = [name for name in names if name in self.weights.recipes and name not in self.weights.loaded]
        with _enough_memory(", ".join(absent[:3]), absent, self.weights):
            self.weights.fill(absent, self.weights.read(absent))
            self.weights.tie()

    def _below(self, wanted: nn.Module) -> list[str]:
        path = next(path for path, module in self.model.module.named_modules() if module is wanted)
        names = [*wanted.named_parameters(remove_duplicate=False), *wanted.named_buffers()]
        return [f"{path}.{name}" if path else name for name, _ in names]


def open_streamed(
    source: str | Path, *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> StreamedModel:
    """Open a checkpoint without loading its weights.

    Args:
        source: As for `load_model`: folder, Hub id, GGUF file.
        options: Revision, dtype, sites or units; the device is the CPU.
        progress: Called on downloads.

    Raises:
        BadOption: The device is not the CPU.
        Prerequisite: The checkpoint is incomplete or damaged.
        UnsupportedModel: Its weights are quantised, or layers share weights.
    """
    if options.device not in ("auto", "cpu"):
        raise BadOption(
            "a model is read layer by layer on the CPU only",
            found=f"device {options.device!r}",
            do="leave the device out",
        )
    dtype = "float32" if options.dtype == "auto" else options.dtype
    structure = load_model(source, options=replace(options, device="meta", dtype=dtype), progress=progress)
    kind = cast(_Buildable, type(structure.module))
    # unlike on the meta device, rotary tables and other buffers that no checkpoint holds get their values
    with init_empty_weights():
        module = kind._from_config(structure.module.config, dtype=structure.module.dtype)
    module.eval()
    model = replace(structure, module=module)
    streamed = StreamedModel(model, Weights(module, checkpoint_of(model)))
    weights, layers = streamed.weights, f"{model.layers_path}."
    if shared := [name for pair in weights.tied.items() for name in pair if name.startswith(layers)]:
        raise UnsupportedModel(
            "layers of the model share weights, so it cannot be read layer by layer",
            found=", ".join(shared[:3]),
            do="load the model whole",
        )
    in_layers = [name for index in range(streamed.layers) for name in streamed.layer(index)]
    weights.require([*streamed.outside, *streamed.embedding, *in_layers, *streamed.head])
    _read_on_demand(streamed, model.layout.paths, outgoing=True)
    return streamed


class Stream:
    """A streamed model while its layers are run; see `streaming`."""

    def __init__(
        self,
        streamed: StreamedModel,
        replay: Replay,
        reader: ThreadPoolExecutor,
        *,
        keep_embedding: bool,
        outputs: bool,
    ) -> None:
        self.streamed, self.replay, self.reader = streamed, replay, reader
        self.keep_embedding, self.outputs = keep_embedding, outputs
        self.coming: tuple[int, Future[dict[str, Tensor]]] | None = None

    @contextmanager
    def layer(self, index: int) -> Iterator[None]:
        """Hold a layer in memory while the block is open, and read the next one meanwhile."""
        names, weights = self.streamed.layer(index), self.streamed.weights
        with _enough_memory(f"layer {index}", names, weights):
            coming, self.coming = self.coming, None
            raw = coming[1].result() if coming is not None and coming[0] == index else weights.read(names)
            del coming
            weights.fill(names, raw)
        if index + 1 < self.streamed.layers:
            next_names = self.streamed.layer(index + 1)
            self.coming = (index + 1, self.reader.submit(weights.read, next_names))
        if index == 0:
            self.streamed.bring(self.streamed.embedding)
        try:
            yield
        finally:
            weights.empty(names)
            if index == 0 and not self.keep_embedding:
                weights.empty(self.streamed.embedding)

    @torch.no_grad()
    def run(self, index: int, ids: Sequence[Sequence[int]], before: LayerOutput | None) -> LayerRead:
        """Run a layer that is in memory for one batch, padded on the right.

        Args:
            index: The layer.
            ids: Token ids of each sequence.
            before: What the layer before returned for the same batch; None for the first.

        Returns:
            The layer's neurons at the last token of each sequence, and its output. For the last layer
            `normed` and `residual` are those of the model, for others they are NaN.

        Raises:
            UnsupportedModel: The layers share more than the hidden states.
        """
        batch = padded(ids).tokens  # (B, T)
        rows = torch.tensor([b * batch.shape[1] + len(row) - 1 for b, row in enumerate(ids)])
        try:
            return self._run(index, batch, rows, before)
        except MissingInput:
            if not index or self.streamed.embedding_in_memory:
                raise
        # some models give the embeddings to later layers too: they stay in memory from here on
        self.streamed.bring(self.streamed.embedding)
        return self._run(index, batch, rows, before)

    def _run(self, index: int, batch: Tensor, rows: Tensor, before: LayerOutput | None) -> LayerRead:
        model = self.streamed.model
        layout = NeuronLayout(tuple(site for site in model.layout.sites if site.layer == index))
        self.replay.prepare(index, before, embeds=self.streamed.embedding_in_memory)
        outputs = (layer_paths(model)[index],) if self.outputs else ()
        with capturing(model, rows, tokens=batch.numel(), layout=layout, outputs=outputs) as capture:
            model.decoder(input_ids=batch, use_cache=False)
        return LayerRead(capture.activations(), self.replay.result())


@contextmanager
def streaming(streamed: StreamedModel, *, head: bool, outputs: bool = False) -> Iterator[Stream]:
    """Make a model ready to run layer by layer; after the block its weights are out of memory again.

    Args:
        streamed: The model.
        head: The LM head is needed later, so embeddings that it is tied to stay in memory.
        outputs: Read the residual stream behind every layer too, at the tokens whose neurons are read.
    """
    keep = head and bool(set(streamed.head) & set(streamed.embedding))
    streamed.bring(streamed.outside)
    with ThreadPoolExecutor(1, "read layer") as reader, replaying(streamed.model) as replay:
        try:
            yield Stream(streamed, replay, reader, keep_embedding=keep, outputs=outputs)
        finally:
            streamed.weights.empty([*streamed.embedding, *streamed.outside, *streamed.head])


class _FromCheckpoint(AlignDevicesHook):  # type: ignore[misc]
    """Brings weights of a module into memory in the way that accelerate does for offloaded ones."""

    def __init__(self, streamed: StreamedModel, names: list[str]) -> None:
        super().__init__(execution_device="cpu", offload=True)
        self.streamed, self.names = streamed, names

    def pre_forward(
        self, module: nn.Module, *args: object, **kwargs: object
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        self.streamed.bring(self.names)
        return args, kwargs

    def post_forward(self, module: nn.Module, output: object) -> object:
        self.streamed.weights.empty(self.names)
        return output


@contextmanager
def reading_weights(streamed: StreamedModel) -> Iterator[None]:
    """Read all weights of the blocks that hold sites on demand while the block is open.

    Outside of it only what neurons write with is read on demand, a third of a feed-forward network.
    """
    module, sites = streamed.model.module, streamed.model.layout.paths
    networks = dict.fromkeys(sites)  # sites, and the linear maps beside them
    for parent in dict.fromkeys(site.rpartition(".")[0] for site in sites):
        children = module.get_submodule(parent).named_children()
        networks |= dict.fromkeys(f"{parent}.{name}" for name, child in children if is_linear(child))
    _read_on_demand(streamed, list(networks), outgoing=False)
    try:
        yield
    finally:
        for path in networks:
            del module.get_submodule(path)._hf_hook
        _read_on_demand(streamed, sites, outgoing=True)


def _read_on_demand(streamed: StreamedModel, paths: Sequence[str], *, outgoing: bool) -> None:
    """Have weights of modules read from the checkpoint: all, or only what neurons write with."""
    for path in paths:
        module = streamed.model.module.get_submodule(path)
        experts = experts_of(module)
        written = experts.written if experts is not None and outgoing else None
        names = [
            f"{path}.{name}"
            for name, parameter in module.named_parameters()
            if written is None or parameter is written or parameter is written._base
        ]
        module._hf_hook = _FromCheckpoint(streamed, names)  # type: ignore[assignment]


@contextmanager
def _enough_memory(what: str, names: Sequence[str], weights: Weights) -> Iterator[None]:
    """Raise an error that names what did not fit, where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        size = weights.size(names)
        raise Prerequisite(
            f"there is not enough memory for {what}",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            expected=f"memory for {size / 1e9:.2f} GB, and for what the checkpoint holds of it and of the next layer",
            do="free memory or ask for dtype bfloat16, and run the same command again: it continues from here",
        ) from error
