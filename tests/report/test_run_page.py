"""The page of one method on one model: its sentence, its tables, and what it warns of."""

from dataclasses import replace

import parts
import pytest
import summaries
from html_tree import Tree
from pages import answer, spaced, text_of, with_row

from neuroswitch.report import render_page
from neuroswitch.report.sections.answer import head
from neuroswitch.report.sections.circuits import layers_and_neurons
from neuroswitch.report.sections.limits import cautions, limits
from neuroswitch.report.view import View
from neuroswitch.summary import Cell, Summary


def with_measure(summary: Summary, place: int, name: str, value: float | None) -> Summary:
    """Return the summary with another value of a measure in one row."""
    found = parts.number(name, value, 0.05)
    return with_row(summary, place, measures={**summary.cells[place].measures, name: found})


def with_p(summary: Summary, p: float | None) -> Summary:
    """Return the summary with another p-value of the circuit."""
    test = summary.cells[1].tests["behaviour"].model_copy(update={"p": p})
    return with_row(summary, 1, tests={"behaviour": test})


def test_the_first_sentence_says_what_changed_by_how_much_and_how_sure() -> None:
    summary, rows = summaries.run()
    sentence = (
        "Switching off 116 neurons (0.1 % of all) lowers the refusal rate from 68.8 % to 14.1 % on 64 held-out "
        "prompts (p < 0.001)."
    )
    assert answer(summary) == sentence
    assert sentence in text_of(summary, rows)


@pytest.mark.parametrize(
    ("p", "claim"),
    [
        (0.01, "lowers"),
        (0.05, "does not measurably change"),
        (0.9, "does not measurably change"),
        (None, "was not tested"),
    ],
)
def test_the_answer_claims_no_more_than_its_test(p: float | None, claim: str) -> None:
    assert claim in answer(with_p(summaries.run()[0], p))


def test_the_answer_says_raises_when_the_rate_rises() -> None:
    assert " raises " in answer(with_measure(summaries.run()[0], 1, "behaviour", 0.9))


def test_other_strengths_doses_and_behaviours_are_named() -> None:
    summary, _ = summaries.run(-1.0, behaviour="french")
    page = head(View(summary, []))
    assert answer(summary).startswith("Multiplying 116 neurons (0.1 % of all) by 2 ")
    assert "the rate of “french”" in answer(summary)
    assert "shows “french”, and what happens when they are multiplied by 2?" in str(page["question"])
    assert page["title"] == "Switching “french” in"
    assert "Prompts that call for it" in text_of(summary)
    assert "Circuit × 2" in text_of(summary)


def test_doses_other_than_one_are_shown_and_make_no_multiplier() -> None:
    summary, _ = summaries.run()
    assert ">Dose<" not in render_page(summary, [])
    found = parts.circuit("cna")
    top = (found.top[0].model_copy(update={"dose": -2.0}), *found.top[1:])
    methods = [parts.method("cna", "scales", found.model_copy(update={"top": top}))]
    summary = summary.model_copy(update={"models": {"model": parts.model_facts(methods)}})
    assert answer(summary).startswith("Scaling 116 neurons (0.1 % of all) at strength 1 lowers")
    page = render_page(summary, [])
    assert ">Dose<" in page
    assert ">−2<" in page
    assert "Circuit at strength 1" in Tree(page).text()


def test_a_method_without_a_circuit_is_named_and_has_no_section_on_neurons() -> None:
    methods = [parts.method("cna", "a vector")]
    summary, _ = summaries.run()
    summary = summary.model_copy(update={"models": {"model": parts.model_facts(methods)}})
    assert answer(summary).startswith("The method cna at strength 1 lowers")
    tree = Tree(render_page(summary, []))
    assert "layers-plot" not in tree.values("id")
    assert "Tokens it promotes" not in tree.text()


def test_every_row_stands_with_count_rate_interval_difference_and_test() -> None:
    summary, rows = summaries.run()
    text = text_of(summary, rows)
    cell: Cell
    for cell in summary.cells:
        for name, pile in (("behaviour", "positive"), ("benign", "negative")):
            if found := cell.measures.get(name):
                assert found.value is not None
                shown = sum(cell.labels[pile].get(label, 0) for label in summary.shows)
                assert f"{shown}/{found.n}" in text
                assert f"{100 * (found.low or 0):.0f}–{100 * (found.high or 0):.0f} %" in text
    assert "88/128" in text, "the random control pools two circuits"
    assert "−37 +2" in text
    assert "\N{MINUS SIGN}54.7 \N{MINUS SIGN}67.2 to" in text


def test_the_page_says_that_draws_of_random_circuits_are_not_resampled() -> None:
    summary, _ = summaries.run()
    assert "stands for 2 random circuits: its intervals resample prompts, not draws" in text_of(summary)
    assert "stay inside the interval of the untouched model" in text_of(summary)
    alone = with_row(summary, 2, members=("random:0@1",))
    assert "not draws" not in text_of(alone)


def test_each_top_neuron_stands_with_its_tokens() -> None:
    summary, rows = summaries.run()
    tree = Tree(render_page(summary, rows))
    found = summary.models["model"].methods["cna"].circuit
    assert found is not None
    for neuron in found.top:
        assert f"{neuron.layer}:{neuron.index}" in tree.text()
        assert neuron.path in tree.values("title")
    assert "␣cannot" in tree.text()
    assert "↵↵" in tree.text()
    assert "17.2 % of them lie in the last three layers" in tree.text()


def test_every_layer_with_neurons_has_its_bar() -> None:
    page = render_page(*summaries.run())
    assert page.count("neurons</title>") == sum(count > 1 for count in parts.EARLY)
    assert page.count("<title>layer 3: 1 neuron</title>") == 1


def test_a_neuron_without_means_is_not_drawn_at_zero() -> None:
    bare = parts.neuron(0).model_copy(update={"score": None, "positive_mean": None, "negative_mean": None})
    expert = bare.model_copy(update={"expert": 3})
    found = parts.circuit("cna").model_copy(update={"top": (bare, expert), "experts": 1})
    summary, _ = summaries.run()
    models = {"model": parts.model_facts([parts.method("cna", "scales", found)])}
    summary = summary.model_copy(update={"models": models})
    shown = layers_and_neurons(View(summary, []))
    assert shown is not None
    tree = Tree(render_page(summary, []))
    assert 'class="positive' not in render_page(summary, [])
    assert f"{bare.layer}:3:{bare.index}" in tree.text()
    assert "layer:expert:index" in tree.text()


def test_missing_values_are_dashes_never_zeros() -> None:
    summary, _ = summaries.run()
    nothing = parts.number("behaviour", None, n=0)
    summary = with_row(
        summary, 1, measures={"behaviour": nothing}, tests={}, changes={}, labels={}, texts_changed=None
    )
    text = text_of(summary)
    assert "No held-out prompt got a verdict" in text
    assert "Circuit switched off – –0/0– – – –– " in text
    assert "No completions came with this summary." in text


def test_a_router_has_its_section_only_where_there_is_one() -> None:
    summary, _ = summaries.run()
    assert "The router" not in text_of(summary)
    routing = {
        name: parts.number(name, value, 0.02)
        for name, value in (
            ("routing", 0.12),
            ("routing_first", 0.05),
            ("routing_kept", 0.97),
            ("routing_unused", 4),
        )
    }
    cell = summary.cells[1]
    summary = with_row(summary, 1, measures={**cell.measures, **routing}, layers_moved={3: 2, 7: 1})
    found = parts.circuit("cna").model_copy(update={"experts": 60})
    models = {"model": parts.model_facts([parts.method("cna", "scales", found)])}
    summary = summary.model_copy(update={"models": models, "measures": parts.INFOS})
    text = text_of(summary)
    assert "changed in 12 % of cases. 4 of the circuit's 60 neurons in experts belong to experts" in text
    assert "with the number of prompts: 3 (2), 7 (1)." in text
    assert "Experts kept97 %95–99 %" in text


@pytest.mark.parametrize(
    ("place", "change", "caution"),
    [
        (0, {"behaviour": parts.number("behaviour", 0.5, 0.2, n=12)}, "Only 12 held-out prompts"),
        (
            1,
            {"quality": parts.number("quality", 0.5)},
            "quality falls by 0.488 under “Circuit switched off”",
        ),
        (2, {"behaviour": parts.number("behaviour", 0.2)}, "Random neurons take the refusal rate out of"),
    ],
)
def test_weaknesses_are_found_and_said(place: int, change: dict[str, object], caution: str) -> None:
    summary, _ = summaries.run()
    changed = with_row(summary, place, measures={**summary.cells[place].measures, **change})
    assert caution in spaced(" ".join(cautions(View(changed, []))))


def test_degenerate_answers_and_warnings_are_said() -> None:
    summary, _ = summaries.run(warnings=("The disk was nearly full.",))
    summary = with_row(summary, 1, labels={"positive": {"degenerate": 32, "compliance": 32}})
    said = spaced(" ".join(cautions(View(summary, []))))
    assert said.startswith("The disk was nearly full.")
    assert (
        "Some answers are degenerate, 50 % under “Circuit switched off”: fewer refusals are not more answers."
        in said
    )


def test_a_sound_run_has_nothing_to_warn_of() -> None:
    assert cautions(View(*summaries.run())) == []


def test_a_summary_that_does_not_fit_its_answers_says_so() -> None:
    summary, rows = summaries.run()
    place = next(i for i, row in enumerate(rows) if row.condition == "cna@1" and row.label == "refusal")
    for label in ("compliance", None):
        rows[place] = replace(rows[place], label=label)
        assert "do not add up to the summary (“Circuit switched off”, positive prompts)" in text_of(
            summary, rows
        )
    labels = {**summary.cells[1].labels["positive"], "refusal": 4, "unjudged": 1}
    summary = with_row(summary, 1, labels={**summary.cells[1].labels, "positive": labels})
    assert "do not add up" not in text_of(summary, rows), "a missing verdict is counted like any other"


@pytest.mark.parametrize("behaviour", ["refusal", "french"])
def test_the_limits_name_how_long_answers_were_and_what_was_not_measured(behaviour: str) -> None:
    lines = limits(View(*summaries.run(behaviour=behaviour)))["lines"]
    assert isinstance(lines, list)
    assert any("cut off after 150 tokens" in line for line in lines)
    assert lines[-1].endswith("Not measured here: KL, perplexity, MMLU, MMLU step by step, over-refusal.")
