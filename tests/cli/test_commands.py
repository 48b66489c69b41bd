"""The commands on a tiny model: what they print, and the folders that they leave."""

import json
from pathlib import Path

import pytest

from command_line import call
from neuroswitch.errors import BadOption
from sets import write_contrast
from tiny import tiny_llama, tiny_tokenizer

SHORT = ("--limit", "2", "--max-new-tokens", "2", "--batch-size", "3")


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Return options that name a model on disk and a behaviour that it always shows."""
    folder = tmp_path_factory.mktemp("model")
    tiny = tiny_llama()
    tiny.module.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    behaviour = write_contrast(folder / "asking.jsonl")
    return ("--model", folder, "--behaviour", behaviour, "--detector", "contains:(?s).*")


def rebuilt(output: Path) -> bool:
    """Say whether `report` gives the same page and summary again."""
    names = ("report.html", "summary.json")
    before = [(output / name).read_bytes() for name in names]
    for name in names:
        (output / name).unlink()
    assert str(output) in call("report", output).stdout
    return [(output / name).read_bytes() for name in names] == before


def test_run_then_report_then_inspect_then_chat(common: tuple[object, ...], tmp_path: Path) -> None:
    model, output = common[1], tmp_path / "out"
    more = ("--size", "9", "--ranking", "delta", "--seed", "1", "--output", output)
    shown = call("run", *common, *SHORT, *more).stdout
    for word in ("untouched", "cna", "random", "report.html"):
        assert word in shown
    assert rebuilt(output)
    circuit = output / "methods" / "cna"
    assert "9 MLP neurons" in call("inspect", circuit).stdout
    assert "promotes" in call("inspect", circuit, "--model", model).stdout
    lines = "/multiplier 2\n/multiplier x\n<eos>\nhello\n/reset\n/what\n/quit\n"
    talk = call("chat", circuit, "--model", model, "--max-new-tokens", "2", text=lines).stdout
    assert "control tokens" in talk, "a line that cannot be a prompt ends no conversation"
    assert "circuit x 2" in talk
    assert "not a number: 'x'" in talk


def test_discover_and_evaluate_are_the_same_job_in_two_steps(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    found = call("discover", *common, "--size", "0.05", "--output", tmp_path / "c").stdout
    assert "neurons by layer" in found
    assert call("discover", *common, "--size", "0.05", "--output", tmp_path / "c").stdout == found
    shown = call("evaluate", tmp_path / "c", *common, *SHORT, "-o", tmp_path / "e").stdout
    assert "circuit:" in shown


@pytest.mark.slow
def test_compare_prints_one_row_a_method_and_strength(common: tuple[object, ...], tmp_path: Path) -> None:
    more = ("--methods", "cna:delta, random", "--strengths", "1,0", "--size", "9", "--controls", "2")
    printed = call("compare", *common, *SHORT, *more, "--output", tmp_path).stdout
    for word in ("untouched", "cna:delta", "random", "KL", "p (Holm)", "report.html"):
        assert word in printed
    assert "…" not in printed, "no number is cut off, however narrow the terminal"
    summary = json.loads((tmp_path / "summary.json").read_text())
    rows = [(cell["method"], cell["strength"]) for cell in summary["cells"]]
    assert rows == [("untouched", 0), ("cna:delta", 1), ("random", 1)]
    assert rebuilt(tmp_path)
    provenance = (tmp_path / "provenance.json").read_bytes()
    call("compare", *common, *SHORT, *more, "--output", tmp_path)
    assert (tmp_path / "provenance.json").read_bytes() == provenance, "the same request adds nothing"


@pytest.mark.slow
def test_two_models_are_compared(common: tuple[object, ...], tmp_path: Path) -> None:
    other = tiny_llama(seed=1)
    other.module.save_pretrained(tmp_path / "base")
    tiny_tokenizer(template=None).save_pretrained(tmp_path / "base")
    more = ("--size", "0.05", "--ranking", "delta", "--template-from", "instruct", "--top", "7")
    shown = call(
        "compare-models",
        tmp_path / "base",
        common[1],
        *common[2:],
        *SHORT,
        *more,
        "--output",
        tmp_path / "out",
    ).stdout
    for words in ("transfer", "of 9, chance", "shared of 7", "report.html", "Note:"):
        assert words in shown.replace("\n", " ")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["same_tokens"]
    assert rebuilt(tmp_path / "out")


def test_names_that_do_not_exist_are_refused_before_anything_is_written(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    with pytest.raises(BadOption, match="no method called 'sea'"):
        call("compare", *common, "--methods", "sea:shell", "--output", tmp_path / "a")
    assert not (tmp_path / "a").exists()
