"""The page of two models: its sentence, its figures, what it hides, and what it warns of."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import example
import models_example
import pytest
from html_tree import Tree
from neuroswitch.report.models_prose import answer, cautions
from test_report import PAYLOADS, poison

from neuroswitch.errors import BadRun
from neuroswitch.report import rebuild, render

Study = tuple[dict[str, Any], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def made() -> Study:
    return models_example.studied()


@pytest.fixture
def study(made: Study) -> Study:
    return deepcopy(made)


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_answer_says_what_is_shared_and_what_happens_in_each_model(study: Study) -> None:
    assert plain(answer(study[0])) == (
        "The two circuits share 14 of 116 neurons, where chance in the same layers would give 0.268 "
        "(p < 0.001); switching its own circuit off lowers the refusal rate of Some-0.5B-Instruct from 68.8 % "
        "to 10.9 % (p < 0.001); the refusal rate of Some-0.5B is 3.1 % to begin with, so there is nothing to "
        "switch off."
    )


def test_an_overlap_like_chance_and_an_effect_that_is_none_are_said_as_such(study: Study) -> None:
    summary, _ = study
    summary["overlap"][0]["by_layer"]["p"] = 0.4
    summary["models"]["base"]["occurs"] = True
    said = plain(answer(summary))
    assert "no more than chance" in said
    assert "does not measurably change the refusal rate of Some-0.5B (from 3.1 % to 1.6 %, p = 1)" in said
    summary["multiplier"] = 2.0
    assert "multiplying its own circuit by 2" in answer(summary)


def test_the_page_has_its_figures_and_every_rate_and_both_chance_levels(study: Study) -> None:
    summary, rows = study
    tree = Tree(render(summary, rows))
    assert {"rates-plot", "layers-plot", "verdicts-plot"} <= set(tree.values("id"))
    text = tree.text()
    for model in summary["models"].values():
        assert model["name"] in text
        for found in (*model["positive"].values(), *model["negative"].values()):
            rate = found["rate"]
            assert f"{rate['refusals']}/{rate['n']}{rate['quality']:.3f}" in text
    for one in summary["overlap"]:
        assert f"{one['jaccard']:.3f}{one['all']['expected']:.3g}" in text
        assert f"{one['by_layer']['expected']:.3g}< 0.001" in text
    assert "In the last three layers" in text
    assert "51.7 %" in text  # 60 of the base model's 116 neurons are in the last three of 24 layers
    assert "do not add up" not in text


def test_no_answer_is_on_the_page_even_if_asked_for(study: Study) -> None:
    page = render(*study, show_completions=True)
    assert example.SECRET not in page
    assert example.REFUSAL not in page
    assert study[1][0]["prompt"] not in page


def test_what_weakens_the_comparison_is_said_first(study: Study) -> None:
    summary, rows = study
    said = " ".join(cautions(summary, rows))
    assert "both circuits were ranked by delta_effect instead" in said
    assert "not asked with the same tokens" in said
    assert "Some-0.5B does not show the behaviour: 2 of 64 answers" in said
    assert "answers of Some-0.5B under its own circuit are degenerate" in said
    assert "same fingerprint" not in said
    assert "out of the untouched" not in said
    provenance = summary["provenance"]
    provenance["base model"] = provenance["instruct model"]
    summary["models"]["instruct"]["positive"]["random"]["rate"]["rate"] = 0.2
    said = " ".join(cautions(summary, rows))
    assert "Both models have the same fingerprint" in said
    assert "Random neurons take the refusal rate of Some-0.5B-Instruct out of" in said


def test_a_study_without_weaknesses_warns_of_nothing(study: Study) -> None:
    summary, rows = study
    summary["ranking"]["used"] = "readout"
    summary["same_tokens"] = True
    summary["models"]["base"] = summary["models"]["instruct"]
    assert cautions(summary, []) == []


def test_verdicts_that_do_not_add_up_are_noticed(study: Study) -> None:
    summary, rows = study
    lost = next(row for row in rows if row["condition"] == "own" and row["label"] == "refusal")
    lost["label"] = "compliance"
    assert (
        "do not add up to the summary (Some-0.5B, own, positive prompts)"
        in Tree(render(summary, rows)).text()
    )


def test_nothing_measured_is_a_dash_and_the_other_size_may_be_absent(study: Study) -> None:
    summary, _ = study
    nothing = {"refusals": 0, "n": 0, "rate": None, "low": None, "high": None, "quality": None, "labels": {}}
    for model in summary["models"].values():
        model["positive"]["own"]["rate"] = nothing
        del model["positive"]["random"]
        del model["circuits"][1]
    summary["overlap"] = []
    text = Tree(render(summary, [])).text()
    assert "––0/0–" in text
    assert "could not be measured" in text
    assert "The circuits were not compared" in text


@pytest.mark.parametrize("missing", ["models", "overlap", "ranking", "multiplier", "shows"])
def test_an_incomplete_summary_names_what_it_lacks(study: Study, missing: str) -> None:
    summary, rows = study
    del summary[missing]
    with pytest.raises(BadRun, match=missing):
        render(summary, rows)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_from_outside_becomes_markup(study: Study, payload: str) -> None:
    summary, rows = study
    clean = Tree(render(summary, rows))
    tree = Tree(render(poison(summary, payload), []))
    assert set(tree.tags) <= set(clean.tags)
    assert {name for _, name, _ in tree.attributes} <= {name for _, name, _ in clean.attributes}
    assert payload in "".join(one.content for one in tree.texts)


def test_rebuild_makes_the_same_page_from_the_files(study: Study, tmp_path: Path) -> None:
    summary, rows = study
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert rebuild(tmp_path).read_text() == render(summary, rows)
