"""A model whose weights stay in the checkpoint: read layer by layer, each tensor once.

At most two layers are in memory: the one that runs, and the next one, which is read while it does.
Besides them, what is small and outside of the layers, and the token embedding until the first layer has
run. Knows which part of a model a weight belongs to; does not know prompts or statistics.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import init_empty_weights
from accelerate.hooks import AlignDevicesHook
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuroswitch.activations import LastToken, capturing
from neuroswitch.checkpoints.checkpoint import checkpoint_of
from neuroswitch.checkpoints.replay import Handed, Leak, Replay, replaying
from neuroswitch.checkpoints.weights import Weights
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import LanguageModel, LoadOptions, load_model
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import NeuronLayout, experts_of, is_linear


class LayerRead(NamedTuple):
    """What one layer did to one batch: its neurons at the tokens read, and what it handed over."""

    read: LastToken
    handed: Handed


@dataclass(frozen=True, eq=False)
class StreamedModel:
    """A model on the meta device, and where its weights are.

    Attributes:
        model: The model; its buffers are in memory, its parameters are not.
        weights: Its parameters, in the checkpoint.
    """

    model: LanguageModel
    weights: Weights

    @property
    def layers(self) -> int:
        """Return the number of decoder layers."""
        return len(list(self._list.children()))

    def layer(self, index: int) -> list[str]:
        """Return the paths of a layer's parameters and buffers."""
        return self._below(f"{self.model.layers_path}.{index}")

    @cached_property
    def outer(self) -> list[str]:
        """Return the paths of what the decoder holds outside of its layers, besides the token embedding."""
        inside, words = f"{self.model.layers_path}.", set(self.words)
        names = self._below(self._path_of(self.model.decoder))
        return [name for name in names if not name.startswith(inside) and name not in words]

    @cached_property
    def words(self) -> list[str]:
        """Return the path of the token embedding."""
        embedding: nn.Module = self.model.module.get_input_embeddings()
        return self._below(self._path_of(embedding))

    @cached_property
    def head(self) -> list[str]:
        """Return the paths of the LM head's parameters, those that are tied to an embedding as well."""
        head = self.model.module.get_output_embeddings()
        names = self._below(self._path_of(head)) if head is not None else []
        tied = self.weights.tied
        return [*names, *(tied[name] for name in names if name in tied)]

    @property
    def _list(self) -> nn.Module:
        return self.model.module.get_submodule(self.model.layers_path)

    def _below(self, path: str) -> list[str]:
        module = self.model.module.get_submodule(path)
        names = [*module.named_parameters(remove_duplicate=False), *module.named_buffers()]
        return [f"{path}.{name}" if path else name for name, _ in names]

    def _path_of(self, wanted: nn.Module) -> str:
        return next(path for path, module in self.model.module.named_modules() if module is wanted)

    def bring(self, names: Sequence[str]) -> None:
        """Read parameters into memory, unless they are there."""
        absent = [name for name in names if name in self.weights.made and name not in self.weights.loaded]
        with _enough_memory(", ".join(absent[:3]), absent, self.weights):
            self.weights.fill(absent, self.weights.read(absent))
            self.weights.tie()


def open_streamed(
    source: str | Path, *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> StreamedModel:
    """Open a checkpoint without loading its weights.

    Args:
        source: As for `load`: folder, Hub id, GGUF file.
        options: Revision, dtype, sites; the device is the CPU.
        progress: Told of downloads.

    Raises:
        Prerequisite: The checkpoint is incomplete or damaged.
        UnsupportedModel: Its weights are quantised, or layers share weights.
    """
    if options.device not in ("auto", "cpu"):
        raise Prerequisite(
            "a model is read layer by layer on the CPU only",
            found=f"device {options.device!r}",
            do="leave the device out",
        )
    dtype = "float32" if options.dtype == "auto" else options.dtype
    outline = load_model(source, options=replace(options, device="meta", dtype=dtype), progress=progress)
    kind: Any = type(outline.module)
    # unlike on the meta device, rotary tables and other buffers that no checkpoint holds get their values
    with init_empty_weights():
        module: PreTrainedModel = kind._from_config(outline.module.config, dtype=outline.module.dtype)
    module.eval()  # type: ignore[no-untyped-call]
    model = replace(outline, module=module)
    weights = Weights(module, checkpoint_of(model))
    streamed = StreamedModel(model, weights)
    _require_own_layers(streamed)
    weights.require([*streamed.outer, *streamed.words, *_all_layers(streamed), *streamed.head])
    _offload(streamed, model.layout.paths, outgoing=True)
    return streamed


class Stream:
    """A streamed model while its layers are run; see `streaming`."""

    def __init__(
        self, streamed: StreamedModel, replay: Replay, reader: ThreadPoolExecutor, *, keep_words: bool
    ) -> None:
        self.streamed, self.replay, self.reader = streamed, replay, reader
        self.keep_words = keep_words
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
            self.streamed.bring(self.streamed.words)
        try:
            yield
        finally:
            weights.empty(names)
            if index == 0 and not self.keep_words:
                weights.empty(self.streamed.words)

    @torch.no_grad()
    def run(self, index: int, ids: Sequence[Sequence[int]], before: Handed | None) -> LayerRead:
        """Run a layer that is in memory for one batch, padded on the right.

        Args:
            index: The layer.
            ids: Token ids of each sequence.
            before: What the layer before returned for the same batch; None for the first.

        Returns:
            The layer's neurons at the last token of each sequence, and what it returned. Behind the
            last layer `normed` and `residual` are those of the model, before it they are NaN.

        Raises:
            UnsupportedModel: The layers share more than the hidden states.
        """
        longest = max(map(len, ids))
        batch = torch.tensor([[*row, *[row[-1]] * (longest - len(row))] for row in ids])  # (B, T)
        rows = torch.tensor([b * longest + len(row) - 1 for b, row in enumerate(ids)])
        model = self.streamed.model
        sites = tuple(site for site in model.layout.sites if site.layer == index)
        one_layer = replace(model, layout=NeuronLayout(sites))
        try:
            return self._run(one_layer, index, batch, rows, before)
        except Leak:
            if not index or not _at(model.module, self.streamed.words[0]).is_meta:
                raise
        # some models hand the embeddings to later layers too: they stay from here on
        self.streamed.bring(self.streamed.words)
        return self._run(one_layer, index, batch, rows, before)

    def _run(
        self, model: LanguageModel, index: int, batch: Tensor, rows: Tensor, before: Handed | None
    ) -> LayerRead:
        embeds = not _at(model.module, self.streamed.words[0]).is_meta
        self.replay.prepare(index, before, embeds=embeds)
        with capturing(model, rows, tokens=batch.numel()) as capture:
            model.decoder(input_ids=batch, use_cache=False)
        return LayerRead(capture.last_token(), self.replay.result())


@contextmanager
def streaming(streamed: StreamedModel, *, head: bool) -> Iterator[Stream]:
    """Make a model ready to run layer by layer; behind the block its weights are out of memory again.

    Args:
        streamed: The model.
        head: The LM head will be asked for, so embeddings that it is tied to stay in memory.
    """
    keep = head and bool(set(streamed.head) & set(streamed.words))
    streamed.bring(streamed.outer)
    with ThreadPoolExecutor(1, "read layer") as reader, replaying(streamed.model) as replay:
        try:
            yield Stream(streamed, replay, reader, keep_words=keep)
        finally:
            streamed.weights.empty([*streamed.words, *streamed.outer, *streamed.head])


class _FromCheckpoint(AlignDevicesHook):  # type: ignore[misc]
    """Brings weights of a module into memory where accelerate's way to ask for them is used."""

    def __init__(self, streamed: StreamedModel, names: list[str]) -> None:
        super().__init__(execution_device="cpu", offload=True)
        self.streamed, self.names = streamed, names

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self.streamed.bring(self.names)
        return args, kwargs

    def post_forward(self, module: nn.Module, output: Any) -> Any:
        self.streamed.weights.empty(self.names)
        return output


@contextmanager
def reading_weights(streamed: StreamedModel) -> Iterator[None]:
    """Let all weights of the networks in which neurons are be read where they are asked for.

    Without it only what neurons write with is, which is a third of it.
    """
    module = streamed.model.module
    _offload(streamed, _networks(module, streamed.model.layout.paths), outgoing=False)
    try:
        yield
    finally:
        for path in _networks(module, streamed.model.layout.paths):
            del module.get_submodule(path)._hf_hook
        _offload(streamed, streamed.model.layout.paths, outgoing=True)


def _networks(module: PreTrainedModel, sites: Sequence[str]) -> list[str]:
    """Return the paths of sites, and of the linear maps beside them."""
    found = dict.fromkeys(sites)
    for site in sites:
        parent = site.rpartition(".")[0]
        children = module.get_submodule(parent).named_children()
        found |= dict.fromkeys(f"{parent}.{name}" for name, child in children if is_linear(child))
    return list(found)


def _offload(streamed: StreamedModel, paths: Sequence[str], *, outgoing: bool) -> None:
    """Let modules be read from the checkpoint: all of them, or only what neurons write with."""
    for path in paths:
        module: Any = streamed.model.module.get_submodule(path)
        experts = experts_of(module)
        written = experts.written if experts is not None and outgoing else None
        names = [
            f"{path}.{name}"
            for name, parameter in module.named_parameters()
            if written is None or parameter is written or parameter is written._base
        ]
        module._hf_hook = _FromCheckpoint(streamed, names)


def _require_own_layers(streamed: StreamedModel) -> None:
    layers = f"{streamed.model.layers_path}."
    shared = [name for pair in streamed.weights.tied.items() for name in pair if name.startswith(layers)]
    if shared:
        raise UnsupportedModel(
            "layers of the model share weights, so it cannot be read layer by layer",
            found=", ".join(shared[:3]),
            do="load the model whole",
        )


@contextmanager
def _enough_memory(what: str, names: Sequence[str], weights: Weights) -> Iterator[None]:
    """Say what did not fit where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or "memory" in str(error)):
            raise
        size = weights.size(names)
        raise Prerequisite(
            f"there is not enough memory for {what}",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            expected=f"memory for {size / 1e9:.2f} GB, and for what the checkpoint holds of it and of the next layer",
            do="free memory or ask for dtype bfloat16, and run the same command again: it goes on from here",
        ) from error


def _all_layers(streamed: StreamedModel) -> Iterator[str]:
    for index in range(streamed.layers):
        yield from streamed.layer(index)


def _at(module: nn.Module, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    found: Tensor = getattr(module.get_submodule(owner), name)
    return found
