"""Where marks go: properties that hold for any numbers."""

import pytest

from neuroswitch.report.plots import (
    Axis,
    Chart,
    Point,
    Series,
    fractions,
    layer_ticks,
    linear,
    logarithmic,
    stack,
)

VALUES = [[0.0], [1.0, 1.0], [-3.0, 0.2], [0.031, 0.97], [1e-9, 2e-9], [5.8, 23.0], [0.0, 4e6]]


@pytest.mark.parametrize("values", VALUES)
def test_a_linear_axis_holds_all_values_between_round_ends(values: list[float]) -> None:
    axis = linear(values, "x")
    assert axis.low <= min(values) <= max(values) <= axis.high
    assert axis.low < axis.high
    places = [tick.at for tick in axis.ticks]
    assert places[0] == 0.0
    assert places[-1] == 1.0
    assert 2 <= len(places) <= 8
    steps = [after - before for before, after in zip(places, places[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * len(steps))


@pytest.mark.parametrize("values", [[1.0], [0.003, 1.9], [5.8, 23.0], [0.0, 0.02, 3.0], [0.0], [1e-7, 1e5]])
def test_a_logarithmic_axis_holds_all_values_and_zero_if_there_is_one(values: list[float]) -> None:
    axis = logarithmic(values, "x")
    assert all(axis.low <= value <= axis.high for value in values if value > 0)
    texts = [tick.text for tick in axis.ticks]
    assert ("0" in texts) == (0.0 in values)
    assert [tick.at for tick in axis.ticks] == sorted({tick.at for tick in axis.ticks})
    assert axis.place(axis.high) == pytest.approx(1.0)


def test_equal_factors_are_equal_distances_on_a_logarithmic_axis() -> None:
    axis = logarithmic([0.0, 0.01, 10.0], "x")
    places = [axis.place(value) for value in (0.01, 0.1, 1.0, 10.0)]
    steps = [after - before for before, after in zip(places, places[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * 3)
    assert axis.place(0.0) == 0.0 < places[0]


def test_what_lies_outside_is_drawn_at_the_edge() -> None:
    axis = Axis(0.0, 1.0, "x")
    assert (axis.place(-2.0), axis.place(7.0)) == (0.0, 1.0)


def test_rates_run_from_zero_to_a_hundred_whatever_was_measured() -> None:
    assert [tick.text for tick in fractions("rate").ticks] == ["0", "20", "40", "60", "80", "100"]


def test_parts_of_a_whole_fill_it_without_a_gap() -> None:
    segments = stack({"b": 3, "a": 1, "c": 0}, ["a", "b", "c"])
    assert [segment.label for segment in segments] == ["a", "b"]
    assert segments[0].start == 0.0
    assert segments[1].start == pytest.approx(segments[0].width)
    assert sum(segment.width for segment in segments) == pytest.approx(1.0)
    assert stack({}, ["a"]) == ()


@pytest.mark.parametrize("count", [1, 24, 80, 126])
def test_about_a_dozen_layers_have_a_label(count: int) -> None:
    ticks = layer_ticks(count)
    assert ticks[0] == 0
    assert 1 <= len(ticks) <= 13
    assert ticks[-1] < count


def test_a_path_goes_through_the_points_with_y_downwards() -> None:
    chart = Chart(Axis(0.0, 2.0, "x"), Axis(0.0, 1.0, "y"), ())
    series = Series("s", "m1", (Point(0.0, 0.0, ""), Point(1.0, 1.0, "")))
    assert chart.path(series) == "0.000,100.000 50.000,0.000"
