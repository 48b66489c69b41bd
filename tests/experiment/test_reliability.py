"""Every row of the table in docs/reliability.md, executed; and what else must never be silently wrong in a folder."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from changed import ADDED, CHANGES, ERROR, SAID, settings_with
from experiments import ALWAYS, contents
from steered import spread_circuit

from command_line import call
from launch import ROOT
from neuroswitch.answering import generation
from neuroswitch.circuits import Circuit
from neuroswitch.detectors import DETECTORS, Detector
from neuroswitch.errors import BadRun
from neuroswitch.experiment import (
    CircuitChoice,
    ControlChoice,
    ExperimentSettings,
    PromptChoice,
    evaluate_settings,
    finish_report,
    run_experiment,
)
from neuroswitch.experiment.facts import Facts, claim_facts, read_facts
from neuroswitch.experiment.summarising import summarise
from neuroswitch.models.loading import load_model
from neuroswitch.options import Decoding
from neuroswitch.storage import LOCK, locked, read_json, read_jsonl, write_json
from neuroswitch.verdicts import Verdict
from sets import tiny_contrast
from tiny import tiny_llama

SETTINGS = evaluate_settings(
    "c",
    "model",
    base=ExperimentSettings(
        prompts=PromptChoice(behaviour="asking.jsonl", detector=ALWAYS, benign_prompts="own.csv", limit=3),
        circuit=CircuitChoice(ranking="delta", size=5),
        controls=ControlChoice(controls=1),
        decoding=Decoding(max_new_tokens=3, batch_size=3),
        measures=(),
    ),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    model = tiny_llama(initializer_range=0.3)
    model.module.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    spread_circuit(load_model(folder / "model"), 5).save(folder / "c")
    rows = [
        {"id": f"{split}-{label}-{number}", "prompt": prompt.text, "label": label, "split": split}
        for split, piles in tiny_contrast().splits().items()
        for label, pile in zip(("positive", "negative"), piles, strict=True)
        for number, prompt in enumerate(pile)
    ]
    (folder / "asking.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.csv").write_text("prompt\nmake a cake\nsing a song\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_experiment(SETTINGS, Path("e"))
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a copy of the world, with the finished folder `e`."""
    shutil.copytree(made, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    return tmp_path / "world"


def everything(folder: str) -> dict[str, bytes]:
    """Read every file of a folder."""
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_between_two_calls(name: str, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CHANGES[name]
    settings = settings_with(SETTINGS, case.change(monkeypatch) or {})
    before = everything("e")
    if case.outcome == ERROR:
        with pytest.raises(BadRun, match=re.escape(case.words)) as caught:
            run_experiment(settings, Path("e"))
        assert all(f"  {part}:" in str(caught.value) for part in ("found", "expected", "do"))
        assert everything("e") == before
        return
    decode = generation._decode
    if case.outcome != ADDED:
        monkeypatch.setattr(generation, "_decode", None)  # nothing is answered again
    summary = run_experiment(settings, Path("e"))
    if case.outcome == ADDED:
        assert everything("e")["e/results.jsonl"].startswith(before["e/results.jsonl"])
        assert case.words in "".join(row["condition"] for row in read_jsonl(Path("e/results.jsonl")))
        assert decode is generation._decode
    elif case.outcome == SAID:
        assert any(case.words in warning for warning in summary.warnings)
        assert "did not share" in Path("e/report.html").read_text()
    else:
        assert everything("e")["e/summary.json"] == before["e/summary.json"]
        assert not summary.warnings or "did not share" not in " ".join(summary.warnings)


def test_the_page_lists_exactly_what_is_tested() -> None:
    table = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", (ROOT / "docs" / "reliability.md").read_text(), re.M)
    told = {name: outcome for name, outcome in table if ":" in name}
    assert told == {name: case.outcome for name, case in CHANGES.items()}


def test_other_exam_questions_are_another_experiment(world: Path) -> None:
    facts = read_facts(Path("e"))
    claim_facts(Path("e"), facts.model_copy(update={"exam": "one"}))
    with pytest.raises(BadRun, match="exam questions"):
        claim_facts(Path("e"), facts.model_copy(update={"exam": "two"}))
    assert isinstance(read_facts(Path("e")), Facts)


# ------------------------------------------------------------------------------------------ two processes


def test_two_processes_do_not_write_one_folder(world: Path) -> None:
    hold = "import sys; from neuroswitch.storage import locked; from pathlib import Path\n"
    hold += "with locked(Path('e')): print('held', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    before = everything("e")
    try:
        for call_again in (lambda: run_experiment(SETTINGS, Path("e")), lambda: finish_report(Path("e"))):
            with pytest.raises(BadRun, match=r"another process(.|\n)*\.lock(.|\n)*wait"):
                call_again()
    finally:
        child.kill()
        child.communicate()
    assert everything("e") == before
    run_experiment(SETTINGS, Path("e"))  # a killed process holds no lock


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        _ = 1 / 0
    with locked(tmp_path), pytest.raises(BadRun, match=LOCK), locked(tmp_path):
        pass


# -------------------------------------------------------------------------------- rows of other circumstances


def test_rows_of_another_folder_are_never_counted_with_those_of_this_one(world: Path) -> None:
    other = replace(SETTINGS, decoding=Decoding(max_new_tokens=5, batch_size=3))
    run_experiment(other, Path("f"))
    rows = Path("e/results.jsonl").read_text()
    Path("e/results.jsonl").write_text(rows + Path("f/results.jsonl").read_text())
    for read in (finish_report, summarise, lambda folder: run_experiment(SETTINGS, folder)):
        with pytest.raises(
            BadRun, match=r"line 16: a row that was made under other circumstances(.|\n)*group"
        ):
            read(Path("e"))


# -------------------------------------------------------------------------------------------- damaged files


def edited(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[], None]:
    """Change the first row of a JSONL file."""

    def edit() -> None:
        first, *rest = Path(name).read_text().splitlines(keepends=True)
        row = json.loads(first)
        change(row)
        Path(name).write_text(json.dumps(row) + "\n" + "".join(rest))

    return edit


def written(name: str, text: str) -> Callable[[], None]:
    """Replace a file."""
    return lambda: Path(name).write_text(text) and None


ROWS = "e/results.jsonl"
DEEP = "[" * 100_000
DAMAGED: dict[str, tuple[Callable[[], object], str]] = {
    "foreign settings": (written("e/settings.json", '{"editor.tabSize": 4}'), "settings.json"),
    "settings that are a list": (written("e/settings.json", "[1, 2]"), "settings.json"),
    "settings nested deeply": (written("e/settings.json", DEEP), "settings.json"),
    "settings that ask for billions": (
        lambda: write_json(
            Path("e/settings.json"),
            {**read_json(Path("e/settings.json")), "controls": {"controls": 10**9, "seed": 0}},
        ),
        "settings.json",
    ),
    "no settings": (lambda: Path("e/settings.json").unlink(), "settings.json"),
    "no facts": (lambda: Path("e/facts.json").unlink(), "facts.json"),
    "facts of something else": (written("e/facts.json", '{"sky": "blue"}'), "facts.json"),
    "facts nested deeply": (written("e/facts.json", DEEP), "facts.json"),
    "provenance that is a list": (written("e/provenance.json", "[]"), "provenance.json"),
    "a description of something else": (
        lambda: next(Path("e/methods").glob("circuit*.json")).write_text('{"name": 3}'),
        "malformed",
    ),
    "a row without a field": (edited(ROWS, lambda row: row.pop("label")), "line 1(.|\n)*label"),
    "a row with a field of its own": (edited(ROWS, lambda row: row.update(more=1)), "line 1(.|\n)*more"),
    "a row of another type": (edited(ROWS, lambda row: row.update(text=None)), "line 1(.|\n)*text"),
    "a row nested deeply": (written(ROWS, DEEP + "\n"), "line 1"),
    "a row that is a number": (written(ROWS, "3\n"), "line 1"),
    "a row with an endless number": (written(ROWS, '{"strength": NaN}\n'), "line 1"),
    "a misspelt label": (
        edited(ROWS, lambda row: row.update(label="presnt")),
        "'presnt'(.|\n)*absent, present",
    ),
    "a span outside the answer": (edited(ROWS, lambda row: row.update(span=[0, 9999])), "line 1(.|\n)*span"),
    "another strength than the condition": (edited(ROWS, lambda row: row.update(strength=0.5)), "line 1"),
    "an unknown method": (edited(ROWS, lambda row: row.update(method="magic")), "line 1(.|\n)*magic"),
    "an unknown pile": (edited(ROWS, lambda row: row.update(pile="heap")), "line 1(.|\n)*heap"),
    "one answer twice": (
        lambda: Path(ROWS).write_text(Path(ROWS).read_text() + Path(ROWS).read_text().splitlines()[0] + "\n"),
        "line 16(.|\n)*second answer",
    ),
    "rows to other prompts": (edited(ROWS, lambda row: row.update(prompt_id="none")), "was not asked"),
    "rows that are a folder": (lambda: (Path(ROWS).unlink(), Path(ROWS).mkdir()), "results.jsonl"),
    "no rows beside a measured summary": (written(ROWS, ""), "no finished condition"),
    "a measured value of nothing": (
        written(
            "e/measured.jsonl",
            '{"model": "model", "condition": "untouched", "measure": "luck", "item": "", "value": 1}\n',
        ),
        "line 1(.|\n)*luck",
    ),  # fmt: skip
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_and_nothing_is_written(name: str, world: Path) -> None:
    damage, words = DAMAGED[name]
    damage()
    before = everything("e")
    with pytest.raises(BadRun, match=words) as caught:
        finish_report(Path("e"))
    assert "  do:" in str(caught.value)
    assert everything("e") == before


@pytest.mark.parametrize(
    "name",
    [one for one in DAMAGED if one.startswith(("foreign", "settings", "no s", "no f", "facts", "an", "one"))],
)
def test_a_damaged_folder_is_not_continued(name: str, world: Path) -> None:
    DAMAGED[name][0]()
    before = everything("e")
    with pytest.raises(BadRun):
        run_experiment(SETTINGS, Path("e"))
    assert everything("e") == before


def test_a_foreign_settings_file_alone_in_a_folder_is_left_alone(world: Path) -> None:
    for text in ('{"editor.tabSize": 4}', "[1]", DEEP):
        Path("new").mkdir(exist_ok=True)
        Path("new/settings.json").write_text(text)
        with pytest.raises(BadRun, match="settings.json"):
            run_experiment(SETTINGS, Path("new"))
        assert Path("new/settings.json").read_text() == text


def test_a_detector_that_does_not_list_its_labels_still_refuses_what_it_never_says(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Detector("odd", lambda text, prompt: Verdict("yes", None, ""), frozenset({"yes"}), "always")
    monkeypatch.setitem(DETECTORS._table, "odd", lambda argument: odd)
    run_experiment(settings_with(SETTINGS, {"prompts": {"detector": "odd"}}), Path("f"))
    edited("f/results.jsonl", lambda row: row.update(label="yess"))()
    with pytest.raises(BadRun, match="'yess'"):
        finish_report(Path("f"))


def test_a_correction_by_hand_counts(world: Path) -> None:
    edited(ROWS, lambda row: row.update(label=None))()
    summary = finish_report(Path("e"))
    assert summary.cells[0].labels["positive"] == {"present": 2, "unjudged": 1}
    assert contents(Path("e"))


# ----------------------------------------------------------------------------------------------- discovery

DISCOVERIES = {
    "prompts": (CHANGES["prompts: another text under the same id"], "contrast set"),
    "splits": (CHANGES["splits: exchanged between discovery and test"], "splits of the contrast set"),
    "weights": (CHANGES["weights: a single value"], "model: weights"),
    "template": (CHANGES["template: another one"], "model: chat template"),
    "tokenizer": (CHANGES["tokenizer: another one"], "model: tokenizer"),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", DISCOVERIES)
def test_discovery_does_not_show_the_circuit_of_something_else(
    name: str, streamed: bool, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, words = DISCOVERIES[name]
    command = (
        "discover", "--model", "model", "--behaviour", "asking.jsonl", "--detector", ALWAYS, "--ranking",
        "delta", "--size", "5", "--output", "d", *(["--stream"] if streamed else []),
    )  # fmt: skip
    call(*command)
    before = everything("d")
    call(*command)
    assert everything("d") == before
    if name == "weights" and streamed:  # of a checkpoint that is streamed a sample is compared
        model = tiny_llama(seed=3)
        model.module.save_pretrained("model")
    else:
        case.change(monkeypatch)
    with pytest.raises(BadRun, match=words):
        call(*command)
    assert everything("d") == before


def test_discovery_does_not_take_a_folder_with_a_circuit_of_unknown_origin(world: Path) -> None:
    with pytest.raises(BadRun, match="circuit.json"):
        call("discover", "--model", "model", "--behaviour", "asking.jsonl", "--output", "c")
    assert len(Circuit.load("c")) == 5
