"""The page that compares methods: its figures, its tables, and the sentence above them."""

from importlib import resources

import parts
import pytest
import summaries
from html_tree import Tree
from pages import answer, spaced, with_row

from neuroswitch.records import AnswerRow
from neuroswitch.report import render_page
from neuroswitch.report.plots import Chart
from neuroswitch.report.sections.damage import damage_table, pareto
from neuroswitch.report.sections.limits import cautions
from neuroswitch.report.sections.matched import curves
from neuroswitch.report.sections.strengths import over_strengths
from neuroswitch.report.view import MARKS, TONES, View
from neuroswitch.summary import Cell, CurvePoint, Summary


@pytest.fixture
def summary() -> Summary:
    return summaries.comparison()[0]


def pareto_of(summary: Summary) -> Chart:
    """Return the figure of behaviour against damage."""
    found = pareto(View(summary, []))
    assert found is not None
    return found


def charts_of(summary: Summary) -> dict[str, Chart]:
    """Return the figures by strength."""
    found = over_strengths(View(summary, []))
    assert found is not None
    charts = found["charts"]
    assert isinstance(charts, list)
    return dict(charts)


def without(summary: Summary, *names: str) -> Summary:
    """Return the summary without some measures."""
    cells = tuple(
        cell.model_copy(
            update={"measures": {key: one for key, one in cell.measures.items() if key not in names}}
        )
        for cell in summary.cells
    )
    kept = {name: one for name, one in summary.measures.items() if name not in names}
    return summary.model_copy(update={"cells": cells, "measures": kept})


def place_of(summary: Summary, method: str, strength: float) -> int:
    return next(i for i, one in enumerate(summary.cells) if (one.method, one.strength) == (method, strength))


def test_the_answer_names_the_best_method_at_the_same_damage_and_doubts_a_near_tie(summary: Summary) -> None:
    assert answer(summary) == (
        "At the same damage (KL divergence from the untouched model of 0.1), cna leaves the refusal rate "
        "lowest: 9.4 %, from 62.5 % untouched; the next is direction with 28.1 %, though their intervals overlap."
    )


def test_without_matching_the_answer_is_about_full_strength(summary: Summary) -> None:
    summary = summary.model_copy(update={"matched": None})
    assert answer(summary).startswith("At full strength, caa leaves the refusal rate lowest: 6.2 %")
    assert "At the same damage" not in Tree(render_page(summary, [])).text()


def test_the_page_has_the_figures_of_the_paper_and_those_it_lacks(summary: Summary) -> None:
    ids = Tree(render_page(summary, [])).values("id")
    names = "pareto matched curves full verdicts behaviour quality kl perplexity mmlu layers".split()
    assert {f"{name}-plot" for name in names} <= set(ids)
    assert "rates-plot" not in ids


def test_a_measure_that_was_not_taken_has_no_figure_and_is_named_as_missing(summary: Summary) -> None:
    tree = Tree(render_page(without(summary, "mmlu"), []))
    assert "mmlu-plot" not in tree.values("id")
    assert "Not measured here: MMLU, MMLU step by step, over-refusal." in tree.text()


def test_without_any_damage_there_is_no_figure_of_it(summary: Summary) -> None:
    bare = without(summary, "kl", "perplexity", "mmlu", "quality").model_copy(
        update={"match": None, "matched": None}
    )
    ids = Tree(render_page(bare, [])).values("id")
    assert not {"pareto-plot", "matched-plot", "curves-plot", "kl-plot", "cost"} & set(ids)
    assert {"full-plot", "behaviour-plot"} <= set(ids)


def test_every_number_of_every_row_can_be_read(summary: Summary) -> None:
    text = Tree(render_page(summary, [])).text()
    for cell in summary.cells:
        for name, shape in (("quality", "{:.3f}"), ("kl", "{:.3g}"), ("perplexity", "{:.3g}")):
            assert shape.format(cell.measures[name].value) in text
    for method in summary.models["model"].methods.values():
        assert method.description in text


def test_a_method_keeps_its_colour_and_mark_in_every_figure(summary: Summary) -> None:
    view = View(summary, [])
    tones = {method: view.tone(method) for method in view.methods}
    assert len(set(tones.values())) == len(tones)
    assert tones["random"] == "random"
    for series in (*pareto_of(summary).series[:-1], *charts_of(summary)["behaviour"].series):
        assert series.tone == tones[series.label]
    assert {MARKS[tone] for tone in tones.values()} <= set(MARKS.values())


def test_eleven_methods_can_be_told_apart() -> None:
    marks = [MARKS[tone] for tone in (*TONES, "random")]
    assert len(set(marks)) == len(marks) == 11
    shapes = resources.files("neuroswitch.report").joinpath("templates/marks.svg").read_text()
    assert all(f'id="mark-{name}"' in shapes for name in MARKS.values())


def test_the_pareto_figure_has_one_point_for_the_untouched_model(summary: Summary) -> None:
    chart = pareto_of(summary)
    assert all(len(series.points) == 4 for series in chart.series[:-1])
    assert [(series.label, len(series.points)) for series in chart.series[-1:]] == [("Untouched", 1)]


def test_a_loss_is_a_cost_whichever_way_the_measure_runs(summary: Summary) -> None:
    chart = pareto_of(summary.model_copy(update={"match": "quality"}))
    caa = next(series for series in chart.series if series.label == "caa")
    costs = [point.x for point in caa.points]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(0.31)
    ends = caa.points[-1].x_range
    assert ends is not None
    assert ends[0] < caa.points[-1].x < ends[1]


def test_every_line_by_strength_begins_at_the_untouched_model(summary: Summary) -> None:
    for series in charts_of(summary)["behaviour"].series:
        assert series.points[0].y == summary.untouched().measures["behaviour"].value


def with_matched(summary: Summary, method: str, **changes: object) -> Summary:
    """Return the summary with another row of methods at the same damage."""
    matched = summary.matched
    assert matched is not None
    rows = tuple(row.model_copy(update=changes) if row.method == method else row for row in matched.rows)
    return summary.model_copy(update={"matched": matched.model_copy(update={"rows": rows})})


def test_methods_without_a_strength_on_one_side_of_the_budget_are_named(summary: Summary) -> None:
    plain = Tree(render_page(summary, [])).text()
    assert "Every strength that was measured costs more" not in plain
    dear = with_matched(summary, "caa", strengths=(0.0, 0.25))
    assert "Every strength that was measured costs more: caa." in Tree(render_page(dear, [])).text()
    assert any("Every strength of caa costs more" in caution for caution in cautions(View(dear, [])))
    cheap = with_matched(summary, "sae", strengths=(1.0, 1.0))
    assert "costs less: cna, sae, random." in spaced(Tree(render_page(cheap, [])).text()).replace(
        "cna, random, sae", "cna, sae, random"
    )


def test_the_curves_go_through_what_was_measured_and_no_further_than_the_axis(summary: Summary) -> None:
    matched = summary.matched
    assert matched is not None
    chart = curves(View(summary, []), matched)
    assert (chart.x.low, chart.x.high, chart.upright) == (0.0, 0.2, 0.1)
    for row, series in zip(matched.rows, chart.series, strict=False):
        marked = [(point.x, point.y) for point in series.points if point.marked]
        assert marked == [(one.damage, one.rate) for one in row.points if one.strength and one.damage <= 0.2]
        assert (series.points[0].x, series.points[-1].x) == (0.0, 0.2)
    caa = next(series for series in chart.series if series.label == "caa")
    (x0, y0), (x1, y1) = ((one.damage, one.rate) for one in matched_points(summary, "caa")[1:3])
    assert x0 < 0.2 < x1
    assert caa.points[-1].y == pytest.approx(y0 + (0.2 - x0) / (x1 - x0) * (y1 - y0))


def matched_points(summary: Summary, method: str) -> tuple[CurvePoint, ...]:
    assert summary.matched is not None
    return next(row.points for row in summary.matched.rows if row.method == method)


def test_the_best_circuit_is_set_against_the_best_other_method(summary: Summary) -> None:
    text = spaced(Tree(render_page(summary, [])).text())
    assert "The best circuit, cna, leaves 9.4 %, the best other method, direction, 28.1 %" in text
    assert "the interval does not hold zero" in text


def test_the_damage_table_takes_each_method_near_the_budget(summary: Summary) -> None:
    shown = damage_table(View(summary, []))
    assert shown is not None
    cells = {cell.method: cell for _, cell in shown["cells"]}  # type: ignore[attr-defined]
    assert {name: cell.strength for name, cell in cells.items()} == {
        "untouched": 0.0,
        "cna": 1.0,
        "caa": 0.25,
        "direction": 0.5,
        "sae": 0.5,
        "random": 1.0,
    }
    dear = damage_table(View(with_matched(summary, "sae", strengths=(0.0, 0.25)), []))
    assert dear is not None
    assert {cell.strength for _, cell in dear["cells"] if cell.method == "sae"} == {0.25}  # type: ignore[attr-defined]


def test_a_random_control_that_works_is_a_caution(summary: Summary) -> None:
    assert "Random neurons" not in " ".join(cautions(View(summary, [])))
    place = place_of(summary, "random", 1.0)
    test = summary.cells[place].tests["behaviour"].model_copy(update={"p_adjusted": 0.01})
    changed = with_row(summary, place, tests={"behaviour": test})
    assert "Random neurons change the refusal rate too (strength 1)" in " ".join(cautions(View(changed, [])))


def test_degenerate_answers_at_full_strength_are_a_caution(summary: Summary) -> None:
    assert cautions(View(summary, [])) == [
        "Some answers are degenerate, 31.2\N{NARROW NO-BREAK SPACE}% under caa at strength 1: fewer refusals are not "
        "more answers."
    ]


def test_a_missing_rate_is_a_dash_and_no_point(summary: Summary) -> None:
    cells = tuple(
        cell.model_copy(
            update={"measures": {**cell.measures, "behaviour": parts.number("behaviour", None, n=0)}}
        )
        if cell.method == "sae"
        else cell
        for cell in summary.cells
    )
    summary = summary.model_copy(update={"cells": cells})
    assert next(series for series in pareto_of(summary).series if series.label == "sae").points == ()
    assert render_page(summary, [])


def test_the_change_at_full_strength_stands_beside_the_rate_in_points(summary: Summary) -> None:
    assert (
        "\N{MINUS SIGN}53.1 \N{MINUS SIGN}65.6 to \N{MINUS SIGN}39.1" in Tree(render_page(summary, [])).text()
    )


def test_mmlu_has_a_table_by_strength_and_goes_where_it_was_not_asked(summary: Summary) -> None:
    assert "MMLU by strength" in Tree(render_page(summary, [])).text()

    def lacks(cell: Cell) -> bool:
        return cell.method == "sae" or cell.strength == 0.5

    cells = tuple(
        cell.model_copy(
            update={"measures": {name: one for name, one in cell.measures.items() if name != "mmlu"}}
        )
        if lacks(cell)
        else cell
        for cell in summary.cells
    )
    found = over_strengths(View(summary.model_copy(update={"cells": cells}), []))
    assert found is not None
    table = found["mmlu"]
    assert isinstance(table, dict)
    assert table["strengths"] == [0.25, 0.75, 1.0]
    assert [method for method, _ in table["rows"]] == ["cna", "caa", "direction", "random"]
    assert "MMLU by strength" not in Tree(render_page(without(summary, "mmlu"), [])).text()


def test_the_page_says_whether_answers_were_long_enough_and_a_judge_agrees(summary: Summary) -> None:
    text = Tree(render_page(summary, [])).text()
    assert "57 of 64" in text
    assert "a-judge, judged 64 answers too" in text
    alone = summary.model_copy(update={"judged": None})
    assert "a-judge" not in Tree(render_page(alone, [])).text()
    neither = alone.model_copy(update={"by_length": ()})
    assert "Is the behaviour measured well?" not in Tree(render_page(neither, [])).text()


def test_one_strength_has_no_figures_by_strength(summary: Summary) -> None:
    cells = tuple(cell for cell in summary.cells if cell.strength in (0.0, 1.0))
    ids = Tree(render_page(summary.model_copy(update={"cells": cells}), [])).values("id")
    assert "strength" not in ids
    assert {"pareto-plot", "full-plot", "cost"} <= set(ids)


def test_answers_of_at_most_three_methods_stand_side_by_side() -> None:
    few: tuple[Summary, list[AnswerRow]] = summaries.comparison(("cna", "caa", "random"), sensitive=False)
    tree = Tree(render_page(*few))
    assert "Answers side by side" in tree.text()
    assert tree.tags["article"] == 3 * 2 * 64, "untouched, cna and caa, on both piles"
    many = summaries.comparison()
    assert "Answers side by side" not in Tree(render_page(*many)).text()
    assert "The answers themselves are in results.jsonl" in Tree(render_page(*many)).text()


def test_the_circuit_of_one_method_is_shown_beside_other_layer_profiles(summary: Summary) -> None:
    text = spaced(Tree(render_page(summary, [])).text())
    assert "Where the neurons are" in text
    assert "paper's ranking1160.1 %86.2 %98.3 %" in text
    assert "Strongest neurons" in text
