"""Values that no option can have are refused before a model is loaded, on the command line and in Python."""

from collections.abc import Callable
from importlib import import_module
from math import inf, nan
from pathlib import Path

import pytest
from cyclopts import CycloptsError
from experiments import tiny_settings

import neuroswitch as ns
from command_line import invoke
from neuroswitch.cli import app as cli
from neuroswitch.discovery import budget
from neuroswitch.errors import BadOption, NeuroswitchError, Prerequisite
from neuroswitch.experiment import (
    CircuitChoice,
    ControlChoice,
    ExperimentSettings,
    MatchChoice,
    compare_settings,
    evaluate_settings,
    models_settings,
    run_experiment,
    run_settings,
)
from neuroswitch.integrations import EngineChoice, ServeOptions

WITH_MULTIPLIER = (
    "run --model m -o o",
    "discover --model m -o o",
    "evaluate c --model m -o o",
    "compare-models a b -o o",
    "chat c --model m",
    "export c --model m --to lora -o o",
)


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let a test fail that comes to load a model, and run it in an empty folder."""

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.chdir(tmp_path)
    for place in (
        "models",
        "models.loading",
        "experiment.models",
        "integrations.serving",
        "circuits.exporting",
    ):
        monkeypatch.setattr(import_module(f"neuroswitch.{place}"), "load_model", loaded)


def refused(words: str, *more: str) -> str:
    """Return what is said of a command line that must be refused."""
    try:
        result = invoke(*words.split(), *more)
    except CycloptsError as error:
        return str(error)
    assert isinstance(result.exception, NeuroswitchError), f"{words}: {result.output}"
    assert not Path("o").exists()
    return str(result.exception)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("command", WITH_MULTIPLIER)
def test_a_multiplier_is_finite_in_every_command(command: str, value: str) -> None:
    assert "finite" in refused(command, f"--multiplier={value}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --model m -o o --size 1.0", "a fraction below 1"),
        ("run --model m -o o --size 1.5", "a fraction below 1"),
        ("discover --model m -o o --size nan", "neither a fraction nor a count"),
        ("compare --model m -o o --size inf", "neither a fraction nor a count"),
        ("run --model m -o o --size 0", "neither a fraction nor a count"),
        ("run --model m -o o --ranking raedout", "no ranking called 'raedout'"),
        ("discover --model m -o o --ranking raedout", "no ranking called 'raedout'"),
        ("compare --model m -o o --methods cna:raedout", "no ranking called 'raedout'"),
        ("compare --model m -o o --methods can", "no method called 'can'"),
        ("compare --model m -o o --budget nan", "finite"),
        ("compare --model m -o o --strengths nan", "'nan'"),
        ("run --model m -o o --seed=-1", ">= 0"),
        ("run --model m -o o --dtype float8", "float32, bfloat16"),
        ("run --model m -o o --quantize 3bit", "bnb-8bit"),
        ("run --model m -o o --sites model.layers.0.mlp", "{layer}"),
        ("run --model m -o o --device nonsense", "there is no device 'nonsense'"),
        ("run --model m -o o --engine vlm", "no engine 'vlm'"),
        ("serve c --model m --multipliers 0,nan", "'nan'"),
        ("serve c --model m --start-seconds nan", "finite"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(words: str, said: str) -> None:
    assert said in refused(words)


@pytest.mark.parametrize("option", ["--methods", "--strengths", "--mmlu-strengths"])
def test_an_empty_list_is_refused(option: str) -> None:
    assert "found nothing" in refused("compare --model m -o o", option, "")


@pytest.mark.parametrize(
    "make",
    [
        lambda: CircuitChoice(size=1.0),
        lambda: CircuitChoice(size=nan),
        lambda: ControlChoice(seed=-1),
        lambda: ExperimentSettings(methods=()),
        lambda: ExperimentSettings(strengths=(nan, 1.0)),
        lambda: MatchChoice(budget=inf),
        lambda: MatchChoice(budget=0.0),
        lambda: ServeOptions(multipliers=()),
        lambda: ServeOptions(multipliers=(nan,)),
        lambda: ns.Decoding(max_new_tokens=0),
        lambda: ns.LoadOptions(dtype="float8"),
        lambda: run_settings("m", nan),
        lambda: evaluate_settings("c", "m", inf),
        lambda: models_settings(("a", "b"), nan),
        lambda: compare_settings("m", ("cna",), (nan,)),
        lambda: budget(1.5, 100),
    ],
)
def test_the_same_holds_in_python(make: Callable[[], object]) -> None:
    with pytest.raises(BadOption):
        make()


def test_one_neuron_is_asked_for_by_a_count() -> None:
    assert budget(1, 100) == 1
    assert budget(CircuitChoice(size=116.0).size, 1000) == 116


def test_an_engine_that_is_not_there_is_noticed_before_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny_settings(tmp_path)
    with pytest.raises(BadOption, match="no engine 'vlm'"):
        run_experiment(settings, tmp_path / "o", engine=EngineChoice("vlm"))
    monkeypatch.setattr("neuroswitch.answering.vllm.find_spec", lambda name: None)
    with pytest.raises(Prerequisite, match="needs vLLM"):
        run_experiment(settings, tmp_path / "o", engine=EngineChoice("vllm"))


def test_a_device_that_is_not_there_names_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = refused("run --model m -o o --device cuda")
    assert "the device 'cuda' is not there" in said
    assert "0 CUDA devices" in said
    assert "config.json" not in said


@pytest.mark.parametrize("command", ["export", "inspect", "serve", "chat", "verify"])
def test_commands_take_the_options_that_their_errors_tell_to_use(command: str) -> None:
    chosen = next(one for all_ in cli.COMMANDS.values() for one in all_ if cli.name_of(one) == command)
    found = cli.make_app()[cli.name_of(chosen)].assemble_argument_collection(parse_docstring=True)
    names = {name for argument in found for name in argument.names}
    assert {"--trust-remote-code", "--revision", "--sites"} <= names
    if command in ("inspect", "chat", "verify"):
        assert {"--dtype", "--device", "--quantize"} <= names
