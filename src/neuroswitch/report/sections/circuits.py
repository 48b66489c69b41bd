"""Where the neurons of each circuit are, and its strongest neurons with the tokens they promote."""

from collections.abc import Mapping, Sequence

from neuroswitch.report import plots
from neuroswitch.report.plots import Axis, Chart, Point, Series
from neuroswitch.report.summary import CircuitFacts, LayerProfile
from neuroswitch.report.view import TONES, View


def section(view: View) -> dict[str, object] | None:
    """Return the layers of all circuits; and the neurons, where there is one circuit."""
    profiles = [
        (profile.model_copy(update={"name": f"{model.name}, {profile.name}"}) if view.two else profile)
        for model in view.summary.models.values()
        for profile in model.profiles
    ]
    if not profiles:
        return None
    tones = [
        view.tone(one.name) if view.many and one.name in view.methods else TONES[place % len(TONES)]
        for place, one in enumerate(profiles)
    ]
    circuits = [
        method.circuit
        for model in view.summary.models.values()
        for name, method in model.methods.items()
        if method.circuit is not None and name != "random"
    ]
    only = circuits[0] if len(profiles) == 1 and circuits else None
    return {
        "only": only,
        "bars": plots.layer_bars(only.by_layer) if only else None,
        "profile": None if only else profile_chart(profiles, tones),
        "profiles": [(one, concentration(one), tone) for one, tone in zip(profiles, tones, strict=True)],
        "neurons": _neurons(only) if only else [],
        "doses": only is not None and any(one.dose != 1 for one in only.top),
        "experts": only is not None and any(one.expert is not None for one in only.top),
    }


def concentration(profile: LayerProfile) -> dict[str, float]:
    """Return which share of a circuit lies in the last three layers and in the last quarter of them."""
    count, total = max(profile.by_layer, default=0) + 1, sum(profile.by_layer.values())
    starts = {"last_three": count - 3, "last_quarter": count - count // 4}
    return {
        name: sum(found for layer, found in profile.by_layer.items() if layer >= start) / total
        if total
        else 0.0
        for name, start in starts.items()
    }


def profile_chart(profiles: Sequence[LayerProfile], tones: Sequence[str]) -> Chart:
    """Return the share of each circuit in every layer, one line per circuit in the tones given."""
    series = []
    for profile, tone in zip(profiles, tones, strict=True):
        total = max(profile.neurons, 1)
        points = [
            Point(layer, count / total, f"layer {layer}: {count}")
            for layer, count in sorted(profile.by_layer.items())
        ]
        series.append(Series(profile.name, tone, tuple(points)))
    last = max(point.x for one in series for point in one.points)
    highest = [point.y for one in series for point in one.points]
    share = plots.linear([0.0, *highest], "share of the circuit (%)", kind="fraction")
    ticks = plots.layer_ticks(round(last) + 1)
    return Chart(Axis(0.0, max(last, 1.0), "layer", values=ticks), share, tuple(series))


def _neurons(circuit: CircuitFacts) -> list[Mapping[str, object]]:
    """Return the rows of the table of neurons, their two class means placed on one common axis."""
    means = [
        mean for one in circuit.top for mean in (one.positive_mean, one.negative_mean) if mean is not None
    ]
    axis = plots.linear([0.0, *means], "activation")
    return [
        {
            **one.model_dump(),
            "name": ":".join(str(part) for part in (one.layer, one.expert, one.index) if part is not None),
            "positive_at": axis.place(one.positive_mean or 0.0),
            "negative_at": axis.place(one.negative_mean or 0.0),
            "zero_at": axis.place(0.0),
        }
        for one in circuit.top
    ]
