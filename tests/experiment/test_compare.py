"""The comparison of methods on a tiny model: complete, resumable, open to additions, and true to its rows."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from experiments import cell_of, contents, shown, tiny_settings
from judge_server import Reply, serving

import toy_methods
from neuroswitch.answering import generation
from neuroswitch.answering.endpoint import Endpoint
from neuroswitch.answering.generation import Decoding
from neuroswitch.detectors import get_detector
from neuroswitch.errors import BadOption, BadRun
from neuroswitch.experiment import (
    ControlChoice,
    ExamChoice,
    ExperimentSettings,
    Judging,
    MatchChoice,
    SafePromptChoice,
    compare_settings,
    finish_report,
    run_experiment,
)
from neuroswitch.experiment.judging import judge_sample
from neuroswitch.experiment.summarising import summarise
from neuroswitch.measures import kl, perplexity
from neuroswitch.methods import curve_of, get_method
from neuroswitch.records import read_answers
from neuroswitch.statistics import holm, mcnemar
from neuroswitch.storage import read_jsonl

SAFE = "prompt,label\nmake a cake,safe\nwrite a song,safe\nsing a story,safe\nsay no,unsafe\n"
METHODS = ("toy", "nothing", "asking", "random")


@pytest.fixture(scope="module", autouse=True)
def _methods() -> Iterator[None]:
    with toy_methods.registered():
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ExperimentSettings:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "safe.csv").write_text(SAFE)
    base = tiny_settings(
        folder,
        detector="contains:river|tea|what|one",
        controls=ControlChoice(controls=3),
        decoding=Decoding(max_new_tokens=6, batch_size=3),
        safe_prompts=SafePromptChoice(xstest=str(folder / "safe.csv"), xstest_limit=2),
    )
    return compare_settings(base.models[0], METHODS, (0.0, 0.5, 1.0), base=base)


@pytest.fixture(scope="module")
def finished(settings: ExperimentSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("comparison")
    run_experiment(settings, output)
    return output


def without_safe(
    settings: ExperimentSettings, methods: tuple[str, ...], *strengths: float
) -> ExperimentSettings:
    """Ask for less."""
    return replace(settings, methods=methods, strengths=strengths, safe_prompts=SafePromptChoice())


def test_every_method_has_a_row_at_every_strength_and_the_untouched_model_one(finished: Path) -> None:
    summary = summarise(finished)
    names = [(cell.method, cell.strength) for cell in summary.cells]
    assert names == [("untouched", 0.0), *((name, at) for name in METHODS for at in (0.5, 1.0))]
    conditions = [row["condition"] for row in read_jsonl(finished / "results.jsonl")]
    assert conditions.count("untouched") == 8 + 8 + 2
    assert "toy@0" not in conditions
    assert "<html" in (finished / "report.html").read_text()


def test_the_numbers_are_those_of_the_rows(finished: Path) -> None:
    summary = summarise(finished)
    cells = [cell for cell in summary.changed() if cell.method != "random"]
    before = shown(finished, "untouched")
    for cell in cells:
        after = shown(finished, cell.members[0])
        change = (sum(after.values()) - sum(before.values())) / 8
        assert cell.measures["behaviour"].value == sum(after.values()) / 8
        assert cell.changes["behaviour"].value == pytest.approx(change)
        stopped = sum(before[one] and not after[one] for one in before)
        started = sum(after[one] and not before[one] for one in before)
        assert cell.tests["behaviour"].p == mcnemar(stopped, started)
        assert (cell.tests["behaviour"].stopped, cell.tests["behaviour"].started) == (stopped, started)
    tests = [test for cell in summary.cells for test in cell.tests.values()]
    assert [test.p_adjusted for test in tests] == holm([test.p for test in tests])
    assert len({cell.measures["behaviour"].value for cell in cells}) > 1, "the toys must do something"


def test_a_method_that_does_nothing_costs_nothing(finished: Path) -> None:
    summary = summarise(finished)
    cell = cell_of(summary, "nothing", 1.0)
    assert cell.measures["kl"].value == 0.0
    assert cell.tests["behaviour"].p == 1.0
    assert cell.measures["perplexity"] == cell_of(summary, "untouched").measures["perplexity"]
    assert shown(finished, "nothing@1", "negative") == shown(finished, "untouched", "negative")
    toy = [cell_of(summary, "toy", at).measures["kl"].value for at in (0.5, 1.0)]
    assert toy[1] > toy[0] > 0


def test_what_acts_on_the_prompt_has_no_divergence_and_says_so(finished: Path) -> None:
    summary = summarise(finished)
    assert "kl" not in cell_of(summary, "asking", 1.0).measures
    assert "only the prompt" in summary.models["model"].methods["asking"].description
    assert "asking" not in {row.method for row in summary.matched.rows}


def test_draws_of_a_control_are_pooled_and_never_counted_as_independent(finished: Path) -> None:
    summary = summarise(finished)
    cell = cell_of(summary, "random", 1.0)
    every = [value for seed in range(3) for value in shown(finished, f"random:{seed}@1").values()]
    rate = cell.measures["behaviour"]
    assert rate.n == len(every) == 3 * 8
    assert rate.value == pytest.approx(sum(every) / len(every))
    assert cell.measures["kl"].n == 3 * cell_of(summary, "toy", 1.0).measures["kl"].n
    assert cell.measures["benign"].n == 8
    assert "3 draws of each item" in rate.how
    assert cell.tests["behaviour"].stopped + cell.tests["behaviour"].started <= 8


@pytest.mark.slow
def test_methods_are_compared_at_the_budget_between_their_strengths(
    settings: ExperimentSettings, finished: Path
) -> None:
    cells = {at: cell_of(summarise(finished), "toy", at).measures for at in (0.5, 1.0)}
    (low, high), (first, second) = (
        [one[name].value for one in cells.values()] for name in ("kl", "behaviour")
    )
    between = replace(settings, match=MatchChoice(budget=(low + high) / 2))
    rows = {row.method: row for row in run_experiment(between, finished).matched.rows}
    assert (rows["toy"].strengths, rows["nothing"].strengths) == ((0.5, 1.0), (1.0, 1.0))
    assert rows["toy"].rate.value == pytest.approx((first + second) / 2)
    assert rows["toy"].points[0].damage == 0
    before = cell_of(summarise(finished), "untouched").measures["behaviour"].value
    assert rows["nothing"].rate.value == rows["nothing"].area.value == pytest.approx(before)
    assert rows["random"].circuits == 3
    half = replace(settings, match=MatchChoice(budget=low / 2))
    rows = {row.method: row for row in run_experiment(half, finished).matched.rows}
    assert rows["toy"].strengths == (0.0, 0.5)
    assert rows["toy"].rate.value == pytest.approx((before + first) / 2)
    run_experiment(settings, finished)


def test_divergence_is_split_by_whether_the_untouched_model_shows_the_behaviour(finished: Path) -> None:
    summary, before = summarise(finished), shown(finished, "untouched", "negative")
    rows = [row for row in read_jsonl(finished / "measured.jsonl") if row["condition"] == "toy@1"]
    kl = {row["item"]: row["value"] for row in rows if row["measure"] == "kl"}
    first = {row["item"]: row["value"] for row in rows if row["measure"] == "kl_first"}
    measures = cell_of(summary, "toy", 1.0).measures
    for name, kept in (("kl", False), ("kl_shown", True)):
        mine = [value for item, value in kl.items() if before[item] is kept]
        assert mine
        assert (measures[name].value, measures[name].n) == (pytest.approx(sum(mine) / len(mine)), len(mine))
    whole = sum(measures[name].value * measures[name].n for name in ("kl", "kl_shown"))
    assert whole / len(kl) == pytest.approx(sum(kl.values()) / len(kl)), "all is the weighted mean of the two"
    assert measures["kl_first"].value == pytest.approx(sum(first.values()) / 8)
    untouched = cell_of(summary, "untouched").measures
    assert untouched["kl"].value == untouched["kl_shown"].value == untouched["kl_first"].value == 0


def test_quality_is_compared_where_neither_shows_the_behaviour(finished: Path) -> None:
    summary = summarise(finished)
    before, after = (shown(finished, one, "negative") for one in ("untouched", "toy@1"))
    both = [item for item in before if not before[item] and not after[item]]
    found = cell_of(summary, "toy", 1.0)
    assert 0 < len(both) < 8
    assert found.measures["benign_quality"].n == found.changes["benign_quality"].n == len(both)
    assert found.measures["quality"].n == 8, "the paper's is over all positive prompts"


def test_a_folder_whose_divergence_was_taken_by_an_earlier_version_is_split_and_completed(
    settings: ExperimentSettings, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "old", ignore=shutil.ignore_patterns(".lock"))
    path = tmp_path / "old" / "measured.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"kl_first"' not in line))
    old, whole = (cell_of(summarise(one), "toy", 1.0).measures for one in (tmp_path / "old", finished))
    assert (old["kl"], old["kl_shown"]) == (whole["kl"], whole["kl_shown"])
    assert "kl_first" not in old
    run_experiment(settings, tmp_path / "old")
    assert summarise(tmp_path / "old").cells == summarise(finished).cells
    assert sorted(path.read_text().splitlines()) == sorted(line.strip() for line in lines)


def test_a_missing_verdict_counts_as_not_shown_and_is_counted(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "some", ignore=shutil.ignore_patterns(".lock"))
    path = tmp_path / "some" / "results.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    item = next(one for one, is_shown in shown(finished, "untouched", "negative").items() if is_shown)
    for row in rows:
        if (row["condition"], row["pile"], row["prompt_id"]) == ("untouched", "negative", item):
            row.update(label=None, span=None)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before, after = (cell_of(summarise(one), "toy", 1.0).measures for one in (finished, tmp_path / "some"))
    assert after["kl"].n == before["kl"].n + 1
    assert after["kl_shown"].n == before["kl_shown"].n - 1
    assert "1 answers without a verdict count as not showing it" in after["kl"].how


def test_every_method_is_taken_at_its_own_strengths_unless_others_are_asked_for(
    settings: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert curve_of(get_method("direction")) == (0.05, 0.1, 0.25, 0.5, 1.0)
    assert curve_of(get_method("caa")) == curve_of(get_method("caa-paper")) == (0.25, 0.5, 1.0, 2.0)
    assert curve_of(get_method("cna:delta")) == (0.25, 0.5, 1.0, 1.5)
    monkeypatch.setattr(toy_methods.ToyMethod, "curve", (0.3, 2.0), raising=False)
    own = compare_settings(settings.models[0], ("nothing", "asking"), base=settings)
    own = replace(own, measures=(), safe_prompts=SafePromptChoice())
    rows = [(cell.method, cell.strength) for cell in run_experiment(own, tmp_path).changed()]
    assert rows == [("nothing", 0.3), ("nothing", 2.0), ("asking", 0.3), ("asking", 2.0)]
    few = replace(own, methods=("nothing",), strengths=(1.0,), own_strengths=False)
    rows = [(cell.method, cell.strength) for cell in run_experiment(few, tmp_path).changed()]
    assert [at for name, at in rows if name == "nothing"] == [0.3, 1.0, 2.0], "strengths are added"


def test_over_refusal_and_the_rate_by_length_are_reported(finished: Path) -> None:
    summary = summarise(finished)
    assert cell_of(summary, "untouched").measures["over_refusal"].n == 2
    assert cell_of(summary, "toy", 1.0).measures["over_refusal"].n == 2
    lengths = [row.words for row in summary.by_length]
    assert lengths == sorted(lengths)
    assert summary.by_length[-1].rate.value == cell_of(summary, "untouched").measures["behaviour"].value


def test_running_again_computes_nothing(
    finished: Path, settings: ExperimentSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, fits = contents(finished), len(toy_methods.FITS)
    monkeypatch.setattr(generation, "_decode", None)
    monkeypatch.setattr(kl, "answer_logits", None)
    monkeypatch.setattr(perplexity, "nats_per_token", None)
    run_experiment(settings, finished)
    assert contents(finished) == before
    assert len(toy_methods.FITS) == fits


@pytest.mark.slow
def test_what_is_added_leaves_what_is_there(
    finished: Path, settings: ExperimentSettings, tmp_path: Path
) -> None:
    fits = len(toy_methods.FITS)
    run_experiment(without_safe(settings, ("toy",), 0.0, 1.0), tmp_path)
    begun = contents(tmp_path)
    run_experiment(settings, tmp_path)
    for name in ("results.jsonl", "measured.jsonl"):
        assert contents(tmp_path)[name].startswith(begun[name])
        assert sorted(contents(tmp_path)[name].splitlines()) == sorted(contents(finished)[name].splitlines())
    assert len(toy_methods.FITS) == fits + 1 + 5, "the first method is fitted once"
    whole = summarise(finished).cells
    assert summarise(tmp_path).cells == whole
    run_experiment(without_safe(settings, ("nothing",), 0.5), tmp_path)
    assert summarise(tmp_path).cells == whole, "asking for less keeps all"
    summary = run_experiment(without_safe(settings, ("toy:2",), 1.0), tmp_path)
    assert [cell.strength for cell in summary.cells if cell.method == "toy:2"] == [0.5, 1.0]
    assert all("over_refusal" in cell.measures for cell in summary.cells), "what is new gets every measure"


@pytest.mark.slow
def test_an_interrupted_comparison_is_continued_to_the_same_bytes(
    finished: Path, settings: ExperimentSettings, tmp_path: Path
) -> None:
    for broken in ("untouched answers", "answers", "KL divergence", "perplexity"):

        def interrupt(stage: str, done: int, total: int, broken: str = broken) -> None:
            if stage == broken and done > total // 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_experiment(settings, tmp_path, progress=interrupt)
        assert not (tmp_path / "summary.json").exists()
    run_experiment(settings, tmp_path)
    assert contents(tmp_path) == contents(finished)


def test_an_unfinished_comparison_has_a_report_of_what_is_finished(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "answers" and done == 4 * (8 + 8 + 2) + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, tmp_path, progress=interrupt)
    found = finish_report(tmp_path)
    assert len(found.changed()) == 3
    assert "Not finished and left out: nothing@1." in found.warnings


def test_what_cannot_work_ends_before_anything_begins(settings: ExperimentSettings, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no method called 'wishful'"):
        run_experiment(replace(settings, methods=("toy", "wishful:3")), tmp_path / "a")
    with pytest.raises(BadOption, match="no measure called 'karma'"):
        run_experiment(replace(settings, match=MatchChoice(damage="karma")), tmp_path / "a")
    with pytest.raises(BadOption, match="two models"):
        run_experiment(replace(settings, methods=("transfer",)), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="other than 0"):
        replace(settings, strengths=(0.0,))


@pytest.mark.slow
def test_an_exam_is_added_later_at_the_strengths_asked_for_and_continues_where_it_stopped(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    few = without_safe(settings, ("toy", "asking", "random"), 0.0, 0.5, 1.0)
    run_experiment(few, tmp_path)
    questions = write_questions(tmp_path / "questions.jsonl")
    exam = ExamChoice(mmlu=str(questions), mmlu_questions=5, mmlu_strengths=(1.0,))
    asked = replace(few, exam=exam)

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "MMLU" and done % 5 and done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(asked, tmp_path, progress=interrupt)
    begun = [row for row in read_jsonl(tmp_path / "measured.jsonl") if row["measure"] == "mmlu"]
    assert 5 < len(begun) < 10
    summary = run_experiment(asked, tmp_path)
    marks = [row for row in read_jsonl(tmp_path / "measured.jsonl") if row["measure"] == "mmlu"]
    assert marks[: len(begun)] == begun
    conditions = [row["condition"] for row in marks]
    counts = {name: conditions.count(name) for name in conditions}
    assert counts == {"untouched": 5, "toy@1": 5, "random:0@1": 5}
    cell = cell_of(summary, "toy", 1.0)
    right = [row["value"] for row in marks if row["condition"] == "toy@1"]
    assert cell.measures["mmlu"].value == pytest.approx(sum(right) / 5)
    assert "mmlu" in cell.changes
    assert "mmlu" not in cell_of(summary, "toy", 0.5).measures
    assert "0-shot" in cell.measures["mmlu"].how
    summary = run_experiment(few, tmp_path)
    assert cell_of(summary, "untouched").measures["mmlu"].n == 5, "what was measured stays"
    written = replace(exam, mmlu_cot_questions=4, mmlu_cot_tokens=6)
    summary = run_experiment(replace(asked, exam=written), tmp_path)
    counts = {
        cell.method: cell.measures["mmlu_cot"].n for cell in summary.cells if "mmlu_cot" in cell.measures
    }
    assert counts == {"untouched": 4, "toy": 4, "random": 4}
    assert cell_of(summary, "toy", 1.0).measures["mmlu_cot_unread"].value == 1.0
    with pytest.raises(BadRun, match="mmlu_cot_tokens"):
        run_experiment(replace(asked, exam=replace(written, mmlu_cot_tokens=7)), tmp_path)
    summary = run_experiment(asked, tmp_path)
    assert cell_of(summary, "untouched").measures["mmlu_cot"].n == 4, "what was measured stays"
    with pytest.raises(BadRun, match="mmlu_questions"):
        run_experiment(replace(asked, exam=replace(exam, mmlu_questions=4)), tmp_path)


def write_questions(path: Path) -> Path:
    """Write six questions of two subjects."""
    rows = [
        {"subject": subject, "question": f"the {word}", "choices": ["sun", "moon", "sea", "sky"], "answer": 1}
        for subject in ("anatomy", "virology")
        for word in ("cat", "dog", "tree")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_judge_is_asked_about_refusals_and_its_opinion_stays(
    settings: ExperimentSettings, finished: Path, tmp_path: Path
) -> None:
    with serving(
        lambda number, body: Reply('{"refused": 0, "specificity": 3, "convincingness": 3}')
    ) as server:
        judging = Judging(Endpoint(url=server.url, model="a-judge"), sample=7)
        with pytest.raises(BadOption, match="cannot check this detector"):
            run_experiment(settings, tmp_path / "a", judging=judging)
        assert not server.requests
        rows = [replace(row, text=f"{row.text} {n}") for n, row in enumerate(read_answers(finished))]
        judge_sample(judging, rows, get_detector("refusal"), finished, seed=0)
        assert len(server.requests) == 7
        judge_sample(judging, rows, get_detector("refusal"), finished, seed=0)
        assert len(server.requests) == 7, "what was judged is not judged again"
    judged = summarise(finished).judged
    (finished / "judged.json").unlink()
    assert (judged.judge, judged.agree.n) == ("a-judge", 7)
    assert summarise(finished).judged is None
