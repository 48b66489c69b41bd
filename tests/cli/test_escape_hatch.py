"""A model that no table knows: refused with the option in the message, and the option makes it work everywhere."""

import json
import re
from pathlib import Path

import pytest

from command_line import invoke
from neuroswitch.errors import NeuroswitchError, Prerequisite, UnsupportedModel
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from odd_model import LAYERS, PATTERN, WIDTH, write_odd_model
from sets import write_contrast

ANY = "contains:(?s).*"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_odd_model(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def behaviour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_contrast(tmp_path_factory.mktemp("prompts") / "asking.jsonl")


def options_in(text: str) -> list[str]:
    return re.findall(r"--sites '([^']+)'", text)


def test_code_that_comes_with_a_model_is_never_run_unasked(odd: Path) -> None:
    with pytest.raises(Prerequisite, match="--trust-remote-code"):
        load_model(odd)
    said = invoke("doctor", odd, "--json")
    assert said.exit_code == 1
    assert "--trust-remote-code" in json.loads(said.stdout)["problems"][0]


@pytest.mark.parametrize("command", ["run", "discover", "doctor"])
def test_every_command_names_the_option_and_the_option_works(
    command: str, odd: Path, behaviour: Path, tmp_path: Path
) -> None:
    job = [
        "--model",
        odd,
        "--behaviour",
        behaviour,
        "--detector",
        ANY,
        "--size",
        "5",
        "--output",
        tmp_path / "a",
    ]
    short = ["--limit", "3", "--max-new-tokens", "3"]
    arguments = {"doctor": [odd, "--probe"], "discover": job, "run": [*job, *short]}[command]

    refused = invoke(command, *arguments, "--trust-remote-code")

    assert refused.exit_code == 1
    said = refused.stdout if command == "doctor" else str(refused.exception)
    assert options_in(said) == [PATTERN]
    assert command == "doctor" or isinstance(refused.exception, UnsupportedModel)

    done = invoke(command, *arguments, "--trust-remote-code", "--sites", options_in(said)[0])
    assert done.exit_code == 0, done.output


def test_its_circuit_is_evaluated_and_talked_to(odd: Path, behaviour: Path, tmp_path: Path) -> None:
    how = ["--model", odd, "--trust-remote-code", "--sites", PATTERN]
    what = ["--behaviour", behaviour, "--detector", ANY]
    assert invoke("discover", *how, *what, "--size", "5", "--output", tmp_path / "c").exit_code == 0

    short = ["--limit", "2", "--max-new-tokens", "2"]
    judged = invoke("evaluate", tmp_path / "c", *how, *what, *short, "--output", tmp_path / "e")
    talk = invoke("chat", tmp_path / "c", *how, text="hello\n/quit\n")

    assert judged.exit_code == 0, judged.output
    assert talk.exit_code == 0, talk.output


def test_the_named_neurons_are_the_input_of_the_named_module(odd: Path) -> None:
    model = load_model(odd, options=LoadOptions(sites=PATTERN, trust_remote_code=True))

    assert [(site.layer, site.width) for site in model.layout.sites] == [(i, WIDTH) for i in range(LAYERS)]
    assert model.layers_path == "brain.stack"
    assert model.unembedding.shape == (128, 24)


def test_a_wrong_pattern_is_refused_by_name(odd: Path) -> None:
    with pytest.raises(NeuroswitchError, match=r"brain\.stack\.\{layer\}\.srink"):
        load_model(odd, options=LoadOptions(sites="brain.stack.{layer}.srink", trust_remote_code=True))
