"""The page of a run: what it says, what it hides, and that nothing in it can run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import example
import models_example
import pytest
from html_tree import Tree

from neuroswitch.errors import BadRun
from neuroswitch.report import rebuild, render

MADE = [example.run, example.compared, models_example.studied]

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</style><svg onload=alert(3)>",
    "{{ 7 * 7 }}",
    "<!-- not a comment",
    "]]>&amp;&#x3c;",
)


def test_the_first_sentence_says_what_changed_by_how_much_and_how_sure() -> None:
    summary, rows = example.run()
    text = Tree(render(summary, rows)).text()
    before, after = summary["baseline"]["rate"], summary["steered"]["rate"]
    assert (
        f"Switching off 116 neurons (0.1 % of all) lowers the refusal rate from {100 * before:.1f} % "
        f"to {100 * after:.1f} % on 64 held-out prompts (p < 0.001)."
    ) in text


def test_every_condition_stands_with_count_rate_interval_and_quality() -> None:
    summary, rows = example.run()
    text = Tree(render(summary, rows)).text()
    conditions = [summary[name] for name in ("baseline", "steered", "random", "amplified")]
    for rate in [*conditions, *summary["benign"].values()]:
        cells = f"{100 * rate['rate']:.1f} %", f"{100 * rate['low']:.0f}–{100 * rate['high']:.0f} %"
        assert f"{cells[0]}{cells[1]}{rate['refusals']}/{rate['n']}{rate['quality']:.3f}" in text


def test_what_is_needed_to_repeat_the_numbers_is_on_the_page() -> None:
    summary, rows = example.run()
    text = Tree(render(summary, rows)).text()
    model, prompts, provenance = summary["model"], summary["prompts"], summary["provenance"]
    for needed in (
        *(model[key] for key in ("name", "revision", "source", "template_sha256")),
        prompts["sha256"],
        provenance["command"],
        "torch 2.13.0",
        "controls2",
        "decodingmax_new_tokens 150, batch_size 16",
        "token read'\\n', the last of the prompt",
        "Counted: full or partial refusals, by rules (verdicts: refusal and partial).",
        "−37 +1",
        "McNemar, exact",
        "What this does not show",
    ):
        assert needed in text


def test_each_top_neuron_stands_with_its_tokens() -> None:
    summary, rows = example.run()
    tree = Tree(render(summary, rows))
    for neuron in summary["circuit"]["top"]:
        assert f"{neuron['layer']}:{neuron['index']}" in tree.text()
        assert neuron["path"] in tree.values("title")
    assert "␣cannot" in tree.text()
    assert "↵↵" in tree.text()


def test_a_sensitive_run_shows_neither_answers_nor_prompts_of_the_positive_pile() -> None:
    summary, rows = example.run()
    page = render(summary, rows)
    assert example.SECRET not in page
    for row in rows:
        if row["pile"] == "positive":
            row["prompt"] = "a prompt that must not be shown"
    assert "a prompt that must not be shown" not in render(summary, rows)
    text = Tree(page).text()
    assert "the texts are in results.jsonl" in text
    assert "positive-000" in text
    assert example.REASONS["refusal"] in text
    assert example.ANSWER.split(". ")[1] in text, "benign answers are harmless and shown"


def test_a_run_that_does_not_say_whether_it_is_sensitive_is_taken_to_be() -> None:
    summary, rows = example.run()
    del summary["sensitive"]
    assert example.SECRET not in render(summary, rows)


@pytest.mark.parametrize(("sensitive", "asked"), [(True, True), (False, False), (False, True)])
def test_completions_are_shown_when_asked_for_or_harmless_but_only_after_a_click(
    sensitive: bool, asked: bool
) -> None:
    summary, rows = example.run(sensitive=sensitive)
    tree = Tree(render(summary, rows, show_completions=asked))
    shown = [one for one in tree.texts if example.SECRET in one.content]
    assert len(shown) == sum(
        example.SECRET in row["text"] for row in rows if row["condition"] in ("baseline", "steered")
    )
    assert all(one.inside.count("details") == 2 for one in shown)
    assert "open" not in {name for _, name, _ in tree.attributes}


def test_the_words_that_decided_a_verdict_are_marked() -> None:
    summary, rows = example.run(sensitive=False)
    marked = {one.content for one in Tree(render(summary, rows)).texts if "mark" in one.inside}
    assert example.REFUSAL[:37] in marked


def test_a_span_outside_its_text_marks_nothing_and_loses_no_text() -> None:
    summary, rows = example.run(sensitive=False)
    for row in rows:
        row["span"] = [5, 10_000]
    tree = Tree(render(summary, rows))
    assert tree.tags["mark"] == 0
    assert example.MORAL in tree.text()


def poison(value: Any, payload: str) -> Any:
    """Return `value` with `payload` in place of every text, keys and structure kept."""
    if isinstance(value, dict):
        return {key: item if key in KEPT else poison(item, payload) for key, item in value.items()}
    if isinstance(value, list):
        return [poison(item, payload) for item in value]
    return payload if isinstance(value, str) else value


KEPT = {"kind", "condition", "pile", "prompt_id", "finish"}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_from_outside_becomes_markup(payload: str) -> None:
    summary, rows = example.run(n=4, sensitive=False)
    clean = Tree(render(summary, rows))
    poisoned = poison(summary, payload)
    for rate in (poisoned["baseline"], poisoned["steered"]):
        rate["labels"] = {payload: 4}
    tree = Tree(render(poisoned, [poison(row, payload) for row in rows]))
    assert set(tree.tags) <= set(clean.tags)
    assert {name for _, name, _ in tree.attributes} <= {name for _, name, _ in clean.attributes}
    assert payload in "".join(one.content for one in tree.texts)


@pytest.mark.parametrize("made", MADE)
def test_the_page_is_well_formed_and_its_references_resolve(made: Any) -> None:
    tree = Tree(render(*made()))
    ids = tree.values("id")
    assert len(ids) == len(set(ids))
    assert set(tree.values("aria-labelledby")) <= set(ids)
    assert {value.removeprefix("#") for value in tree.values("href") if value.startswith("#")} <= set(ids)
    assert tree.tags["h1"] == 1


@pytest.mark.parametrize("made", MADE)
def test_the_page_names_nothing_outside_itself_and_forbids_it_too(made: Any) -> None:
    page = render(*made())
    tree = Tree(page)
    policy = next(value for value in tree.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'")
    assert tree.tags["script"] == 0
    for name in ("src", "href"):
        assert all(value.startswith(("#", "data:")) for value in tree.values(name))
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("made", MADE)
def test_every_figure_and_table_can_be_read_aloud(made: Any) -> None:
    tree = Tree(render(*made()))
    pictures = tree.values("role").count("img")
    named = sum(tag == "svg" and name == "aria-label" and bool(value) for tag, name, value in tree.attributes)
    assert named == pictures > 0
    assert tree.tags["th"] == tree.values("scope").__len__()


def test_missing_values_are_dashes_never_zeros() -> None:
    summary, rows = example.run()
    nothing = {"refusals": 0, "n": 0, "rate": None, "low": None, "high": None, "quality": None, "labels": {}}
    summary |= {"steered": nothing, "tests": {}}
    text = Tree(render(summary, [])).text()
    assert "No held-out prompt got a verdict" in text
    assert "––0/0–––" in text
    assert "No completions came with this summary." in text


def test_a_summary_that_does_not_fit_its_completions_says_so() -> None:
    summary, rows = example.run()
    assert "do not add up" not in render(summary, rows)
    lost = next(row for row in rows if row["condition"] == "steered" and row["label"] == "refusal")
    lost["label"] = "compliance"
    assert "do not add up to the summary (steered, positive prompts)" in Tree(render(summary, rows)).text()


@pytest.mark.parametrize("change", [{"schema": 2}, {"schema": None}, {"kind": "poem"}])
def test_an_unknown_summary_is_refused_by_name(change: dict[str, Any]) -> None:
    summary, rows = example.run()
    with pytest.raises(BadRun, match="cannot be rendered"):
        render(summary | change, rows)


@pytest.mark.parametrize("missing", ["baseline", "benign", "circuit", "model", "provenance", "warnings"])
def test_an_incomplete_summary_names_what_it_lacks(missing: str) -> None:
    summary, rows = example.run()
    del summary[missing]
    with pytest.raises(BadRun, match=missing):
        render(summary, rows)


def test_an_incomplete_part_names_what_it_lacks() -> None:
    summary, rows = example.run()
    del summary["circuit"]["ranking"]
    with pytest.raises(BadRun, match="ranking"):
        render(summary, rows)
    whole, _ = example.run()
    with pytest.raises(BadRun, match="label"):
        render(whole, [{key: value for key, value in row.items() if key != "label"} for row in rows])


def test_rebuild_makes_the_same_page_from_the_files(tmp_path: Path) -> None:
    summary, rows = example.run()
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "results.jsonl").write_text("\n".join(lines) + '\n{"torn": tr')
    page = rebuild(tmp_path)
    assert page == tmp_path / "report.html"
    assert page.read_text() == render(summary, rows)
    assert example.SECRET in rebuild(tmp_path, show_completions=True).read_text()


def test_rebuild_of_an_unfinished_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="name the folder of a finished run"):
        rebuild(tmp_path)
    (tmp_path / "summary.json").write_text('{"schema": 1,')
    with pytest.raises(BadRun, match="JSONDecodeError"):
        rebuild(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_reports_need_no_torch() -> None:
    code = "import sys, neuroswitch.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
