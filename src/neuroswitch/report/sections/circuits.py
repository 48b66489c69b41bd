"""Where the neurons of each circuit are, and its strongest neurons with the tokens they promote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from neuroswitch.report import plots
from neuroswitch.report.plots import Axis, Chart, Point, Series
from neuroswitch.report.view import TONES, View
from neuroswitch.summary import LayerProfile, TopNeuron

PAIR_TONES = ("m3", "m4")
"""Colours of the circuits of two models."""


class CircuitLayers(NamedTuple):
    """A circuit as a line of the figure and a row of the table."""

    name: str
    tone: str
    layers: LayerProfile


class NeuronTable(NamedTuple):
    """The strongest neurons of a circuit, and the axis on which their class means are drawn."""

    name: str
    tone: str
    neurons: Sequence[TopNeuron]
    axis: Axis


def layers_and_neurons(view: View) -> dict[str, object] | None:
    """Return the layers of all circuits, of two models size by size; and the strongest neurons of each."""
    models = view.summary.models
    placed = [(at, role, one) for role, model in models.items() for at, one in enumerate(model.profiles)]
    profiles = [
        CircuitLayers(_name(view, role, one.name), _tone(view, role, one.name), one)
        for _, role, one in sorted(placed, key=lambda entry: entry[0])
    ]
    if not profiles:
        return None
    only = view.circuits[0][1] if len(profiles) == len(view.circuits) == 1 else None
    return {
        "only": only,
        "chart": _chart(profiles[: len(models)] if view.two else profiles, counts=only is not None),
        "profiles": [(one, concentration(one.layers)) for one in profiles],
        "tables": [
            NeuronTable(_name(view, role, one.name), _tone(view, role, one.name), one.top, _axis(one.top))
            for role, one in view.circuits
            if one.top
        ],
        "attention": any(one.attention for _, circuit in view.circuits for one in circuit.top),
        "experts": any(circuit.experts for _, circuit in view.circuits),
    }


def _name(view: View, role: str, name: str) -> str:
    return f"{view.summary.models[role].name}, {name}" if view.two else name


def _tone(view: View, role: str, name: str) -> str:
    """Return the colour of a circuit: that of its model or method, or one that no method has."""
    if view.two:
        return PAIR_TONES[list(view.summary.models).index(role) % len(PAIR_TONES)]
    if name in view.methods:
        return view.tone(name)
    free = [tone for tone in TONES if tone not in map(view.tone, view.methods)] or list(TONES)
    others = [one.name for one in view.summary.models[role].profiles if one.name not in view.methods]
    return free[others.index(name) % len(free)] if name in others else free[0]


def concentration(profile: LayerProfile) -> Mapping[str, float]:
    """Return which share of a circuit lies in the last three layers and in the last quarter of them."""
    layers, total = max(profile.by_layer, default=0) + 1, max(sum(profile.by_layer.values()), 1)
    starts = {"last_three": layers - 3, "last_quarter": layers - layers // 4}
    return {
        name: sum(count for layer, count in profile.by_layer.items() if layer >= start) / total
        for name, start in starts.items()
    }


def _chart(profiles: Sequence[CircuitLayers], *, counts: bool) -> Chart:
    """Return each circuit in every layer: how many neurons, or which share of the circuit."""
    series = []
    for name, tone, profile in profiles:
        total = 1 if counts else max(profile.neurons, 1)
        points = [
            Point(layer, found / total, f"layer {layer}: {found} neuron{'' if found == 1 else 's'}")
            for layer, found in sorted(profile.by_layer.items())
        ]
        series.append(Series(name, tone, tuple(points)))
    layers = max((layer for one in profiles for layer in one.layers.by_layer), default=0) + 1
    heights = [0.0, *(point.y for one in series for point in one.points)]
    ticks = plots.layer_ticks(layers)
    if not counts:
        share = plots.linear(heights, "share of the circuit (%)", kind="fraction")
        return Chart(Axis(0.0, max(layers - 1.0, 1.0), "layer", values=ticks), share, tuple(series))
    y = plots.linear(heights, "neurons")
    y = replace(y, values=tuple(value for value in y.values if value.is_integer()))
    return Chart(Axis(-0.5, layers - 0.5, "layer", values=ticks), y, tuple(series))


def _axis(neurons: Sequence[TopNeuron]) -> Axis:
    means = [mean for one in neurons for mean in (one.positive_mean, one.negative_mean) if mean is not None]
    return plots.linear([0.0, *means], "activation")
