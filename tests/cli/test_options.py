"""What a command line asks for: the settings that reach the experiment, and their defaults."""

from pathlib import Path

import pytest

from command_line import invoke
from neuroswitch import options
from neuroswitch.errors import BadOption
from neuroswitch.experiment import ExperimentSettings, Judging
from neuroswitch.options import EngineChoice

# What every option of an experiment but those of a command's own is set to, and where it arrives.
SHARED = {
    "--behaviour": ("french", "prompts.behaviour", "french"),
    "--detector": ("contains:x", "prompts.detector", "contains:x"),
    "--test-prompts": ("t.csv", "prompts.test_prompts", "t.csv"),
    "--benign-prompts": ("b.csv", "prompts.benign_prompts", "b.csv"),
    "--limit": ("3", "prompts.limit", 3),
    "--controls": ("2", "controls.controls", 2),
    "--seed": ("4", "controls.seed", 4),
    "--max-new-tokens": ("5", "decoding.max_new_tokens", 5),
    "--batch-size": ("6", "decoding.batch_size", 6),
    "--system": ("Be kind.", "chat.system", "Be kind."),
    "--no-thinking": (None, "chat.thinking", False),
    "--control-tokens": (None, "chat.control_tokens", True),
    "--until-settled": (None, "until_settled", True),
    "--revision": ("abc", "loading.revision", "abc"),
    "--dtype": ("float32", "loading.dtype", "float32"),
    "--device": ("cpu", "loading.device", "cpu"),
    "--sites": ("a.{layer}.b", "loading.sites", "a.{layer}.b"),
    "--quantize": ("bnb-8bit", "loading.quantize", "bnb-8bit"),
    "--trust-remote-code": (None, "loading.trust_remote_code", True),
}
CIRCUIT = {"--ranking": ("delta", "circuit.ranking", "delta"), "--size": ("116", "circuit.size", 116)}
MULTIPLIER = {"--multiplier": ("2", "strengths", (-1.0,))}
COMPARE = {
    "--methods": ("caa, random,caa", "methods", ("caa", "random")),
    "--strengths": ("1,0.5", "strengths", (1.0, 0.5)),
    "--mmlu": ("hub", "exam.mmlu", "hub"),
    "--mmlu-dev": ("d.jsonl", "exam.mmlu_dev", "d.jsonl"),
    "--mmlu-questions": ("9", "exam.mmlu_questions", 9),
    "--mmlu-shots": ("0", "exam.mmlu_shots", 0),
    "--mmlu-strengths": ("0,1", "exam.mmlu_strengths", (0.0, 1.0)),
    "--mmlu-cot-tokens": ("90", "exam.mmlu_cot_tokens", 90),
    "--xstest": ("hub", "safe_prompts.xstest", "hub"),
    "--xstest-limit": ("7", "safe_prompts.xstest_limit", 7),
    "--damage": ("mmlu", "match.damage", "mmlu"),
    "--budget": ("0.2", "match.budget", 0.2),
}
PAIR = {
    "--template-from": ("instruct", "template_from", "instruct"),
    "--top": ("9", "top", 9),
    "--base-revision": ("b", "revisions", ("b", None)),
}
COMMANDS = {
    "run --model m": {**SHARED, **CIRCUIT, **MULTIPLIER},
    "evaluate c --model m": {**SHARED, **MULTIPLIER},
    "compare --model m": {**SHARED, **CIRCUIT, **COMPARE},
    "compare-models a b": {**SHARED, **CIRCUIT, **MULTIPLIER, **PAIR},
}


class Asked(Exception):
    """What the experiment was asked to do."""

    def __init__(
        self, settings: ExperimentSettings, output: Path, engine: EngineChoice, judging: Judging | None
    ) -> None:
        super().__init__()
        self.settings, self.output, self.engine, self.judging = settings, output, engine, judging


def asked(words: str, *more: str) -> Asked:
    """Return what a command line asks of the engine, which does nothing here."""

    def stop(settings: ExperimentSettings, output: Path, *, engine, judging, progress) -> None:
        raise Asked(settings, output, engine, judging)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Asked) as caught:
        patch.setattr("neuroswitch.experiment.run_experiment", stop)
        invoke(*words.split(), "--output", "out", *more)
    return caught.value


def value_at(settings: object, place: str) -> object:
    for name in place.split("."):
        settings = getattr(settings, name)
    return settings


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_reaches_the_settings(command: str) -> None:
    table = COMMANDS[command]
    given = [part for name, (text, *_) in table.items() for part in (name, text) if part is not None]

    settings = asked(command, *given).settings

    assert {place: value_at(settings, place) for _, place, _ in table.values()} == {
        place: value for _, place, value in table.values()
    }
    assert type(settings.controls) is options.ControlChoice, "equal to what is read back from the folder"


@pytest.mark.parametrize(
    ("command", "models", "methods", "strengths", "measures", "controls"),
    [
        ("run --model m", ("m",), ("cna", "random"), (1.0,), ("routing",), 1),
        ("evaluate c --model m", ("m",), ("circuit:c", "random"), (1.0,), ("routing",), 1),
        (
            "compare --model m",
            ("m",),
            ("cna", "caa", "direction", "random"),
            (),
            ("kl", "perplexity"),
            5,
        ),
        ("compare-models a b", ("a", "b"), ("cna", "transfer", "random"), (1.0,), (), 1),
        ("demo", ("demo",), ("cna", "random"), (1.0,), ("routing",), 1),
    ],
)
def test_a_command_is_settings_of_one_experiment(
    command: str, models: object, methods: object, strengths: object, measures: object, controls: int
) -> None:
    found = asked(command)

    settings, plain = found.settings, ExperimentSettings()
    assert (settings.models, settings.methods, settings.strengths) == (models, methods, strengths)
    assert (settings.measures, settings.controls.controls) == (measures, controls)
    assert settings.own_strengths == (not strengths)
    for name in ("prompts", "circuit", "exam", "safe_prompts", "match", "chat", "loading", "until_settled"):
        assert getattr(settings, name) == getattr(plain, name), name
    assert settings.decoding.max_new_tokens == (64 if command == "demo" else 150)
    assert (found.output, found.engine, found.judging) == (Path("out"), EngineChoice(), None)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0.001", 0.001), ("116", 116.0), ("1e-3", 0.001)],
    ids=["fraction", "count", "exponent"],
)
def test_a_size_is_a_fraction_or_a_count(text: str, size: float) -> None:
    assert asked("run --model m", "--size", text).settings.circuit.size == size


def test_thinking_is_on_off_or_left_to_the_template() -> None:
    found = [
        asked("run --model m", *more).settings.chat.thinking
        for more in ((), ("--thinking",), ("--no-thinking",))
    ]
    assert found == [None, True, False]


def test_an_engine_and_the_arguments_of_its_server_are_named() -> None:
    more = (
        "--engine",
        "vllm",
        "--vllm=--max-model-len=4096",
        "--vllm=--enforce-eager",
        "--tensor-parallel",
        "2",
    )

    engine = asked("evaluate c --model m", *more).engine

    assert (engine.name, engine.local) == ("vllm", False)
    assert engine.options.arguments == ("--max-model-len=4096", "--enforce-eager")
    assert engine.options.tensor_parallel == 2


def test_a_judge_needs_an_address_and_a_name() -> None:
    judging = asked("compare --model m", "--judge", "http://x/v1", "--judge-model", "j").judging
    assert judging is not None
    assert (judging.endpoint.url, judging.endpoint.model) == ("http://x/v1", "j")
    result = invoke("compare", "--model", "m", "--output", "o", "--judge", "http://x/v1")
    assert isinstance(result.exception, BadOption)
    assert "--judge-model" in str(result.exception)
