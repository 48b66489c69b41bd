"""What is printed where texts hold markup, or where the terminal knows few characters."""

import io
import sys
from pathlib import Path

import pytest
from steered import circuit_of, spread_circuit

from command_line import call
from neuroswitch.cli import app as cli
from neuroswitch.cli.console import console
from neuroswitch.cli.inspect import neurons_table
from tiny import tiny_llama


def test_brackets_in_paths_are_shown_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = spread_circuit(tiny_llama()).save(tmp_path / "run [v1] [b] :smile:")
    said = call("inspect", folder).stdout
    assert "9 MLP neurons" in said
    said = call("pull", f"./{folder.name}", "--output", "copy [bold]").stdout
    assert "copy [bold]" in said


def test_brackets_in_tokens_are_shown_as_they_are() -> None:
    table = neurons_table(circuit_of(tiny_llama(), [1, 2]), [["[/INST]", "[b]"], ["[/]", "x"]])
    with console.capture() as shown:
        console.print(table)
    assert "[/INST]" in shown.get().replace("\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf8_is_no_error(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spread_circuit(tiny_llama()).save(tmp_path / "circuit \u65e5\u672c")
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as end:
            cli.main(["inspect", str(folder)])
        out.flush()
    assert not end.value.code
    said = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert "neurons by layer" in said
    assert "#" in said


def test_a_home_folder_in_an_option_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = spread_circuit(tiny_llama()).save(tmp_path / "circuit")
    call("pull", str(folder), "--output=~/copy")
    assert (tmp_path / "copy" / "circuit.json").is_file()
    assert not (tmp_path / "~").exists()
