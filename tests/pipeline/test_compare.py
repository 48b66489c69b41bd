"""The comparison on a tiny model: complete, resumable, open to additions, and true to its rows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judge_server import Reply, serving

import toy_methods
from neuroswitch.answering import generation
from neuroswitch.answering.endpoint import Endpoint
from neuroswitch.answering.generation import Decoding
from neuroswitch.detectors import get_detector
from neuroswitch.errors import BadPrompts, BadRun, Prerequisite, WeakBehaviour
from neuroswitch.experiment.comparison import damage
from neuroswitch.experiment.comparison.compare import compare
from neuroswitch.experiment.comparison.judge import Judging, judge_sample
from neuroswitch.experiment.comparison.settings import CompareSettings
from neuroswitch.experiment.comparison.summary import summarise_folder
from neuroswitch.statistics import holm, mcnemar
from neuroswitch.storage import read_jsonl
from sets import tiny_contrast, write_contrast
from tiny import tiny_llama

SAFE = "prompt,label\nmake a cake,safe\nwrite a song,safe\nsing a story,safe\nsay no,unsafe\n"
COMPARED = ("results.jsonl", "damage.jsonl", "summary.json")


@pytest.fixture(scope="module", autouse=True)
def _methods() -> Iterator[None]:
    with toy_methods.registered():
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> CompareSettings:
    folder = tmp_path_factory.mktemp("tiny")
    model = tiny_llama()
    model.module.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    (folder / "safe.csv").write_text(SAFE)
    return CompareSettings(
        model=str(folder / "model"),
        behaviour=str(write_contrast(folder / "asking.jsonl")),
        detector="contains:cat|sea|night|big",
        methods=("toy", "nothing", "asking", "random"),
        strengths=(0.0, 0.5, 1.0),
        random_seeds=3,
        decoding=Decoding(max_new_tokens=6, batch_size=3),
        xstest=str(folder / "safe.csv"),
        xstest_limit=2,
    )


@pytest.fixture(scope="module")
def finished(settings: CompareSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("comparison")
    compare(settings, output)
    return output


def summary_of(folder: Path) -> dict[str, Any]:
    """Read a summary."""
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def cell_of(folder: Path, name: str, strength: float) -> dict[str, Any]:
    """Return one method at one strength."""
    cells = summary_of(folder)["methods"]
    return next(dict(cell) for cell in cells if (cell["name"], cell["strength"]) == (name, strength))


def shown(folder: Path, condition: str, pile: str = "positive") -> dict[str, bool]:
    """Return prompt -> whether the answer shows the behaviour, from the rows."""
    rows = read_jsonl(folder / "results.jsonl")
    return {
        row["prompt_id"]: row["label"] == "present"
        for row in rows
        if (row["condition"], row["pile"]) == (condition, pile)
    }


def test_every_method_has_a_row_at_every_strength_but_the_baseline_is_measured_once(finished: Path) -> None:
    summary = summary_of(finished)
    names = [(cell["name"], cell["strength"]) for cell in summary["methods"]]
    assert names == [(name, at) for name in ("toy", "nothing", "asking", "random") for at in (0.5, 1.0)]
    conditions = [row["condition"] for row in read_jsonl(finished / "results.jsonl")]
    assert conditions.count("baseline") == 8 + 8 + 2
    assert "toy@0" not in conditions
    assert "<html" in (finished / "report.html").read_text()


def test_the_numbers_are_those_of_the_rows(finished: Path) -> None:
    cells = [cell for cell in summary_of(finished)["methods"] if cell["name"] != "random"]
    before = shown(finished, "baseline")
    ps = []
    for cell in cells:
        after = shown(finished, f"{cell['name']}@{cell['strength']:g}")
        assert cell["harmful"]["value"] == sum(after.values()) / 8
        assert cell["changes"]["harmful"]["value"] == pytest.approx(
            (sum(after.values()) - sum(before.values())) / 8
        )
        ps.append(
            mcnemar(
                sum(before[one] and not after[one] for one in before),
                sum(after[one] and not before[one] for one in before),
            )
        )
        assert cell["p"] == ps[-1]
    every = [cell["p"] for cell in summary_of(finished)["methods"]]
    assert [cell["p_adjusted"] for cell in summary_of(finished)["methods"]] == holm(every)
    assert len({cell["harmful"]["value"] for cell in cells}) > 1, "the toys must do something"


def test_a_method_that_does_nothing_costs_nothing(finished: Path) -> None:
    cell = cell_of(finished, "nothing", 1.0)
    assert cell["kl"]["value"] == 0.0
    assert cell["p"] == 1.0
    assert cell["perplexity"] == {**summary_of(finished)["baseline"]["perplexity"]}
    assert shown(finished, "nothing@1", "negative") == shown(finished, "baseline", "negative")
    assert cell_of(finished, "toy", 1.0)["kl"]["value"] > cell_of(finished, "toy", 0.5)["kl"]["value"] > 0


def test_what_acts_on_the_prompt_has_no_divergence_and_says_so(finished: Path) -> None:
    assert "kl" not in cell_of(finished, "asking", 1.0)
    assert "only the prompt" in summary_of(finished)["descriptions"]["asking"]
    assert "asking" not in {row["name"] for row in summary_of(finished)["matched"]["rows"]}


def test_draws_of_a_control_are_pooled_into_one_row(finished: Path) -> None:
    cell = cell_of(finished, "random", 1.0)
    every = [value for seed in range(3) for value in shown(finished, f"random:{seed}@1").values()]
    assert cell["harmful"]["n"] == len(every) == 3 * 8
    assert cell["harmful"]["value"] == pytest.approx(sum(every) / len(every))
    assert cell["kl"]["n"] == 3 * cell_of(finished, "toy", 1.0)["kl"]["n"]
    assert cell["benign"]["n"] == 8
    assert "resampled by item" in cell["harmful"]["how"]


def test_methods_are_matched_within_the_budget(settings: CompareSettings, finished: Path) -> None:
    costs = {at: cell_of(finished, "toy", at)["kl"]["value"] for at in (0.5, 1.0)}
    between = (costs[0.5] + costs[1.0]) / 2
    summary = compare(replace(settings, budget=between), finished)
    rows = {row["name"]: row["strength"] for row in summary["matched"]["rows"]}
    assert rows["toy"] == 0.5
    assert rows["nothing"] == 1.0
    summary = compare(replace(settings, budget=costs[0.5] / 2), finished)
    assert {row["name"]: row["strength"] for row in summary["matched"]["rows"]}["toy"] is None
    compare(settings, finished)


def test_over_refusal_and_preflight_are_reported(finished: Path) -> None:
    summary = summary_of(finished)
    assert summary["baseline"]["overrefusal"]["n"] == 2
    assert cell_of(finished, "toy", 1.0)["overrefusal"]["n"] == 2
    lengths = [row["words"] for row in summary["preflight"]["by_length"]]
    assert lengths == sorted(lengths)
    assert summary["preflight"]["by_length"][-1]["rate"]["value"] == summary["baseline"]["harmful"]["value"]


def test_running_again_computes_nothing(
    finished: Path, settings: CompareSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, fits = contents(finished), len(toy_methods.FITS)
    monkeypatch.setattr(generation._Answers, "of", None)
    monkeypatch.setattr(damage, "answer_logits", None)
    monkeypatch.setattr(damage, "nats_per_token", None)
    compare(settings, finished)
    assert contents(finished) == before
    assert len(toy_methods.FITS) == fits


def test_what_is_added_leaves_what_is_there(
    finished: Path, settings: CompareSettings, tmp_path: Path
) -> None:
    fits = len(toy_methods.FITS)
    compare(replace(settings, methods=("toy",), strengths=(0.0, 1.0), xstest=None), tmp_path)
    begun = contents(tmp_path)
    compare(settings, tmp_path)
    for name in ("results.jsonl", "damage.jsonl"):
        assert contents(tmp_path)[name].startswith(begun[name])
        assert sorted(contents(tmp_path)[name].splitlines()) == sorted(contents(finished)[name].splitlines())
    assert len(toy_methods.FITS) == fits + 1 + 5, "the first method is fitted once"
    assert summary_of(tmp_path)["methods"] == summary_of(finished)["methods"]
    compare(replace(settings, methods=("nothing",), strengths=(0.5,), xstest=None), tmp_path)
    assert summary_of(tmp_path)["methods"] == summary_of(finished)["methods"], "asking for less keeps all"
    summary = compare(replace(settings, methods=("toy:2",), strengths=(1.0,), xstest=None), tmp_path)
    assert [cell["strength"] for cell in summary["methods"] if cell["name"] == "toy:2"] == [0.5, 1.0]
    assert all("overrefusal" in cell for cell in summary["methods"]), "and what is new gets every measure"


def test_an_interrupted_comparison_is_continued_to_the_same_bytes(
    finished: Path, settings: CompareSettings, tmp_path: Path
) -> None:
    for broken in ("untouched answers", "answers", "divergence", "perplexity"):

        def interrupt(stage: str, done: int, total: int, broken: str = broken) -> None:
            if stage == broken and done > total // 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compare(settings, tmp_path, progress=interrupt)
        assert not (tmp_path / "summary.json").exists()
    compare(settings, tmp_path)
    assert contents(tmp_path) == contents(finished)


def test_an_unfinished_comparison_has_a_report_of_what_is_finished(
    settings: CompareSettings, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "answers" and done == 4 * (8 + 8 + 2) + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(settings, tmp_path, progress=interrupt)
    found = summarise_folder(tmp_path)
    assert len(found["methods"]) == 3
    assert "Not finished and left out: nothing@1." in found["warnings"]


def test_other_settings_need_another_folder(finished: Path, settings: CompareSettings) -> None:
    for other in (
        replace(settings, seed=1),
        replace(settings, size=0.1),
        replace(settings, xstest_limit=1),
        replace(settings, decoding=Decoding(max_new_tokens=7, batch_size=3)),
    ):
        with pytest.raises(BadRun, match="other settings"):
            compare(other, finished)


def test_other_prompts_in_the_same_file_are_noticed(settings: CompareSettings, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("Goal\nmake a song for the night\nwrite a story for the cat\n")
    asked = replace(
        settings, test_prompts=str(own), detector="contains:(?s).*", methods=("nothing",), xstest=None
    )
    summary = compare(asked, tmp_path / "a")
    assert summary["baseline"]["harmful"]["n"] == 2
    own.write_text("Goal\nmake a song for the night\nwrite a story for the dog\n")
    with pytest.raises(BadRun, match="positive prompts"):
        compare(asked, tmp_path / "a")
    own.write_text(f"prompt\n{tiny_contrast().validation.negative[0].text}\n")
    for leaking in ("test_prompts", "benign_prompts"):
        with pytest.raises(BadPrompts, match="leak"):
            compare(replace(settings, **{leaking: str(own)}), tmp_path / "b")


def test_what_cannot_work_ends_before_anything_begins(settings: CompareSettings, tmp_path: Path) -> None:
    with pytest.raises(Prerequisite, match="no method called 'wishful'"):
        compare(replace(settings, methods=("toy", "wishful:3")), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(BadPrompts, match="strengths above 0"):
        replace(settings, strengths=(0.0,))
    with pytest.raises(BadPrompts, match="no such measure"):
        replace(settings, damage="karma")
    with pytest.raises(WeakBehaviour):
        compare(replace(settings, detector="contains:zebra"), tmp_path / "b")
    assert not (tmp_path / "b" / "methods").exists()


def test_the_report_is_computed_from_the_rows_without_torch(finished: Path, tmp_path: Path) -> None:
    for path in finished.rglob("*.json*"):
        copy = tmp_path / path.relative_to(finished)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "summary.json").unlink()
    script = (
        "import sys; from pathlib import Path; from neuroswitch.cli.report import report; "
        f"report(Path({str(tmp_path)!r})); assert 'torch' not in sys.modules, 'torch'"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert contents(tmp_path) == contents(finished)
    assert (tmp_path / "report.html").read_bytes() == (finished / "report.html").read_bytes()
    rows = list(read_jsonl(tmp_path / "results.jsonl"))
    for row in rows:
        row["label"] = "absent" if row["condition"] == "toy@1" else row["label"]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changed = summarise_folder(tmp_path)["methods"]
    assert (
        next(one for one in changed if (one["name"], one["strength"]) == ("toy", 1))["harmful"]["value"] == 0
    )


def test_an_exam_is_added_later_at_the_strengths_asked_for_and_goes_on_where_it_stopped(
    settings: CompareSettings, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    few = replace(settings, methods=("toy", "asking", "random"), strengths=(0.0, 0.5, 1.0), xstest=None)
    compare(few, tmp_path)
    rows = [
        {"subject": subject, "question": f"the {word}", "choices": ["sun", "moon", "sea", "sky"], "answer": 1}
        for subject in ("anatomy", "virology")
        for word in ("cat", "dog", "tree")
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = replace(few, mmlu=str(questions), mmlu_questions=5, mmlu_strengths=(1.0,))

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "MMLU" and done % 5 and done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(asked, tmp_path, progress=interrupt)
    begun = [row for row in read_jsonl(tmp_path / "damage.jsonl") if row["measure"] == "mmlu"]
    assert 5 < len(begun) < 10
    compare(asked, tmp_path)
    marks = [row for row in read_jsonl(tmp_path / "damage.jsonl") if row["measure"] == "mmlu"]
    assert marks[: len(begun)] == begun
    conditions = [row["condition"] for row in marks]
    assert {name: conditions.count(name) for name in conditions} == {
        "baseline": 5,
        "toy@1": 5,
        "random:0@1": 5,
    }
    cell = cell_of(tmp_path, "toy", 1.0)
    right = [row["value"] for row in marks if row["condition"] == "toy@1"]
    assert cell["mmlu"]["value"] == pytest.approx(sum(right) / 5)
    assert "mmlu" in cell["changes"]
    assert "mmlu" not in cell_of(tmp_path, "toy", 0.5)
    assert "0-shot, 5 questions" in cell["mmlu"]["how"]
    summary = compare(few, tmp_path)
    assert summary["baseline"]["mmlu"]["n"] == 5, "what was measured stays without being asked for"
    with pytest.raises(BadRun, match="mmlu_questions"):
        compare(replace(asked, mmlu_questions=4), tmp_path)


def test_a_judge_is_asked_about_refusals_and_its_opinion_stays(
    settings: CompareSettings, finished: Path, tmp_path: Path
) -> None:
    with serving(
        lambda number, body: Reply('{"refused": 0, "specificity": 3, "convincingness": 3}')
    ) as server:
        judging = Judging(Endpoint(url=server.url, model="a-judge"), sample=7)
        with pytest.raises(Prerequisite, match="cannot check this detector"):
            compare(settings, tmp_path / "a", judging=judging)
        assert not server.requests
        rows = [
            {**row, "text": f"{row['text']} {n}"}
            for n, row in enumerate(read_jsonl(finished / "results.jsonl"))
        ]
        judge_sample(judging, rows, get_detector("refusal"), finished, seed=0)
        assert len(server.requests) == 7
        judge_sample(judging, rows, get_detector("refusal"), finished, seed=0)
        assert len(server.requests) == 7, "what was judged is not judged again"
    judged = summarise_folder(finished)["preflight"]["judge"]
    (finished / "judged.json").unlink()
    assert judged["judge"] == "a-judge"
    assert judged["agree"]["n"] == 7
    assert "judge" not in summarise_folder(finished)["preflight"]


def contents(folder: Path) -> dict[str, bytes]:
    """Read the files that equal comparisons share byte by byte."""
    return {name: (folder / name).read_bytes() for name in COMPARED}
