"""Discovery over a checkpoint that does not fit into memory: all prompts, one layer at a time.

Every tensor of the checkpoint is read once. Between layers the hidden states of all prompts are on
disk, so a stream that was stopped goes on behind the last finished layer and ends with the bytes of
one that was not. The statistics are those of `collect`, for rankings that need no generation.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neuroswitch.activations import next_token_probabilities
from neuroswitch.batching import compatible, fitting_batch, in_halves
from neuroswitch.chat import encode, read_token
from neuroswitch.checkpoints import Handed, Stream, StreamedModel, streaming
from neuroswitch.discovery.collection import Reading
from neuroswitch.discovery.rankings import RANKINGS, Scores, rank
from neuroswitch.discovery.statistics import ClassStatistics, Moments, NeuronStatistics
from neuroswitch.discovery.stream_folder import (
    END,
    Batch,
    Finished,
    Hidden,
    begin,
    finish,
    get_tensors,
    put_tensors,
    statistics_file,
)
from neuroswitch.discovery.tally import Tally, add, as_tensors, universal_of
from neuroswitch.errors import BadOption, BadPrompts, BadRun
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet, diverse_prompts
from neuroswitch.storage import digest

MEMORY = 2**30
"""Bytes of hidden states that stay in memory between layers; more are read back from disk."""

PILES = ("positive", "negative", "diverse")

Piles = dict[str, list[list[int]]]
"""Token ids of the prompts of every pile."""


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
        reading: How, and what beyond neurons: `next_token`, or nothing.
        folder: For what is kept between layers; a stream in it is continued.
        memory: Bytes of hidden states that may stay in memory between layers.
        progress: Told after each layer.

    Raises:
        BadOption: Contributions are asked for, which need generated responses.
        Prerequisite: The checkpoint is damaged.
        BadRun: The folder holds another stream.
        UnsupportedModel: The layers of the model share more than the hidden states.
    """
    if "contribution" in reading.needs:
        raise _needs_responses("contributions to responses")
    stream = _Discovery(source, contrast, reading, folder, memory)
    stream.run(progress)
    return stream.statistics()


def rank_streamed(statistics: NeuronStatistics, name: str, source: StreamedModel) -> Scores:
    """Score every neuron as `rank` does; output projections are read from the checkpoint, one at a time.

    Raises:
        BadOption: The ranking needs generated responses, or something that was not collected.
    """
    require_streamable(name)
    needs = RANKINGS.get(name).needs
    parts = [*source.outer, *(source.head if "next_token" in needs else [])]
    source.bring(parts)
    try:
        return rank(statistics, name, source.model)
    finally:
        source.weights.empty(parts)


def streamable() -> list[str]:
    """Return the names of the rankings that need no generation."""
    return [name for name in RANKINGS.names() if "contribution" not in RANKINGS.get(name).needs]


def require_streamable(name: str) -> None:
    """Refuse a ranking that needs generated responses.

    Raises:
        BadOption: It does, or there is no such ranking.
    """
    if "contribution" in RANKINGS.get(name).needs:
        raise _needs_responses(f"the ranking {name!r}")


@dataclass
class _Discovery:
    """A streamed discovery at work."""

    source: StreamedModel
    contrast: ContrastSet
    reading: Reading
    folder: Path
    memory: int

    def __post_init__(self) -> None:
        model, (positive, negative) = self.source.model, self.contrast.discovery
        prompts = dict(zip(PILES, (positive, negative, diverse_prompts()), strict=True))
        self.piles: Piles = {
            pile: [encode(model.tokenizer, prompt, self.reading.chat) for prompt in chosen]
            for pile, chosen in prompts.items()
        }
        if empty := [pile for pile, ids in self.piles.items() if not ids or not all(ids)]:
            raise BadPrompts(f"there is nothing to read in the {empty[0]} prompts", found="an empty prompt")
        # the name is how the user calls the checkpoint; it may be moved
        identity = {
            key: value for key, value in asdict(model.identity).items() if key not in ("name", "location")
        }
        self.settings: dict[str, Any] = {
            "model": identity,
            "tensors": digest(
                {
                    name: [place.dtype, place.shape]
                    for name, place in self.source.weights.checkpoint.tensors.items()
                }
            ),
            "prompts": digest(self.piles),
            "batch_size": self.reading.batch_size,
            "needs": sorted(self.reading.needs),
        }
        self.done = begin(self.folder, self.settings, self._batches(model))
        self.end: dict[str, Tensor] = {}

    def run(self, progress: Progress) -> None:
        """Run what is not finished yet."""
        source, layers = self.source, self.source.layers
        if self.done.layers == layers and (self.folder / END).exists():
            self.end = get_tensors(self.folder / END)
            return
        head = "next_token" in self.reading.needs
        hidden = Hidden(self.folder, self.done.layers - 1, self.memory)
        with streaming(source, head=head) as stream:
            self._require_same_weights()
            progress("read layers", self.done.layers, layers)
            for index in range(self.done.layers, layers):
                with stream.layer(index):
                    hidden = self._layer(stream, index, hidden)
                progress("read layers", index + 1, layers)
            if head:
                source.bring(source.head)
            self._finish()

    def _layer(self, stream: Stream, index: int, before: Hidden) -> Hidden:
        """Run one layer for all prompts, and put everything on disk that the next one needs."""
        after = Hidden(self.folder, index, self.memory)
        tally = Tally(self.source.model.layout, index, self._top_before(index))
        last = index == self.source.layers - 1
        batches: list[Batch] = []
        for number, batch in enumerate(self.done.batches):
            handed = before.take(number) if index else None
            for part, neurons, output, normed in self._halves(stream, index, batch, handed):
                tally.add(part.pile, neurons)
                if last:
                    self.end[f"normed.{len(batches):05d}"] = normed
                else:
                    after.put(len(batches), output)
                batches.append(part)
        put_tensors(statistics_file(self.folder, index), tally.tensors())
        if last:
            put_tensors(self.folder / "normed.safetensors", self.end)
        samples = {**self.done.samples, **self.source.weights.samples}
        self.done = Finished(layers=index + 1, batches=tuple(batches), samples=samples)
        finish(self.folder, self.settings, self.done)
        return after

    def _halves(
        self, stream: Stream, index: int, batch: Batch, before: Handed | None
    ) -> list[tuple[Batch, Tensor, Handed, Tensor]]:
        """Run a batch, in halves where memory does not suffice for all of it."""
        ids = self.piles[batch.pile]
        size = (len(batch.rows), max(len(ids[row]) for row in batch.rows))

        def work(rows: Sequence[int]) -> tuple[Batch, Tensor, Handed, Tensor]:
            chosen = [ids[row] for row in rows]
            given = before
            if before is not None and len(rows) < size[0]:
                start = batch.rows.index(rows[0])
                given = before.part(slice(start, start + len(rows)), max(map(len, chosen)), size)
            read, handed = stream.run(index, chosen, given)
            return Batch(batch.pile, tuple(rows)), read.neurons, handed, read.normed

        return in_halves(work, batch.rows)

    def _finish(self) -> None:
        """Summarise the output of the last layer, and the next-token probabilities if they are asked for."""
        model = self.source.model
        rows = get_tensors(self.folder / "normed.safetensors")
        found: dict[str, Moments] = {}
        for number, batch in enumerate(self.done.batches):
            if batch.pile != "diverse":
                normed = rows[f"normed.{number:05d}"]
                add(found, f"{batch.pile}.normed", Moments.of(normed))
                if "next_token" in self.reading.needs:
                    probabilities = next_token_probabilities(model, normed)
                    add(found, f"{batch.pile}.next_token", Moments.of(probabilities))
        self.end = {name: value for key, one in found.items() for name, value in as_tensors(key, one).items()}
        put_tensors(self.folder / END, self.end)
        samples = {**self.done.samples, **self.source.weights.samples}
        self.done = replace(self.done, samples=samples)
        finish(self.folder, self.settings, self.done)

    def statistics(self) -> NeuronStatistics:
        """Put the layers together."""
        source, layout = self.source, self.source.model.layout
        parts = [get_tensors(statistics_file(self.folder, index)) for index in range(source.layers)]
        source.weights.samples.update(self.done.samples)
        read = Counter(
            read_token(source.model.tokenizer, row).text
            for pile in ("positive", "negative")
            for row in self.piles[pile]
        )
        return NeuronStatistics(
            layout=layout,
            positive=self._of_class("positive", parts),
            negative=self._of_class("negative", parts),
            contribution=None,
            universal=universal_of(parts[-1]["diverse.ids"], layout.size),
            model=replace(source.model.identity, weights_sha256=source.weights.digest()),
            contrast=self.contrast.name,
            prompts_sha256=self.contrast.sha256,
            read=dict(read),
        )

    def _of_class(self, pile: str, parts: Sequence[dict[str, Tensor]]) -> ClassStatistics:
        count = len(self.piles[pile])
        neurons = Moments(
            count, *(torch.cat([part[f"{pile}.{of}"] for part in parts]) for of in ("mean", "m2"))
        )
        end = {
            what: Moments(count, self.end[f"{pile}.{what}.mean"], self.end[f"{pile}.{what}.m2"])
            for what in ("normed", "next_token")
            if f"{pile}.{what}.mean" in self.end
        }
        return ClassStatistics(neurons, end["normed"], end.get("next_token"))

    def _top_before(self, index: int) -> tuple[Tensor, Tensor] | None:
        if index == 0:
            return None
        found = get_tensors(statistics_file(self.folder, index - 1))
        return found["diverse.values"], found["diverse.ids"]

    def _batches(self, model: LanguageModel) -> tuple[Batch, ...]:
        """Make batches of similar length, as `collect` does."""
        batches: list[Batch] = []
        for pile, ids in self.piles.items():
            order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
            size = self.reading.batch_size or fitting_batch(model, len(ids[order[-1]]))
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                groups = compatible(model, [len(ids[row]) for row in rows])
                batches.extend(Batch(pile, tuple(rows[place] for place in group)) for group in groups)
        return tuple(batches)

    def _require_same_weights(self) -> None:
        now = self.source.weights.samples
        changed = [name for name, before in self.done.samples.items() if now.get(name, before) != before]
        if changed:
            raise BadRun(
                f"the checkpoint has changed since the stream in {self.folder} was stopped",
                found=f"other values in {changed[0]}",
                do="name another folder, or remove this one to begin again",
            )


def _needs_responses(what: str) -> BadOption:
    return BadOption(
        f"{what} cannot be had layer by layer: the model would have to answer the prompts first",
        expected=f"a ranking that needs no answers: {', '.join(streamable())}",
        do="name one of them, for example --ranking next_token",
    )
