"""The page of two models: its sentence, its figures, what it hides, and what it warns of."""

import parts
import pytest
import summaries
from html_tree import Tree
from pages import answer, spaced, text_of, with_row

from neuroswitch.records import AnswerRow
from neuroswitch.report import render_page
from neuroswitch.report.sections.limits import cautions
from neuroswitch.report.view import View
from neuroswitch.summary import Chance, RankingFacts, Summary

Made = tuple[Summary, list[AnswerRow]]


@pytest.fixture(scope="module")
def made() -> Made:
    return summaries.two_models()


def with_model(summary: Summary, role: str, **change: object) -> Summary:
    """Return the summary with one of its models changed."""
    changed = summary.models[role].model_copy(update=change)
    return summary.model_copy(update={"models": {**summary.models, role: changed}})


def test_the_answer_says_what_is_shared_and_what_happens_in_each_model(made: Made) -> None:
    assert answer(made[0]) == (
        "The two circuits share 14 of 116 neurons, where chance in the same layers would give 0.268 "
        "(p < 0.001); switching off its own circuit lowers the refusal rate of Some-0.5B-Instruct from 68.8 % "
        "to 10.9 % (p < 0.001); the refusal rate of Some-0.5B is 3.1 % in the untouched model, so there is nothing to "
        "switch off."
    )


def test_an_overlap_like_chance_and_an_effect_that_is_none_are_said_as_such(made: Made) -> None:
    first = made[0].overlap[0].model_copy(update={"by_layer": Chance(expected=0.268, p=0.4)})
    summary = with_model(made[0].model_copy(update={"overlap": (first,)}), "base", occurs=True)
    assert "no more than chance" in answer(summary)
    assert "does not measurably change the refusal rate of Some-0.5B (from 3.1 % to 1.6 %, p = 1)" in answer(
        summary
    )
    cells = tuple(one.model_copy(update={"strength": -one.strength}) for one in summary.cells)
    summary = summary.model_copy(update={"cells": cells})
    assert "multiplying its own circuit by 2" in answer(summary)
    assert "Own circuit × 2" in text_of(summary)


def test_the_page_has_its_figures_and_every_rate_and_both_chance_levels(made: Made) -> None:
    summary, rows = made
    tree = Tree(render_page(summary, rows))
    assert {"rates-plot", "layers-plot", "verdicts-plot"} <= set(tree.values("id"))
    text = tree.text()
    for model in summary.models.values():
        assert f"{model.name}: harmful requests" in text
        assert f"{model.name}, top 200" in text
    for cell in summary.cells:
        shown = sum(cell.labels["positive"].get(label, 0) for label in summary.shows)
        assert f"{shown}/{cell.measures['behaviour'].n}" in text
    for one in summary.overlap:
        assert f"{one.jaccard:.3f}0.115< 0.0010.268< 0.001" in text
    assert "51.7 %" in text  # 60 of the base model's 116 neurons are in the last three of 24 layers


def test_what_each_circuit_does_in_the_other_model_is_said(made: Made) -> None:
    text = text_of(*made)
    assert (
        "The neurons of Some-0.5B, switched off in Some-0.5B-Instruct: this lowers the refusal rate of "
        "Some-0.5B-Instruct from 68.8 % to 42.2 %"
    ) in text
    assert (
        "Under its own circuit 50 of 64 answers of Some-0.5B differ from the untouched model’s in their text."
        in text
    )
    summary = with_row(made[0], 3, texts_changed=7)
    assert "in their text; under random neurons 7 of 128." in text_of(summary)


def test_no_answer_is_on_the_page_even_if_asked_for(made: Made) -> None:
    page = render_page(*made, show_completions=True)
    assert parts.SECRET not in page
    assert parts.REFUSAL not in page
    assert made[1][0].prompt not in page
    assert "The answers themselves are in results.jsonl" in Tree(page).text()


def test_what_weakens_the_comparison_is_said_first(made: Made) -> None:
    summary, rows = made
    said = spaced(" ".join(cautions(View(summary, rows))))
    assert "both circuits were ranked by delta_effect instead" in said
    assert "not asked with the same tokens" in said
    assert "Some-0.5B does not show the behaviour: 2 of 64 answers" in said
    assert "6.2 % under “Own circuit off” in Some-0.5B" in said
    assert "same fingerprint" not in said
    assert "out of the untouched" not in said
    summary = with_model(summary, "base", identity=summary.models["instruct"].identity)
    measures = {**summary.cells[-1].measures, "behaviour": parts.number("behaviour", 0.2)}
    said = " ".join(cautions(View(with_row(summary, -1, measures=measures), rows)))
    assert "Both models have the same fingerprint" in said
    assert "Random neurons take the refusal rate of Some-0.5B-Instruct out of" in said


def test_an_experiment_without_weaknesses_warns_of_nothing(made: Made) -> None:
    summary = made[0].model_copy(
        update={
            "ranking": RankingFacts(asked="readout", used="readout"),
            "same_tokens": True,
            "cells": tuple(
                cell.model_copy(update={"model": role})
                for role in ("base", "instruct")
                for cell in made[0].cells
                if cell.model == "instruct" and cell.method != "transfer"
            ),
        }
    )
    assert cautions(View(with_model(summary, "base", occurs=True), [])) == []
    assert "the same tokens" in text_of(summary)


def test_verdicts_that_do_not_add_up_are_noticed(made: Made) -> None:
    summary, rows = made
    labels = {**summary.cells[1].labels, "positive": {"refusal": 9, "compliance": 55}}
    text = text_of(with_row(summary, 1, labels=labels), rows)
    assert "do not add up to the summary (“Own circuit off” in Some-0.5B, positive prompts)" in text


def test_nothing_measured_is_a_dash_and_the_other_size_may_be_absent(made: Made) -> None:
    nothing = {"behaviour": parts.number("behaviour", None, n=0)}
    summary = made[0].model_copy(
        update={
            "overlap": (),
            "cells": tuple(
                cell.model_copy(update={"measures": nothing, "labels": {}, "tests": {}, "changes": {}})
                if cell.method == "cna"
                else cell
                for cell in made[0].cells
                if cell.method != "random"
            ),
        }
    )
    for role, model in summary.models.items():
        summary = with_model(summary, role, profiles=model.profiles[:1])
    text = text_of(summary)
    assert "could not be measured" in text
    assert "The circuits were not compared" in text
    assert "Own circuit off – –0/0–" in text
