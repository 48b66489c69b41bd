"""A diagnosis: what was found about a model before anything heavy runs, and its text."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby

from neuroswitch.doctor.estimates import MemoryEstimate, TimeEstimate
from neuroswitch.models import Quantization
from neuroswitch.sites import NeuronLayout, Site


@dataclass(frozen=True)
class PromptEncoding:
    """How the tokenizer encodes prompts.

    Attributes:
        template: Whether it has a chat template; without one the raw text is read.
        parts: Whether the template wants the user's text as a list of parts, as models that see do.
        bos: How many BOS tokens a prompt begins with: "none", "one" or "several".
        token: Text of the token at which neurons are read.
        tokens: Length of the example.
        example: The last tokens of an encoded prompt, one a line.
        system: Whether a system prompt can be given.
        thinking: Whether thinking can be turned on and off.
    """

    template: bool
    parts: bool
    bos: str
    token: str
    tokens: int
    example: str
    system: bool
    thinking: bool


@dataclass(frozen=True)
class Diagnosis:
    """What was found; a part that could not be checked is None.

    Attributes:
        model: As the user named it.
        model_type: The configuration's `model_type`; None where there is no configuration.
        architecture: Name of the class of transformers.
        dtype: Type of the weights once loaded.
        layers_path: Module path of the list of layers.
        sites: Where the neurons are; empty where they were not found.
        neurons: How many there are.
        circuit: How many neurons 0.1 % are.
        quantization: How the checkpoint is quantised.
        reading: How prompts are encoded.
        memory: What a run needs.
        duration: How long a run takes.
        checks: Name of each check that was made -> whether it holds.
        problems: Why a check failed, one text each, with what to do.
        notes: Facts that prevent nothing.
    """

    model: str
    model_type: str | None = None
    architecture: str | None = None
    dtype: str | None = None
    layers_path: str | None = None
    sites: tuple[Site, ...] = ()
    neurons: int = 0
    circuit: int = 0
    quantization: Quantization | None = None
    reading: PromptEncoding | None = None
    memory: MemoryEstimate | None = None
    duration: TimeEstimate | None = None
    checks: dict[str, bool] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Return whether all checks hold."""
        return bool(self.checks) and all(self.checks.values())

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {**asdict(self), "usable": self.usable}


def grouped(diagnosis: Diagnosis) -> list[str]:
    """Describe the sites, equal ones together: "24 x model.layers.{layer}.mlp.down_proj, dense, 4864"."""

    def key(site: Site) -> tuple[str, str, int, int, str]:
        start = f"{diagnosis.layers_path}.{site.layer}."
        pattern = f"{diagnosis.layers_path}.{{layer}}.{site.path.removeprefix(start)}"
        return (pattern, site.kind, site.width, site.experts, site.units)

    groups = groupby(sorted(diagnosis.sites, key=key), key)
    lines = []
    for (pattern, kind, width, experts, units), sites in groups:
        each = f"{experts} experts of {width}" if kind == "experts" else str(width)
        what = ", attention" if units == "attention" else ""
        lines.append(f"{len(list(sites))} x {pattern}, {kind}, {each}{what}")
    return lines


def lines(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    """Yield a diagnosis as lines of text: (heading, text)."""
    seen = diagnosis
    yield (
        "model",
        f"{seen.model} ({seen.architecture or 'no class'}, model type {seen.model_type or 'unknown'})",
    )
    if seen.sites:
        for text in grouped(seen):
            yield "sites", text
        share = f"0.1 % are {seen.circuit:,}" if seen.circuit else "0.1 % are less than one: choose a --size"
        layout = NeuronLayout(seen.sites)
        if layout.units == "mlp":
            yield "neurons", f"{seen.neurons:,}; {share}"
        else:
            yield "units", f"{seen.neurons:,} {layout.words}; {share}"
    if seen.dtype:
        yield "dtype", seen.dtype
    if seen.quantization:
        yield "quantisation", f"{seen.quantization.method}: {seen.quantization.works}"
    if seen.reading:
        yield from _reading_lines(seen.reading)
    if seen.memory:
        parts = [getattr(seen.memory, name) / 1e9 for name in ("weights", "statistics", "states", "machine")]
        yield (
            "memory",
            "about {:.2f} GB of weights, {:.2f} GB of statistics, {:.2f} GB of states; "
            "{:.1f} GB are available".format(*parts),
        )
    if seen.duration:
        cost, time = seen.duration, (seen.duration.discovery, seen.duration.answers)
        yield (
            "time",
            f"about {_span(time[0])} to read the prompts and {_span(time[1])} for the answers of a default run "
            f"({cost.operations / 1e9:.1f} G operations a token, {cost.rate / 1e9:.0f} G a second measured)",
        )
    for text in seen.notes:
        yield "note", text


def _reading_lines(reading: PromptEncoding) -> Iterator[tuple[str, str]]:
    options = (("system prompt", reading.system), ("thinking switch", reading.thinking))
    able = [name for name, accepted in options if accepted]
    template = "chat template" if reading.template else "no chat template"
    if reading.parts:
        template += " (text in parts)"
    yield (
        "prompts",
        f"{template}, BOS: {reading.bos}, {' and '.join(able) or 'no system prompt, no thinking switch'}",
    )
    yield "read at", f"{reading.token!r}, the last token of the prompt"
    for line in reading.example.splitlines():
        yield "", line


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
