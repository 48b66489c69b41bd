"""The command line as a whole: its help, its errors, its exit statuses; nothing heavy is loaded for them."""

import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cyclopts
import pytest
from cyclopts import ArgumentCollection

from command_line import call
from neuroswitch.cli import app as cli
from neuroswitch.errors import WeakBehaviour

ROOT = Path(__file__).parents[2]
ALL = [command for commands in cli.COMMANDS.values() for command in commands]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "commands.py"))


def options_of(command: Callable[..., object]) -> ArgumentCollection:
    return cli.make_app()[cli.name_of(command)].assemble_argument_collection(parse_docstring=True)


@pytest.mark.parametrize("command", ALL, ids=cli.name_of)
def test_the_help_of_a_command_is_complete_and_80_columns_wide(command: Callable[..., object]) -> None:
    shown = SCRIPT["help_text"](cli.name_of(command))

    assert max(map(len, shown.splitlines())) <= 80
    flat = " ".join(shown.replace("│", " ").split())
    options = [one for one in options_of(command) if one.show and one.parse]
    assert options or command.__name__ == "demo_command"
    for option in options:
        assert option.parameter.help, option.name
        assert " ".join(option.parameter.help.split()) in flat, option.name
        assert option.name in flat
    assert "…" not in shown
    assert f"Example: {cli.example_of(command)}" in flat


@pytest.mark.parametrize("command", ALL, ids=cli.name_of)
def test_the_example_of_a_command_can_be_parsed(command: Callable[..., object]) -> None:
    program, *words = cli.example_of(command).split()

    assert program == "neuroswitch"
    found, _, _ = cli.make_app().parse_args(words, exit_on_error=False, print_error=False)
    assert found is command


def test_the_help_lists_every_command_and_how_to_complete_their_names() -> None:
    shown = call("-h").stdout

    assert shown == call("--help").stdout
    for name in (*map(cli.name_of, ALL), "--version", "--install-completion"):
        assert f" {name} " in shown
    assert call("--version").stdout.strip() == version("neuroswitch")


@pytest.mark.skipif(int(cyclopts.__version__.split(".")[0]) < 5, reason="older versions name no types")
def test_the_page_of_commands_is_up_to_date() -> None:
    assert SCRIPT["PAGE"].read_text(encoding="utf-8") == SCRIPT["page"](), "run python benchmarks/commands.py"


@pytest.mark.parametrize("words", ["--help", "--version", "compare --help", "run --modle x", "run --limit 0"])
def test_help_and_wrong_options_load_neither_torch_nor_transformers(words: str) -> None:
    code = f"""
import sys
from neuroswitch.cli.app import main
sys.argv[1:] = {words.split()}
try:
    main()
except SystemExit as end:
    assert end.code in (0, 2)
sys.exit(bool({{"torch", "transformers"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trun", ("trun", "run")),
        ("run --model m -o o --modle x", ("--modle", "--model")),
        ("run --model m -o o --limit 0", ("0", "--limit", ">= 1")),
        ("run --model m -o o --size small", ("'small'", "--size", "a fraction such as")),
        ("compare --model m -o o --strengths 0,high", ("'high'", "--strengths", "0,0.5,1")),
        ("compare --model m -o o --strengths 0,inf", ("'inf'", "--strengths")),
        ("compare-models a b -o o --template-from ours", ("ours", "own", "instruct")),
        ("run -o o", ("--model",)),
        ("report a b", ("b",)),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_names_what_was_found_and_expected(
    words: str, said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words.split())
    assert caught.value.code == cli.WRONG_USAGE
    printed = capsys.readouterr().err
    for text in (*said, "--help"):
        assert text in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (WeakBehaviour("it hardly occurs", found="0 of 8", do="use other prompts"), 1, "use other prompts"),
        (KeyboardInterrupt(), 130, "continues"),
    ],
    ids=["error", "ctrl-c"],
)
def test_errors_and_ctrl_c_end_a_command_without_a_traceback(
    raised: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("neuroswitch.experiment.run_experiment", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo"])
    assert caught.value.code == status
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed


def test_a_missing_circuit_ends_a_command_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["inspect", str(tmp_path)])
    assert caught.value.code == 1
    assert "BadCircuit: " in capsys.readouterr().err


def test_the_package_can_be_run_as_a_module() -> None:
    command = [sys.executable, "-m", "neuroswitch", "--version"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == version(
        "neuroswitch"
    )


def test_importing_the_package_and_the_reports_needs_no_torch() -> None:
    code = "import sys, neuroswitch, neuroswitch.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ctrl_c_that_a_library_turns_into_its_own_error_still_ends_as_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def imported(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ModuleNotFoundError("Could not import module") from error

    monkeypatch.setattr("neuroswitch.experiment.run_experiment", imported)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo"])
    assert caught.value.code == cli.INTERRUPTED
    assert "continues" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
