"""The page of any experiment: what it hides, that nothing in it can run, and which files it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import parts
import pytest
import summaries
from html_tree import Tree

from neuroswitch.errors import BadRun
from neuroswitch.records import AnswerRow
from neuroswitch.report import render_page, write_page
from neuroswitch.storage import write_json
from neuroswitch.summary import Summary, read_summary

Made = Callable[[], tuple[Summary, list[AnswerRow]]]
MADE = [summaries.run, summaries.comparison, summaries.two_models]
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</style><svg onload=alert(3)>",
    "{{ 7 * 7 }}",
    "<!-- not a comment",
    "]]>&amp;&#x3c;",
)
each_kind = pytest.mark.parametrize("made", MADE)


@each_kind
def test_the_page_is_well_formed_and_its_references_resolve(made: Made) -> None:
    tree = Tree(render_page(*made()))
    ids = tree.values("id")
    assert len(ids) == len(set(ids))
    assert set(tree.values("aria-labelledby")) <= set(ids)
    assert {value.removeprefix("#") for value in tree.values("href") if value.startswith("#")} <= set(ids)
    assert tree.tags["h1"] == 1


@each_kind
def test_the_page_names_nothing_outside_itself_and_forbids_it_too(made: Made) -> None:
    page = render_page(*made())
    tree = Tree(page)
    policy = next(value for value in tree.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'")
    assert tree.tags["script"] == 0
    for name in ("src", "href"):
        assert all(value.startswith(("#", "data:")) for value in tree.values(name))
    assert "url(" not in page
    assert "@import" not in page


@each_kind
def test_every_figure_and_table_can_be_read_aloud(made: Made) -> None:
    tree = Tree(render_page(*made()))
    pictures = tree.values("role").count("img")
    named = sum(tag == "svg" and name == "aria-label" and bool(value) for tag, name, value in tree.attributes)
    assert named == pictures > 0
    assert tree.tags["th"] == len(tree.values("scope"))


@each_kind
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_from_outside_becomes_markup(made: Made, payload: str) -> None:
    summary, rows = made()
    summary = summary.model_copy(update={"warnings": ("The disk was nearly full.",)})
    clean = Tree(render_page(summary, rows, show_completions=True))
    evil = Summary.model_validate(summaries.hostile(summary.model_dump(mode="json"), payload))
    evil = evil.model_copy(update={"version": summary.version})
    changed = [replace(row, prompt=payload, text=payload, label=payload, reason=payload) for row in rows]
    tree = Tree(render_page(evil, changed, show_completions=True))
    assert set(tree.tags) <= set(clean.tags)
    assert {name for _, name, _ in tree.attributes} <= {name for _, name, _ in clean.attributes}
    assert payload in "".join(one.content for one in tree.texts)


@each_kind
def test_without_answers_the_page_has_its_numbers_still(made: Made) -> None:
    summary, rows = made()
    text = Tree(render_page(summary, [])).text()
    assert "do not add up" not in text
    assert "do not add up" not in Tree(render_page(summary, rows)).text()
    assert summary.cells[1].measures["behaviour"].value is not None


@each_kind
def test_a_sensitive_experiment_shows_neither_answers_nor_prompts_of_the_positive_pile(made: Made) -> None:
    summary, rows = made()
    assert parts.SECRET in "".join(row.text for row in rows)
    page = render_page(summary, rows)
    assert parts.SECRET not in page
    assert parts.SECRET_PROMPT not in page


def test_what_is_hidden_is_replaced_by_verdicts_and_harmless_texts_are_shown() -> None:
    text = Tree(render_page(*summaries.run())).text()
    assert "the texts are in results.jsonl" in text
    assert "positive-000" in text
    assert parts.REASONS["refusal"] in text
    assert parts.ANSWER.split(". ")[1] in text, "benign answers are harmless and shown"


@pytest.mark.parametrize(("sensitive", "asked"), [(True, True), (False, False), (False, True)])
def test_completions_are_shown_when_asked_for_or_harmless_but_only_after_a_click(
    sensitive: bool, asked: bool
) -> None:
    summary, rows = summaries.run(sensitive=sensitive)
    tree = Tree(render_page(summary, rows, show_completions=asked))
    shown = [one for one in tree.texts if parts.SECRET in one.content]
    assert len(shown) == sum(parts.SECRET in row.text for row in rows if row.method in ("untouched", "cna"))
    assert all(one.inside.count("details") == 2 for one in shown)
    assert "open" not in {name for _, name, _ in tree.attributes}


def test_the_words_that_decided_a_verdict_are_marked() -> None:
    tree = Tree(render_page(*summaries.run(sensitive=False)))
    assert parts.REFUSAL[:37] in {one.content for one in tree.texts if "mark" in one.inside}


def test_a_span_outside_its_text_marks_nothing_and_loses_no_text() -> None:
    summary, rows = summaries.run(sensitive=False)
    tree = Tree(render_page(summary, [replace(row, span=(5, 10_000)) for row in rows]))
    assert tree.tags["mark"] == 0
    assert parts.MORAL in tree.text()


def test_answers_that_were_stopped_early_say_why() -> None:
    summary, rows = summaries.run(sensitive=False)
    page = render_page(summary, [replace(row, finish="settled") for row in rows])
    assert "stopped once its verdict was settled" in page


def test_at_most_two_hundred_prompts_of_a_pile_are_shown() -> None:
    summary, rows = summaries.run()
    more = [replace(row, prompt_id=f"{row.prompt_id}-{copy}") for row in rows for copy in range(4)]
    text = Tree(render_page(summary, more)).text()
    assert "200 prompts in their order" in text
    assert "56 more are in results.jsonl" in text


def test_what_is_needed_to_repeat_the_numbers_is_on_the_page() -> None:
    summary, rows = summaries.run()
    text = Tree(render_page(summary, rows)).text()
    identity = summary.models["model"].identity
    for needed in (
        *(str(identity[key]) for key in ("name", "revision", "source", "template_sha256")),
        "9f" * 32,
        "neuroswitch run --model demo --behaviour refusal --size 0.001 --output runs/refusal",
        "torch 2.13.0",
        "decodingmax_new_tokens 150, batch_size 16",
        "token read'\\n', the last of the prompt",
        "Circuit of cna",
        "neuroswitch run · 2026-09-01",
        "Counted: full or partial refusals, by rules (verdicts: refusal and partial).",
        "McNemar’s exact test",
        "What this does not show",
    ):
        assert needed in text


def write(folder: Path, summary: Summary, rows: list[AnswerRow]) -> None:
    """Write the files of a finished experiment."""
    write_json(folder / "summary.json", summary.model_dump(mode="json"))
    (folder / "results.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))


def rebuild(folder: Path) -> Path:
    """Write the page again from the files in a folder."""
    return write_page(folder, read_summary(folder / "summary.json"))


@each_kind
def test_rebuild_makes_the_same_page_from_the_files(made: Made, tmp_path: Path) -> None:
    summary, rows = made()
    write(tmp_path, summary, rows)
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"torn": tr')
    page = rebuild(tmp_path)
    assert page == tmp_path / "report.html"
    assert page.read_text() == render_page(summary, rows)


def test_a_page_has_date_and_command_and_shows_completions_if_asked(tmp_path: Path) -> None:
    made = {
        "engine": "vllm",
        "date": "2027-01-02T03:04",
        "command": "neuroswitch once more",
        "versions": {"neuroswitch": "9.9"},
    }
    summary, rows = summaries.run(provenance=made)
    write(tmp_path, summary, rows)
    page = write_page(tmp_path, summary, show_completions=True).read_text()
    assert parts.SECRET in page
    text = Tree(page).text()
    for part in ("2027-01-02", "neuroswitch once more", "Made by neuroswitch 9.9", "enginevllm"):
        assert part in text


def test_rebuild_of_an_unfinished_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="name the folder of an experiment"):
        rebuild(tmp_path)
    (tmp_path / "summary.json").write_text('{"version": 2,')
    with pytest.raises(BadRun, match="missing or damaged"):
        rebuild(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 1}, "not a summary of this version"),
        ({"version": None}, "not a summary of this version"),
        ({"poem": "roses"}, "poem"),
        ({"cells": None}, "cells"),
        ({"cells": []}, "no row of the untouched model"),
        ({"match": "beauty"}, "beauty"),
        ({"models": {}}, "no row of the untouched model: any"),
        ({"ranking": {"asked": "readout"}}, "ranking.used"),
    ],
)
def test_a_damaged_summary_is_refused_by_name(
    change: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    summary, rows = summaries.run()
    write(tmp_path, summary, rows)
    content = {**summary.model_dump(mode="json"), **change}
    (tmp_path / "summary.json").write_text(json.dumps(content))
    with pytest.raises(BadRun, match=complaint):
        rebuild(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_matched_method_without_a_row_and_a_third_model_are_refused(tmp_path: Path) -> None:
    summary, rows = summaries.comparison()
    write(tmp_path, summary, rows)
    content = summary.model_dump(mode="json")
    content["matched"]["rows"][0]["method"] = "magic"
    (tmp_path / "summary.json").write_text(json.dumps(content))
    with pytest.raises(BadRun, match="matched methods without a row: magic"):
        rebuild(tmp_path)
    third = {name: summary.models["model"] for name in ("a", "b", "model")}
    cells = tuple(summary.untouched().model_copy(update={"model": name}) for name in third)
    write(tmp_path, summary.model_copy(update={"models": third, "cells": cells, "matched": None}), rows)
    with pytest.raises(BadRun, match="3 models"):
        rebuild(tmp_path)


def test_a_measure_that_is_not_described_and_a_row_of_no_model_are_refused(tmp_path: Path) -> None:
    summary, rows = summaries.run()
    for change, complaint in (
        (("measures", "quality"), "quality"),
        (("models", "model"), "no row of the untouched model: any"),
    ):
        write(tmp_path, summary, rows)
        content = summary.model_dump(mode="json")
        del content[change[0]][change[1]]
        (tmp_path / "summary.json").write_text(json.dumps(content))
        with pytest.raises(BadRun, match=complaint):
            rebuild(tmp_path)


@pytest.mark.parametrize("column", ["label", "model", "text", "pile"])
def test_a_damaged_row_is_refused_by_its_place(column: str, tmp_path: Path) -> None:
    summary, rows = summaries.run()
    write(tmp_path, summary, rows)
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    lines[2] = json.dumps({key: value for key, value in json.loads(lines[2]).items() if key != column})
    (tmp_path / "results.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(BadRun, match=f"line 3(.|\n)*{column}"):
        rebuild(tmp_path)


def test_reports_need_no_torch() -> None:
    code = "import sys, neuroswitch.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
