"""What can change between two calls into one folder: each change by name, with what must happen.

The world of a test is the current folder: `model`, `asking.jsonl`, `own.csv`, a circuit `c`, and `e`, the finished
folder of an evaluation of it. The table in docs/reliability.md has one row for each entry of `CHANGES`.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from neuroswitch.circuits import Circuit, random_circuit
from neuroswitch.experiment import ExperimentSettings, circumstances, claiming
from neuroswitch.storage import read_json, read_jsonl, write_json

ERROR, CONTINUED, SAID, ADDED = "error", "continued", "continued, and said in the report", "added"

Options = dict[str, object]
Change = Callable[[pytest.MonkeyPatch], Options | None]
"""Changes the world; returns settings that differ in the second call."""


@dataclass(frozen=True)
class Case:
    """A change, what must happen, and words of the error or the warning."""

    change: Change
    outcome: str
    words: str = ""


def rows_changed(path: str, change: Callable[[int, dict[str, object]], None]) -> None:
    """Rewrite a JSONL file with every row changed in place, given its number."""
    rows = list(read_jsonl(Path(path)))
    for number, row in enumerate(rows):
        change(number, row)
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


def prompts_changed(change: Callable[[int, dict[str, object]], None]) -> Change:
    """Change the rows of the behaviour file."""
    return lambda patch: rows_changed("asking.jsonl", change)


def json_changed(path: str, **values: object) -> Change:
    """Set fields of a JSON file."""
    return lambda patch: write_json(Path(path), {**read_json(Path(path)), **values}) and None


def facts_changed(**values: object) -> Change:
    """Let the folder have been begun under other circumstances, such as on a GPU."""

    def change(patch: pytest.MonkeyPatch) -> None:
        found = read_json(Path("e/facts.json"))
        found["circumstances"]["model"] |= values
        write_json(Path("e/facts.json"), found)

    return change


def dtype_changed(patch: pytest.MonkeyPatch) -> None:
    found = read_json(Path("e/facts.json"))
    found["models"]["model"]["identity"]["dtype"] = "bfloat16"
    write_json(Path("e/facts.json"), found)


def surroundings_changed(**values: str) -> Change:
    """Let the second call find other versions or another machine."""
    before = circumstances.surroundings

    def change(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(claiming, "surroundings", lambda: {**before(), **values})

    return change


def options(**values: object) -> Change:
    """Change settings of the second call."""
    return lambda patch: values


def option(group: str, **values: object) -> Change:
    """Change options of one group in the second call."""
    return lambda patch: {group: values}


def one_weight(patch: pytest.MonkeyPatch) -> None:
    path = "model/model.safetensors"
    tensors = load_file(path)
    tensors["model.layers.1.mlp.down_proj.weight"][5, 7] += 0.001
    save_file(tensors, path, metadata={"format": "pt"})


def other_circuit(patch: pytest.MonkeyPatch) -> None:
    other = random_circuit(Circuit.load("c"), seed=9)
    shutil.rmtree("c")
    other.save("c")


def same_circuit_again(patch: pytest.MonkeyPatch) -> None:
    found = Circuit.load("c")
    shutil.rmtree("c")
    replace(found, provenance=replace(found.provenance, date="2027-01-01", command="again")).save("c")


def other_dose(patch: pytest.MonkeyPatch) -> None:
    found = Circuit.load("c")
    replace(found, doses=torch.full_like(found.doses, 0.5)).save("c")


def other_fit(patch: pytest.MonkeyPatch) -> None:
    folder = next(
        one for one in Path("e/methods").iterdir() if one.is_dir() and one.name.startswith("circuit")
    )
    other = random_circuit(Circuit.load(folder), seed=9)
    shutil.rmtree(folder)
    other.save(folder)


def tokenizer_changed(patch: pytest.MonkeyPatch) -> None:
    path = Path("model/tokenizer.json")
    told = json.loads(path.read_text())
    words = told["model"]["vocab"]
    words["cat"], words["dog"] = words["dog"], words["cat"]
    path.write_text(json.dumps(told))


def template_changed(patch: pytest.MonkeyPatch) -> None:
    path = Path("model/chat_template.jinja")
    path.write_text(path.read_text().replace("<|assistant|>", "now <|assistant|>"))


def rules_changed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claiming, "detector_digest", lambda detector: "of other rules")


def exchange(key: str, one: str, other: str) -> Change:
    """Exchange two values of a column of the behaviour file, in the first row that has each."""

    def change(patch: pytest.MonkeyPatch) -> None:
        left = {one: other, other: one}

        def exchanged(number: int, row: dict[str, object]) -> None:
            if (value := row[key]) in left and (key == "label" or row["label"] == "positive"):
                row[key] = left.pop(str(value))

        rows_changed("asking.jsonl", exchanged)

    return change


def first_test(column: str, value: str) -> Callable[[int, dict[str, object]], None]:
    """Change a column of the first positive test prompt."""

    def change(number: int, row: dict[str, object]) -> None:
        if row["id"] == "test-positive-0":
            row[column] = value

    return change


def settings_with(settings: ExperimentSettings, changed: Options) -> ExperimentSettings:
    """Return settings with some changed; a group of options by the options that change."""
    parts = {
        name: replace(getattr(settings, name), **value) if isinstance(value, dict) else value
        for name, value in changed.items()
    }
    return replace(settings, **parts)


CHANGES = {
    "circuit: another one in its folder": Case(other_circuit, ERROR, "what circuit:c is read from"),
    "circuit: another dose": Case(other_dose, ERROR, "what circuit:c is read from"),
    "circuit: the same one, found again": Case(same_circuit_again, CONTINUED),
    "circuit: its folder is gone": Case(lambda patch: shutil.rmtree("c"), CONTINUED),
    "circuit: another one in the experiment's own copy": Case(
        other_fit, ERROR, "fitted method model/circuit:c"
    ),
    "prompts: another text under the same id": Case(
        prompts_changed(first_test("prompt", "tell me the story of the moon")), ERROR, "contrast set"
    ),
    "prompts: another id for the same text": Case(
        prompts_changed(first_test("id", "renamed")), ERROR, "contrast set"
    ),
    "prompts: labels exchanged": Case(exchange("label", "positive", "negative"), ERROR, "contrast set"),
    "prompts: a file of test prompts is edited": Case(
        lambda patch: Path("own.csv").write_text("prompt\nmake a cake\nsing a story\n") and None,
        ERROR,
        "prompts of the pile negative",
    ),
    "splits: exchanged between discovery and test": Case(
        exchange("split", "discovery", "test"), ERROR, "splits of the contrast set"
    ),
    "weights: a single value": Case(one_weight, ERROR, "model: weights"),
    "weights: the configuration": Case(
        json_changed("model/config.json", rms_norm_eps=0.01), ERROR, "model: configuration"
    ),
    "weights: quantised in another way": Case(
        facts_changed(quantised='{"bits": 8}'), ERROR, "model: quantisation"
    ),
    "weights: the tokens that end an answer": Case(
        json_changed("model/generation_config.json", eos_token_id=[2, 9]), ERROR, "model: generation settings"
    ),
    "dtype: another one by --dtype": Case(option("loading", dtype="bfloat16"), ERROR, "loading.dtype"),
    "dtype: another one where it is chosen by itself": Case(dtype_changed, ERROR, "model: dtype"),
    "template: another one": Case(template_changed, ERROR, "model: chat template"),
    "template: the same one, that writes today's date": Case(
        facts_changed(rendered="Today is the 24th"), ERROR, "model: rendered prompt"
    ),
    "template: another system prompt": Case(option("chat", system="be good"), ERROR, "chat.system"),
    "tokenizer: another one": Case(tokenizer_changed, ERROR, "model: tokenizer"),
    "detector: another one": Case(option("prompts", detector="contains:sea"), ERROR, "prompts.detector"),
    "detector: other rules under the same name": Case(rules_changed, ERROR, "rules of the detector"),
    "options: length of the answers": Case(
        option("decoding", max_new_tokens=5), ERROR, "decoding.max_new_tokens"
    ),
    "options: batch size": Case(option("decoding", batch_size=4), ERROR, "decoding.batch_size"),
    "options: seed": Case(option("controls", seed=1), ERROR, "controls.seed"),
    "options: another multiplier": Case(options(strengths=(-1.0,)), ADDED, "circuit:c@-1"),
    "options: more random circuits": Case(option("controls", controls=2), ADDED, "random:1@1"),
    "options: another measure": Case(options(measures=("kl",)), ADDED, ""),
    "versions: another minor version of torch": Case(
        surroundings_changed(torch="99.1.0"), ERROR, "version of torch"
    ),
    "versions: another minor version of transformers": Case(
        surroundings_changed(transformers="99.1.0"), ERROR, "version of transformers"
    ),
    "versions: another patch of torch": Case(
        surroundings_changed(torch=circumstances.minor(torch.__version__) + ".99"), SAID, "share the torch"
    ),
    "versions: another numpy": Case(surroundings_changed(numpy="99.0.0"), SAID, "share the numpy"),
    "machine: another kind of device": Case(facts_changed(device="cuda"), ERROR, "model: device"),
    "machine: another one of the same kind": Case(
        surroundings_changed(machine="other, 96 threads"), SAID, "share the machine"
    ),
}
