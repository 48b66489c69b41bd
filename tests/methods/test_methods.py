"""Every method: fitted where the answer is known, reversible, the same bytes each time, read back as it was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neuroswitch.activations.reading import read_neurons
from neuroswitch.answering.generation import generate
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.errors import BadCircuit, BadOption, BadRun, Prerequisite, WeakBehaviour, WrongModel
from neuroswitch.methods.base import METHODS, Fitted, Known, Task, get_method
from neuroswitch.methods.caa import middle_layers
from neuroswitch.methods.cna import FittedCircuit, scaled
from neuroswitch.methods.fitted import DESCRIPTION, TENSORS
from neuroswitch.methods.tuning import Trial, best
from neuroswitch.models.handle import LanguageModel
from neuroswitch.progress import silent
from neuroswitch.prompts import Prompt
from neuroswitch.storage import signed
from planted import Planted
from planted_task import firm, logits
from tiny import tiny_llama

NEURONS = ["cna", "cna:delta", "cna-stable", "cna-stable:writers", "random", "random:3", "largest"]
GATES = ["gate", "gate:anchor", "gate:scale"]
TUNED = ["caa", "direction", "cna-tuned", "cna-doses", "cna-learned", *GATES, "gate:scale:3"]
ALL = [*NEURONS, *TUNED, "cna-pinned", "caa-paper", "caa-paper:toward", "prompt:say no"]


@pytest.fixture(scope="module")
def fits(planted: Planted, task: Task) -> dict[str, Fitted]:
    return {name: get_method(name).fit(planted.model, task, progress=silent) for name in ALL}


def circuit_of(fits: dict[str, Fitted], name: str) -> Circuit:
    fitted = fits[name]
    assert isinstance(fitted, FittedCircuit)
    return fitted.circuit


def rate(planted: Planted, task: Task) -> float:
    answers = generate(planted.model, task.contrast.test.positive, decoding=task.decoding)
    return sum(task.shows(one.text, one.prompt) for one in answers) / len(answers)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", [*TUNED, "cna", "cna-pinned"])
def test_a_method_ends_the_planted_behaviour_on_prompts_it_has_not_seen(
    name: str, planted: Planted, task: Task, fits: dict[str, Fitted]
) -> None:
    assert rate(planted, task) == 1
    with fits[name].at(1.0).applied(planted.model):
        assert rate(planted, task) == 0


def test_the_size_of_a_circuit_is_chosen_where_half_of_it_is_not_enough(
    fits: dict[str, Fitted],
) -> None:
    chosen = circuit_of(fits, "cna-tuned")

    assert len(chosen) in (2, 4)  # two planted neurons, reversed, do what four do ablated
    assert set(chosen.ids.tolist()) <= set(circuit_of(fits, "cna").ids.tolist())
    assert len(set(chosen.doses.tolist())) == 1
    said = fits["cna-tuned"].description
    assert "how many of [2, 4, 8], each with the dose" in said
    assert "chosen on 6 validation prompts: rate 0.00" in said


@pytest.mark.parametrize("name", ["random", "random:3"])
def test_random_neurons_do_not(name: str, planted: Planted, task: Task, fits: dict[str, Fitted]) -> None:
    with fits[name].at(1.0).applied(planted.model):
        assert rate(planted, task) == 1


@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith("prompt")])
def test_zero_changes_no_bit_and_one_is_undone(name: str, planted: Planted, fits: dict[str, Fitted]) -> None:
    before = logits(planted.model)

    with fits[name].at(0.0).applied(planted.model):
        assert torch.equal(logits(planted.model), before)
    with pytest.raises(ZeroDivisionError), fits[name].at(1.0).applied(planted.model):
        assert not torch.equal(logits(planted.model), before)
        raise ZeroDivisionError

    assert torch.equal(logits(planted.model), before)


@pytest.mark.parametrize("name", ALL)
def test_equal_fits_are_equal_files(name: str, task: Task, fits: dict[str, Fitted], tmp_path: Path) -> None:
    again = firm()
    fits[name].save(tmp_path / "first")
    get_method(name).fit(again.model, task, progress=silent).save(tmp_path / "second")

    assert files(tmp_path / "first") == files(tmp_path / "second")
    with pytest.raises(Prerequisite, match="exists already"):
        fits[name].save(tmp_path / "first")


@pytest.mark.parametrize("name", ALL)
def test_what_is_loaded_does_the_same_bit_for_bit(
    name: str, planted: Planted, fits: dict[str, Fitted], tmp_path: Path
) -> None:
    fits[name].save(tmp_path / "fit")

    loaded = get_method(name).load(tmp_path / "fit", planted.model)

    assert loaded.description == fits[name].description
    assert loaded.acts_on == fits[name].acts_on
    assert len(loaded.description.splitlines()) == 1
    for strength in loaded.strengths((0.3, 1.0)):
        with fits[name].at(strength).applied(planted.model):
            expected = logits(planted.model)
        with loaded.at(strength).applied(planted.model):
            assert torch.equal(logits(planted.model), expected)


@pytest.mark.parametrize("name", ALL)
def test_a_damaged_folder_and_another_model_are_refused(
    name: str, planted: Planted, fits: dict[str, Fitted], tmp_path: Path
) -> None:
    fits[name].save(tmp_path / "fit")
    method = get_method(name)

    with pytest.raises(WrongModel):
        method.load(tmp_path / "fit", tiny_llama(intermediate_size=72))
    is_circuit = isinstance(fits[name], FittedCircuit)
    tensors = tmp_path / "fit" / ("circuit.safetensors" if is_circuit else TENSORS)
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(BadRun):
        method.load(tmp_path / "fit", planted.model)
    with pytest.raises(BadRun):
        method.load(tmp_path / "absent", planted.model)


def test_a_folder_of_another_method_is_refused(
    planted: Planted, fits: dict[str, Fitted], tmp_path: Path
) -> None:
    fits["caa"].save(tmp_path / "fit")

    for name in ("caa-paper", "direction", "prompt:x", "gate", "gate:anchor", "cna-pinned"):
        with pytest.raises(BadRun, match="'caa'"):
            get_method(name).load(tmp_path / "fit", planted.model)
    with pytest.raises(BadRun, match="not a circuit folder"):
        get_method("random").load(tmp_path / "fit", planted.model)


def test_a_saved_circuit_is_a_method(planted: Planted, task: Task, tmp_path: Path) -> None:
    circuit = get_method("cna").fit(planted.model, task, progress=silent).circuit  # type: ignore[attr-defined]
    circuit = replace(circuit, doses=torch.tensor([1.0, 0.4, 2.5, -1.0]))
    circuit.save(tmp_path / "saved")
    method = get_method(f"circuit:{tmp_path / 'saved'}")

    fitted = method.fit(planted.model, task, progress=silent)
    fitted.save(tmp_path / "fit")

    assert "1 - strength x dose" in fitted.description
    with fitted.at(0.5).applied(planted.model):
        expected = logits(planted.model)
    with scaled(planted.model, circuit, strength=0.5):
        assert torch.equal(logits(planted.model), expected)
    with method.load(tmp_path / "fit", planted.model).at(0.5).applied(planted.model):
        assert torch.equal(logits(planted.model), expected)
    with pytest.raises(WrongModel):
        method.fit(tiny_llama(intermediate_size=72), task, progress=silent)
    with pytest.raises(BadCircuit, match="not a circuit folder"):
        get_method(f"circuit:{tmp_path}").fit(planted.model, task, progress=silent)


def test_a_circuit_is_scaled_by_a_multiplier_or_a_strength(planted: Planted, fits: dict[str, Fitted]) -> None:
    circuit = circuit_of(fits, "cna")
    with scaled(planted.model, circuit, multiplier=0.4):
        expected = logits(planted.model)
    with scaled(planted.model, circuit, strength=0.6):
        assert torch.equal(logits(planted.model), expected)
    for given in ({}, {"multiplier": 0.0, "strength": 1.0}, {"strength": float("nan")}):
        with pytest.raises(BadOption):
            scaled(planted.model, circuit, **given)


def test_scores_are_shared_where_that_is_asked_for_and_never_stale(task: Task) -> None:
    model, sharing = firm().model, replace(task, known=Known())
    first, shared = task.scores(model), sharing.scores(model)
    with torch.no_grad():
        for layer in model.module.model.layers:
            layer.mlp.up_proj.weight.mul_(2)

    assert sharing.scores(model) is shared
    assert torch.equal(first.value, shared.value)
    assert not torch.equal(task.scores(model).value, first.value)


def test_settings_that_are_no_text_are_refused(
    planted: Planted, fits: dict[str, Fitted], tmp_path: Path
) -> None:
    fits["caa"].save(tmp_path / "fit")
    path = tmp_path / "fit" / DESCRIPTION
    with pytest.raises(BadRun, match="changed after it was written"):
        path.write_text(path.read_text().replace('"model.layers.', '"lm_head.'))
        get_method("caa").load(tmp_path / "fit", planted.model)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(signed({key: one for key, one in document.items() if key != "sha256"})))

    with pytest.raises(BadRun, match="names no places"):
        get_method("caa").load(tmp_path / "fit", planted.model)


def test_random_neurons_are_matched_to_the_circuit_of_the_task(
    planted: Planted, task: Task, fits: dict[str, Fitted]
) -> None:
    circuit = circuit_of(fits, "cna")
    layout = planted.model.layout

    for name in ("random", "random:3"):
        ids = circuit_of(fits, name).ids
        assert layout.layers(ids).tolist() == layout.layers(circuit.ids).tolist()
        assert not set(ids.tolist()) & set(circuit.ids.tolist())
    assert circuit_of(fits, "random").ids.tolist() != circuit_of(fits, "random:3").ids.tolist()
    other = circuit_of(fits, "largest")
    matched = get_method("random").fit(planted.model, replace(task, circuit=other), progress=silent)
    assert layout.layers(matched.circuit.ids).tolist() == layout.layers(other.ids).tolist()  # type: ignore[attr-defined]


def test_the_largest_neurons_are_the_largest(planted: Planted, task: Task, fits: dict[str, Fitted]) -> None:
    ids = [encode(planted.model.tokenizer, prompt) for prompt in task.contrast.discovery.positive]
    size = read_neurons(planted.model, ids).abs().mean(0)
    chosen = circuit_of(fits, "largest").ids

    assert len(chosen) == 4
    assert set(chosen.tolist()) == set(size.topk(4).indices.tolist())


@pytest.mark.parametrize("name", TUNED)
def test_what_was_tuned_is_described(name: str, fits: dict[str, Fitted]) -> None:
    said = fits[name].description

    assert any(what in said for what in ("layer", "how many of", "which damage of", "learned doses")) and (
        "6 validation prompts" in said or "on 6 answers" in said
    )
    assert "rate 0.00" in said and "rate 1.00" in said


@pytest.mark.parametrize("name", TUNED)
def test_a_method_is_fitted_without_a_look_at_test_prompts(
    name: str, planted: Planted, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = {prompt.text for pile in task.contrast.test for prompt in pile}
    asked: list[str] = []

    def shows(answer: str, prompt: str | None) -> bool:
        asked.append(prompt or "")
        return "sorry" in answer

    get_method(name).fit(planted.model, replace(task, shows=shows), progress=silent)

    assert asked and not tests & set(asked)


@pytest.mark.parametrize("name", TUNED)
def test_without_the_behaviour_there_is_nothing_to_tune(name: str, planted: Planted, task: Task) -> None:
    with pytest.raises(WeakBehaviour, match="never shows"):
        get_method(name).fit(
            planted.model, replace(task, shows=lambda answer, prompt: False), progress=silent
        )


def test_a_broken_model_does_not_win() -> None:
    untouched = Trial(rate=0.6, distinct=0.99, surprise=0.3)
    loops = Trial(rate=0.0, distinct=0.4, surprise=0.2)
    noise = Trial(rate=0.0, distinct=1.0, surprise=6.0)
    good = Trial(rate=0.2, distinct=0.97, surprise=0.7)
    costly = Trial(rate=0.0, distinct=0.97, surprise=0.6, kl=0.05)

    assert best([loops, noise, costly, good, good], untouched, 0.03) == 3
    assert best([costly, noise, replace(noise, kl=0.04)], untouched, 0.01) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 12, 24, 80])
def test_middle_layers_are_distinct_and_below_four_fifths(count: int) -> None:
    layers = middle_layers(count, 8)

    assert len(layers) == len(set(layers)) <= 8
    assert all(0 <= layer < max(0.8 * count, 1) for layer in layers)


@pytest.fixture
def chatty() -> LanguageModel:
    return tiny_llama()


@pytest.mark.parametrize("text", ["say no", 'say "no" \\ {{ to it }} \n é 🙂'])
def test_a_system_prompt_comes_first_and_goes_again(text: str, chatty: LanguageModel, task: Task) -> None:
    tokenizer, plain = chatty.tokenizer, Prompt.of("sing a song")
    template, before = tokenizer.chat_template, encode(tokenizer, plain)
    with_own = Prompt.of([{"role": "system", "content": "be good"}, {"role": "user", "content": "sing"}])
    fitted = get_method(f"prompt:{text}").fit(chatty, task, progress=silent)

    assert fitted.strengths((0.0, 0.25)) == (1.0,)
    assert fitted.acts_on == "prompt"
    with pytest.raises(ZeroDivisionError), fitted.at(1.0).applied(chatty):
        assert encode(tokenizer, plain) == encode_with(tokenizer, template, plain, ChatFormat(system=text))
        assert encode(tokenizer, with_own) == encode_with(
            tokenizer, template, Prompt.of("sing"), ChatFormat(system=f"{text}\n\nbe good")
        )
        raise ZeroDivisionError
    with fitted.at(0.0).applied(chatty):
        assert encode(tokenizer, plain) == before

    assert tokenizer.chat_template == template
    with pytest.raises(ValueError, match="strengths 0 and 1"):
        fitted.at(0.5)


def encode_with(tokenizer, template, prompt, format):  # type: ignore[no-untyped-def]
    inside, tokenizer.chat_template = tokenizer.chat_template, template
    try:
        return encode(tokenizer, prompt, format)
    finally:
        tokenizer.chat_template = inside


def test_a_system_prompt_needs_a_template_and_a_text(chatty: LanguageModel, task: Task) -> None:
    with pytest.raises(BadOption, match="no default system prompt"):
        get_method("prompt").fit(chatty, task, progress=silent)
    chatty.tokenizer.chat_template = None
    with pytest.raises(Prerequisite, match="template"):
        get_method("prompt:say no").fit(chatty, task, progress=silent)


@pytest.mark.parametrize(
    "name",
    [
        "caa:3",
        "direction:x",
        "random:x",
        "largest:2",
        "cna:nothing",
        "caa-paper:x",
        "gate:x",
        "gate:scale:0",
        "cna-pinned:no",
        "circuit",
        "no",
    ],
)
def test_a_wrong_argument_is_said(name: str) -> None:
    with pytest.raises(BadOption):
        get_method(name)


def test_all_methods_are_registered() -> None:
    assert {name.partition(":")[0] for name in ALL} <= set(METHODS.names())
