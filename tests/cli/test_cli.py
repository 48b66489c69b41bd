"""The commands parse, call and print; their exit status says whether everything was done."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuroswitch.cli import app as cli
from neuroswitch.cli.app import app
from neuroswitch.errors import WeakBehaviour
from sets import write_contrast
from tiny import tiny_llama

COMMANDS = ("run", "demo", "discover", "evaluate", "chat", "inspect", "report", "doctor")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny = tiny_llama()
    tiny.module.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


def call(*arguments: object, text: str = "") -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=text, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str) -> None:
    assert "Usage" in call(command, "--help")


def test_run_then_report_then_inspect_then_chat(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shown = call(
        "run", "--model", model, "--behaviour", write_contrast(tmp_path / "b.jsonl"),
        "--detector", "contains:(?s).*", "--size", "9",
        "--ranking", "delta", "--limit", "3", "--max-new-tokens", "3", "--seed", "1", "--output", output,
    )  # fmt: skip
    assert "baseline" in shown
    assert "report.html" in shown
    (output / "report.html").unlink()
    call("report", output)
    assert (output / "report.html").exists()
    assert "9 neurons" in call("inspect", output / "circuit")
    assert "promotes" in call("inspect", output / "circuit", "--model", model)
    said = "/multiplier 2\n/multiplier x\nhello\n/reset\n/what\n/quit\n"
    talk = call("chat", output / "circuit", "--model", model, "--max-new-tokens", "2", text=said)
    assert "circuit x 2" in talk
    assert "not a number" in talk


def test_discover_and_evaluate_are_the_same_job_in_two_steps(model: Path, tmp_path: Path) -> None:
    behaviour = write_contrast(tmp_path / "b.jsonl")
    common = ("--model", model, "--behaviour", behaviour, "--detector", "contains:(?s).*")
    assert "neurons by layer" in call("discover", *common, "--size", "0.05", "--output", tmp_path / "c")
    shown = call(
        "evaluate",
        tmp_path / "c",
        *common,
        "--limit",
        "2",
        "--max-new-tokens",
        "2",
        "--output",
        tmp_path / "e",
    )
    assert "circuit x 0" in shown


def test_errors_are_printed_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise WeakBehaviour("it hardly occurs", found="0 of 8", do="use other prompts")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    printed = capsys.readouterr().err
    assert "it hardly occurs" in printed
    assert "use other prompts" in printed
    assert "Traceback" not in printed


def test_ctrl_c_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupt)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 130
    assert "goes on" in capsys.readouterr().err


def test_a_missing_model_ends_with_status_one_and_says_what_to_do(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "neuroswitch.cli.app",
        "run",
        "--model",
        str(tmp_path),
        "--output",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_importing_the_package_and_the_reports_needs_no_torch() -> None:
    code = "import sys, neuroswitch, neuroswitch.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
