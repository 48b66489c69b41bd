"""The page that compares methods: its figures, its tables, and the sentence above them."""

from pathlib import Path
from typing import Any

import example
import pytest
from html_tree import Tree
from neuroswitch.report.comparison_prose import answer, cautions

from neuroswitch.report import comparison, render


def summary() -> Any:
    """Return a made-up comparison."""
    return example.compared()[0]


def context(document: Any) -> dict[str, Any]:
    """Return what fills the page of a comparison."""
    return comparison.context(document, [], show_completions=False)


def test_the_answer_names_the_best_method_at_the_same_damage_and_doubts_a_near_tie() -> None:
    said = answer(summary()).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert said.startswith(
        "At the same damage (KL divergence from the untouched model at most 0.1), cna leaves"
    )
    assert "the next is direction with 28.1 %, though their intervals overlap." in said


def test_without_matching_the_answer_is_about_full_strength() -> None:
    document = summary()
    del document["matched"]
    assert answer(document).startswith("At full strength, caa leaves the refusal rate lowest: 6.2")
    assert "At the same damage" not in Tree(render(document, [])).text()


def test_the_page_has_the_figures_of_the_paper_and_those_it_lacks() -> None:
    ids = Tree(render(summary(), [])).values("id")
    expected = {
        "pareto",
        "matched",
        "full",
        "verdicts",
        "harmful",
        "quality",
        "kl",
        "perplexity",
        "mmlu",
        "layers",
    }
    assert {f"{name}-plot" for name in expected} <= set(ids)


def test_a_measure_that_was_not_taken_has_no_figure_and_is_named_as_missing() -> None:
    document = summary()
    for cell in (document["baseline"], *document["methods"]):
        del cell["mmlu"]
    tree = Tree(render(document, []))
    assert "mmlu-plot" not in tree.values("id")
    assert "Not measured here: MMLU, Over-refusal." in tree.text()


def test_every_number_of_every_cell_can_be_read() -> None:
    document = summary()
    text = Tree(render(document, [])).text()
    for cell in document["methods"]:
        assert f"{cell['quality']['value']:.3f}" in text
        assert f"{cell['kl']['value']:.3g}" in text
    for method in document["descriptions"].values():
        assert method in text


def test_a_method_keeps_its_colour_and_mark_in_every_figure() -> None:
    page = context(summary())
    tones = {method.name: method.tone for method in page["methods"]}
    assert len(set(tones.values())) == len(tones)
    assert tones["random"] == "random"
    for series in (*page["pareto"].series[:-1], *page["by_strength"][0][1].series):
        assert series.tone == tones[series.label]
    assert {dot.label: dot.tone for _, dot in page["matched"]["rows"]} == tones
    assert {page["marks"][tone] for tone in tones.values()} <= set(comparison.MARKS.values())


def test_eleven_methods_can_be_told_apart() -> None:
    marks = [comparison.MARKS[tone] for tone in (*comparison.TONES, "random")]

    assert len(set(marks)) == len(marks) == 11
    shapes = (Path(comparison.__file__).parent / "templates" / "marks.svg").read_text()
    assert all(f'id="mark-{name}"' in shapes for name in comparison.MARKS.values())


def test_the_pareto_figure_leaves_strength_zero_to_the_untouched_model() -> None:
    chart = context(summary())["pareto"]
    assert all(len(series.points) == 4 for series in chart.series[:-1])
    assert [(series.label, len(series.points)) for series in chart.series[-1:]] == [("Untouched", 1)]


def test_a_loss_is_a_cost_whichever_way_the_measure_runs() -> None:
    document = summary()
    document["damage"] = "quality"
    chart = context(document)["pareto"]
    caa = next(series for series in chart.series if series.label == "caa")
    costs = [point.x for point in caa.points]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(0.31)
    low, high = caa.points[-1].x_range
    assert low < caa.points[-1].x < high


def test_strength_zero_is_drawn_from_the_untouched_model_where_no_method_ran_it() -> None:
    document = summary()
    document["methods"] = [cell for cell in document["methods"] if cell["strength"] > 0]
    for series in context(document)["by_strength"][0][1].series:
        assert series.points[0].y == document["baseline"]["harmful"]["value"]


def test_methods_without_an_affordable_strength_are_named() -> None:
    document = summary()
    row = document["matched"]["rows"][1]
    row |= {"strength": None, "harmful": None, "damage": None, "p_adjusted": None}
    text = Tree(render(document, [])).text()
    assert "Above the limit at every strength measured: caa." in text
    assert any("costs more: caa" in caution for caution in cautions(document))


def test_a_random_control_that_works_is_a_caution() -> None:
    document = summary()
    assert not cautions(document)
    next(cell for cell in document["methods"] if cell["name"] == "random" and cell["strength"] == 1)[
        "p_adjusted"
    ] = 0.01
    assert "Random neurons change the refusal rate too (strength 1)" in cautions(document)[0]


def test_a_missing_rate_is_a_dash_and_no_point() -> None:
    document = summary()
    nothing = {
        "name": "rate",
        "value": None,
        "n": 0,
        "low": None,
        "high": None,
        "unit": "fraction",
        "how": "",
    }
    for cell in document["methods"]:
        if cell["name"] == "sae":
            cell["harmful"] = nothing
    page = context(document)
    assert next(series for series in page["pareto"].series if series.label == "sae").points == ()
    assert render(document, [])


def test_the_change_at_full_strength_stands_beside_the_rate_in_points() -> None:
    text = Tree(render(summary(), [])).text()
    assert "\N{MINUS SIGN}52 \N{MINUS SIGN}62 to \N{MINUS SIGN}42" in text, "cna: from 62 % to 10 %"


def test_mmlu_has_a_table_by_strength_and_goes_where_it_was_not_asked() -> None:
    document = summary()
    assert "capability-table" in Tree(render(document, [])).values("id")
    found = context(document)["capability"]
    assert found["strengths"] == [0.25, 0.5, 0.75, 1.0]
    assert [method.name for method, _ in found["rows"]] == list(example.METHODS)
    for cell in document["methods"]:
        if cell["name"] == "sae" or cell["strength"] == 0.5:
            del cell["mmlu"]
    found = context(document)["capability"]
    assert found["strengths"] == [0.25, 0.75, 1.0]
    assert "sae" not in [method.name for method, _ in found["rows"]]
    assert render(document, [])
    del document["baseline"]["mmlu"]
    assert "capability-table" not in Tree(render(document, [])).values("id")


def test_the_page_says_whether_answers_were_long_enough_and_a_judge_agrees() -> None:
    document = summary()
    tree = Tree(render(document, []))
    assert "lengths-table" in tree.values("id")
    assert "57 of 64" in tree.text()
    assert "a-judge, judged 64 answers too" in tree.text()
    del document["preflight"]["judge"]
    assert "a-judge" not in Tree(render(document, [])).text()
    del document["preflight"]
    assert "lengths-table" not in Tree(render(document, [])).values("id")
