"""Where the neurons of each circuit are, and its strongest neurons with the tokens they promote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from neuroswitch.report import plots
from neuroswitch.report.plots import Axis, Chart, Point, Series
from neuroswitch.report.summary import CircuitFacts, LayerProfile, TopNeuron
from neuroswitch.report.view import TONES, View

PAIR_TONES = ("m3", "m4")
"""Colours of the circuits of two models."""


class PlacedNeuron(NamedTuple):
    """A neuron as a row of a table, its two class means placed on the axis of the table."""

    name: str
    facts: TopNeuron
    positive_at: float | None
    negative_at: float | None


class NeuronTable(NamedTuple):
    """The strongest neurons of a circuit; `zero_at` is the place of an activation of 0."""

    name: str
    tone: str
    rows: tuple[PlacedNeuron, ...]
    zero_at: float


def layers_and_neurons(view: View) -> dict[str, object] | None:
    """Return the layers of all circuits, and the strongest neurons of each."""
    profiles = _profiles(view)
    tables = [
        _table(f"{view.summary.models[role].name}, {one.name}" if view.two else one.name, tone, one)
        for role, one in view.circuits
        for tone in [_circuit_tone(view, role, one.name)]
        if one.top
    ]
    if not profiles:
        return None
    only = view.circuits[0][1] if len(profiles) == 1 and len(view.circuits) == 1 else None
    drawn = profiles[: len(view.summary.models)] if view.two else profiles
    return {
        "only": only,
        "chart": _bars(*profiles[0]) if only else _profile_chart(drawn),
        "profiles": [(one, concentration(one), tone) for one, tone in profiles],
        "tables": tables,
        "experts": any(circuit.experts for _, circuit in view.circuits),
    }


def _profiles(view: View) -> list[tuple[LayerProfile, str]]:
    """Return every circuit with its colour; of two models size by size, the name of the model in front."""
    if not view.two:
        profiles = [one for model in view.summary.models.values() for one in model.profiles]
        free = [tone for tone in TONES if tone not in map(view.tone, view.methods)] or list(TONES)
        others = [one.name for one in profiles if one.name not in view.methods]
        return [
            (
                one,
                view.tone(one.name) if one.name in view.methods else free[others.index(one.name) % len(free)],
            )
            for one in profiles
        ]
    found = []
    models = list(view.summary.models.values())
    for place in range(max(len(model.profiles) for model in models)):
        for model, tone in zip(models, PAIR_TONES, strict=False):
            for one in model.profiles[place : place + 1]:
                found.append((one.model_copy(update={"name": f"{model.name}, {one.name}"}), tone))
    return found


def _circuit_tone(view: View, role: str, name: str) -> str:
    if view.two:
        return PAIR_TONES[list(view.summary.models).index(role) % len(PAIR_TONES)]
    return view.tone(name) if name in view.methods else "steered"


def concentration(profile: LayerProfile) -> Mapping[str, float]:
    """Return which share of a circuit lies in the last three layers and in the last quarter of them."""
    layers, total = max(profile.by_layer, default=0) + 1, max(sum(profile.by_layer.values()), 1)
    starts = {"last_three": layers - 3, "last_quarter": layers - layers // 4}
    return {
        name: sum(count for layer, count in profile.by_layer.items() if layer >= start) / total
        for name, start in starts.items()
    }


def _bars(profile: LayerProfile, tone: str) -> Chart:
    """Return the neurons in every layer."""
    layers = max(profile.by_layer, default=0) + 1
    counts = plots.linear([0, *profile.by_layer.values()], "neurons")
    counts = replace(counts, values=tuple(value for value in counts.values if value.is_integer()))
    points = [
        Point(layer, found, f"layer {layer}: {found} neuron{'' if found == 1 else 's'}")
        for layer, found in sorted(profile.by_layer.items())
    ]
    axis = Axis(-0.5, layers - 0.5, "layer", values=plots.layer_ticks(layers))
    return Chart(axis, counts, (Series(profile.name, tone, tuple(points)),))


def _profile_chart(profiles: Sequence[tuple[LayerProfile, str]]) -> Chart:
    """Return the share of each circuit in every layer, one line per circuit."""
    series = []
    for profile, tone in profiles:
        points = [
            Point(layer, count / max(profile.neurons, 1), f"layer {layer}: {count}")
            for layer, count in sorted(profile.by_layer.items())
        ]
        series.append(Series(profile.name, tone, tuple(points)))
    last = max((point.x for one in series for point in one.points), default=0.0)
    highest = [point.y for one in series for point in one.points]
    share = plots.linear([0.0, *highest], "share of the circuit (%)", kind="fraction")
    ticks = plots.layer_ticks(round(last) + 1)
    return Chart(Axis(0.0, max(last, 1.0), "layer", values=ticks), share, tuple(series))


def _table(name: str, tone: str, circuit: CircuitFacts) -> NeuronTable:
    means = [
        mean for one in circuit.top for mean in (one.positive_mean, one.negative_mean) if mean is not None
    ]
    axis = plots.linear([0.0, *means], "activation")
    rows = [
        PlacedNeuron(
            ":".join(str(part) for part in (one.layer, one.expert, one.index) if part is not None),
            one,
            *(None if mean is None else axis.place(mean) for mean in (one.positive_mean, one.negative_mean)),
        )
        for one in circuit.top
    ]
    return NeuronTable(name, tone, tuple(rows), axis.place(0.0))
