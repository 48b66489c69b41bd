"""Discovery over a checkpoint that does not fit into memory: all prompts, one layer at a time.

Every tensor of the checkpoint is read once. Between layers the hidden states of all prompts are on
disk, so a stream that was stopped continues after the last finished layer and ends with the same bytes
as one that was not. The statistics are those of `collect`, for rankings that need no generation.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from neuroswitch.activations import Activations, next_token_log_probabilities
from neuroswitch.batching import compatible, fitting_batch, in_halves, plan_batches
from neuroswitch.chat import encode, read_token
from neuroswitch.checkpoints import LayerOutput, Stream, StreamedModel, streaming
from neuroswitch.circuits import found_with
from neuroswitch.discovery.collection import Reading
from neuroswitch.discovery.effects import ATTRIBUTIONS
from neuroswitch.discovery.rankings import RANKINGS, Scores, rank
from neuroswitch.discovery.statistics import ClassStatistics, Moments, NeuronStatistics
from neuroswitch.discovery.stream_folder import (
    Finished,
    HiddenStates,
    PileBatch,
    begin,
    damaged_stream,
    finish,
    get_tensors,
    put_tensors,
)
from neuroswitch.discovery.universal import SHARE_OF_PROMPTS, TOP_FRACTION
from neuroswitch.errors import BadOption, BadPrompts, BadRun
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet, diverse_prompts
from neuroswitch.provenance import versions
from neuroswitch.sites import NeuronLayout
from neuroswitch.storage import digest, locked

MEMORY = 2**30
"""Bytes of hidden states that stay in memory between layers; more are read back from disk."""

PILES = ("positive", "negative", "diverse")


def collect_streamed(
    source: StreamedModel,
    contrast: ContrastSet,
    reading: Reading,
    folder: Path,
    *,
    memory: int = MEMORY,
    progress: Progress = silent,
) -> NeuronStatistics:
    """Collect what `collect` does, reading the checkpoint layer by layer.

    Args:
        source: What `open_streamed` returned.
        contrast: Only its discovery split is read.
        reading: How, and what beyond neurons: `next_token`, `layers`, or nothing.
        folder: For what is kept between layers; a stream in it is continued.
        memory: Bytes of hidden states that may stay in memory between layers.
        progress: Called after each layer.

    Raises:
        BadOption: Contributions are asked for, which need generated responses.
        Prerequisite: The checkpoint is damaged.
        BadRun: The folder holds another stream or something else, or another process is writing it.
        UnsupportedModel: The layers of the model share more than the hidden states.
    """
    if reading.needs & ATTRIBUTIONS.keys():
        raise _needs_responses("contributions to responses")
    with locked(folder):
        discovery = _Discovery(source, contrast, reading, folder, memory)
        discovery.run(progress)
        return discovery.statistics()


def rank_streamed(statistics: NeuronStatistics, name: str, source: StreamedModel) -> Scores:
    """Score every neuron as `rank` does; output projections are read from the checkpoint, one at a time.

    Raises:
        BadOption: The ranking needs generated responses, or something that was not collected.
    """
    require_streamable(name)
    parts = [*source.outside, *(source.head if "next_token" in RANKINGS.get(name).needs else [])]
    source.bring(parts)
    try:
        return rank(statistics, name, source.model)
    finally:
        source.weights.empty(parts)


def streamable() -> list[str]:
    """Return the names of the rankings that need no generation."""
    return [name for name in RANKINGS.names() if not RANKINGS.get(name).needs_responses]


def require_streamable(name: str) -> None:
    """Raise an error for a ranking that needs generated responses.

    Raises:
        BadOption: It does, or there is no such ranking.
    """
    if RANKINGS.get(name).needs_responses:
        raise _needs_responses(f"the ranking {name!r}")


@dataclass
class _Discovery:
    """A streamed discovery in progress."""

    source: StreamedModel
    contrast: ContrastSet
    reading: Reading
    folder: Path
    memory: int

    def __post_init__(self) -> None:
        model, (positive, negative) = self.source.model, self.contrast.discovery
        prompts = dict(zip(PILES, (positive, negative, diverse_prompts()), strict=True))
        self.piles = {  # token ids of the prompts of every pile
            pile: [encode(model.tokenizer, prompt, self.reading.chat) for prompt in chosen]
            for pile, chosen in prompts.items()
        }
        if empty := [pile for pile, ids in self.piles.items() if not ids or not all(ids)]:
            raise BadPrompts(f"there is nothing to read in the {empty[0]} prompts", found="an empty prompt")
        tensors = self.source.weights.checkpoint.tensors
        # a checkpoint that was moved has another name
        moved = {"name", "location"}
        settings: dict[str, object] = {
            "model": {key: value for key, value in asdict(model.identity).items() if key not in moved},
            "tensors": digest({name: [one.dtype, one.shape] for name, one in tensors.items()}),
            "prompts": digest(self.piles),
            "batch_size": self.reading.batch_size,
            "needs": sorted(self.reading.needs),
            "versions": {name: versions()[name] for name in ("torch", "transformers")},
        }
        if model.layout.units != "mlp":  # as folders say it that are older than units
            settings["units"] = model.layout.units
        self.done = begin(self.folder, Finished(settings=settings, batches=self._batches()))
        self.end: dict[str, Tensor] = {}
        self.end_file = self.folder / "end.safetensors"
        self.normed_file = self.folder / "normed.safetensors"

    def run(self, progress: Progress) -> None:
        """Run what is not finished yet."""
        source, layers = self.source, self.source.layers
        if self.done.layers > layers:
            raise BadRun(
                f"the stream in {self.folder} is damaged",
                found=f"{self.done.layers} finished layers",
                expected=f"at most {layers}",
                do="name another folder, or remove this one to begin again",
            )
        if self.done.layers == layers and self.end_file.exists():
            self.end, _ = get_tensors(self.end_file)
            return
        head = "next_token" in self.reading.needs
        hidden = HiddenStates(self.folder, self.done.layers - 1, self.memory)
        with streaming(source, head=head, outputs="layers" in self.reading.needs) as stream:
            self._require_same_weights()
            progress("read layers", self.done.layers, layers)
            for index in range(self.done.layers, layers):
                with stream.layer(index):
                    hidden = self._layer(stream, index, hidden)
                progress("read layers", index + 1, layers)
            if head:
                source.bring(source.head)
            self._finish()

    def statistics(self) -> NeuronStatistics:
        """Put the layers together."""
        source, layout = self.source, self.source.model.layout
        parts = [self._statistics_of(index) for index in range(source.layers)]
        source.weights.samples.update(self.done.samples)
        read = Counter(
            read_token(source.model.tokenizer, row).text
            for pile in ("positive", "negative")
            for row in self.piles[pile]
        )
        most_active = parts[-1]["diverse.ids"]  # (prompts, top)
        hits = torch.bincount(most_active.flatten(), minlength=layout.size)
        return NeuronStatistics(
            layout=layout,
            positive=self._of_class("positive", parts),
            negative=self._of_class("negative", parts),
            universal=hits >= SHARE_OF_PROMPTS * len(most_active),
            model=replace(source.model.identity, weights_sha256=source.weights.digest()),
            contrast=self.contrast.name,
            prompts_sha256=self.contrast.sha256,
            found=found_with(self.contrast.discovery, self.reading.chat, read),
        )

    def _of_class(self, pile: str, parts: Sequence[dict[str, Tensor]]) -> ClassStatistics:
        count = len(self.piles[pile])

        def joined(name: str) -> Moments:
            mean, m2 = (torch.cat([part[f"{name}.{of}"] for part in parts]) for of in ("mean", "m2"))
            return Moments(count, mean, m2)

        layers = joined(f"{pile}.layer") if "layers" in self.reading.needs else None
        end = {
            what: Moments(count, self.end[f"{pile}.{what}.mean"], self.end[f"{pile}.{what}.m2"])
            for what in ("normed", "next_token")
            if f"{pile}.{what}.mean" in self.end
        }
        return ClassStatistics(joined(pile), end["normed"], end.get("next_token"), layers)

    def _batches(self) -> tuple[PileBatch, ...]:
        """Make batches of similar length, as `collect` does."""
        model, batches = self.source.model, []
        for pile, ids in self.piles.items():
            lengths = list(map(len, ids))
            size = self.reading.batch_size or fitting_batch(model, max(lengths))
            for rows in plan_batches(lengths, size):
                groups = compatible(model, [lengths[row] for row in rows])
                batches += [PileBatch(pile, tuple(rows[place] for place in group)) for group in groups]
        return tuple(batches)

    def _layer(self, stream: Stream, index: int, before: HiddenStates) -> HiddenStates:
        """Run one layer for all prompts, and write everything to disk that the next one needs."""
        after = HiddenStates(self.folder, index, self.memory)
        previous = self._statistics_of(index - 1) if index else None
        statistics = _LayerStatistics(self.source.model.layout, index, previous)
        last = index == self.source.layers - 1
        batches: list[PileBatch] = []
        for number, batch in enumerate(self.done.batches):
            given = before.take(number) if index else None
            for part, read, output in self._halves(stream, index, batch, given):
                statistics.add(part.pile, read)
                if last:
                    self.end[f"normed.{len(batches):05d}"] = read.normed
                else:
                    after.put(len(batches), output)
                batches.append(part)
        put_tensors(self._statistics_file(index), statistics.tensors())
        if last:
            put_tensors(self.normed_file, self.end)
        self._write_progress(replace(self.done, layers=index + 1, batches=tuple(batches)))
        return after

    def _halves(
        self, stream: Stream, index: int, batch: PileBatch, before: LayerOutput | None
    ) -> list[tuple[PileBatch, Activations, LayerOutput]]:
        """Run a batch, in halves where memory runs out."""
        ids = self.piles[batch.pile]
        size = (len(batch.rows), max(len(ids[row]) for row in batch.rows))

        def work(rows: Sequence[int]) -> tuple[PileBatch, Activations, LayerOutput]:
            chosen = [ids[row] for row in rows]
            given = before
            if before is not None and len(rows) < size[0]:
                start = batch.rows.index(rows[0])
                given = before.part(slice(start, start + len(rows)), max(map(len, chosen)), size)
            read, output = stream.run(index, chosen, given)
            return PileBatch(batch.pile, tuple(rows)), read, output

        return in_halves(work, batch.rows)

    def _finish(self) -> None:
        """Summarise the output of the last layer, and the next-token probabilities if they are asked for."""
        rows, _ = get_tensors(self.normed_file)
        found: dict[str, Moments] = {}
        for number, batch in enumerate(self.done.batches):
            if batch.pile != "diverse":
                normed = rows[f"normed.{number:05d}"]
                _add(found, f"{batch.pile}.normed", Moments.of(normed))
                if "next_token" in self.reading.needs:
                    probabilities = next_token_log_probabilities(self.source.model, normed).exp()
                    _add(found, f"{batch.pile}.next_token", Moments.of(probabilities))
        self.end = _named(found)
        put_tensors(self.end_file, self.end)
        self._write_progress(self.done)

    def _write_progress(self, done: Finished) -> None:
        self.done = replace(done, samples={**done.samples, **self.source.weights.samples})
        finish(self.folder, self.done)

    def _statistics_of(self, layer: int) -> dict[str, Tensor]:
        """Read the statistics of a finished layer.

        Raises:
            BadRun: The file is missing or damaged, or holds other tensors.
        """
        path, layout = self._statistics_file(layer), self.source.model.layout
        width = sum(site.neurons for site in layout.sites if site.layer == layer)
        found, _ = get_tensors(path)
        moments = [f"{pile}.{what}" for pile in ("positive", "negative") for what in ("mean", "m2")]
        shapes = {name: tuple(found[name].shape) for name in moments if name in found}
        ids = found.get("diverse.ids")
        if shapes != dict.fromkeys(moments, (width,)) or ids is None or "diverse.values" not in found:
            raise damaged_stream(path, f"tensors {', '.join(sorted(found)) or 'of no name'}")
        if ids.dtype != torch.int64 or not bool(((ids >= 0) & (ids < layout.size)).all()):
            raise damaged_stream(path, "neurons that the model does not have")
        return found

    def _statistics_file(self, layer: int) -> Path:
        return self.folder / "statistics" / f"{layer:05d}.safetensors"

    def _require_same_weights(self) -> None:
        now = self.source.weights.samples
        changed = [name for name, before in self.done.samples.items() if now.get(name, before) != before]
        if changed:
            raise BadRun(
                f"the checkpoint has changed since the stream in {self.folder} was stopped",
                found=f"other values in {changed[0]}",
                do="name another folder, or remove this one to begin again",
            )


class _LayerStatistics:
    """Moments of the neurons of one layer for the two classes, and the most active for each diverse prompt.

    Universal neurons are the most active ones of all layers, so for every diverse prompt the most active so
    far are passed on from layer to layer.
    """

    def __init__(self, layout: NeuronLayout, layer: int, previous: dict[str, Tensor] | None) -> None:
        places = [place for place, site in enumerate(layout.sites) if site.layer == layer]
        self.first = layout.offsets[places[0]] if places else 0
        self.width = sum(layout.sites[place].neurons for place in places)
        self.count = max(1, int(TOP_FRACTION * layout.size))
        self.previous = previous
        self.moments: dict[str, Moments] = {}
        self.values: list[Tensor] = []
        self.ids: list[Tensor] = []

    def add(self, pile: str, read: Activations) -> None:
        """Add what was read of a batch of a pile: the neurons of the layer, and its output if it was asked for."""
        if pile != "diverse":
            _add(self.moments, pile, Moments.of(read.neurons))
            for output in read.outputs.values():
                _add(self.moments, f"{pile}.layer", Moments.of(output))
            return
        top = read.neurons.abs().topk(min(self.count, self.width))
        self.values.append(top.values)
        self.ids.append(top.indices + self.first)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by name; `diverse` holds the most active neurons of all layers so far."""
        values, ids = torch.cat(self.values), torch.cat(self.ids)
        if self.previous is not None:
            values = torch.cat([self.previous["diverse.values"], values], 1)
            ids = torch.cat([self.previous["diverse.ids"], ids], 1)
        top = values.topk(min(self.count, values.shape[1]))
        most_active = {"diverse.values": top.values, "diverse.ids": ids.gather(1, top.indices)}
        return {**most_active, **_named(self.moments)}


def _add(found: dict[str, Moments], key: str, moments: Moments) -> None:
    """Merge moments into those of the same name."""
    found[key] = found[key].merge(moments) if key in found else moments


def _named(found: dict[str, Moments]) -> dict[str, Tensor]:
    """Return means and squared deviations under the names they have on disk."""
    means = {f"{key}.mean": moments.mean for key, moments in found.items()}
    return means | {f"{key}.m2": moments.m2 for key, moments in found.items()}


def _needs_responses(what: str) -> BadOption:
    return BadOption(
        f"{what} cannot be collected layer by layer: the model would have to answer the prompts first",
        expected=f"a ranking that needs no answers: {', '.join(streamable())}",
        do="name one of them, for example --ranking next_token",
    )
