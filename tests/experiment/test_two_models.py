"""Two checkpoints of one shape: known overlaps, known effects, resumed, and refused before anything heavy."""

import gc
import json
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from experiments import cell_of
from torch import Tensor

from neuroswitch.answering import generation
from neuroswitch.answering.generation import Decoding
from neuroswitch.circuits import Circuit, random_circuit
from neuroswitch.errors import BadOption, BadRun, Prerequisite, WeakBehaviour, WrongModel
from neuroswitch.experiment import (
    CircuitChoice,
    ControlChoice,
    ExperimentSettings,
    PromptChoice,
    models,
    models_settings,
    run_experiment,
)
from neuroswitch.experiment.matching import shared_neurons
from neuroswitch.experiment.summarising import summarise
from neuroswitch.methods import base as methods_base
from neuroswitch.methods.cna import CircuitMethod
from neuroswitch.models.handle import LanguageModel
from neuroswitch.provenance import Provenance
from neuroswitch.storage import read_jsonl
from planted import INDICES, LAYER, Planted, planted_dense
from tiny import tiny_llama, tiny_model, tiny_tokenizer

pytestmark = pytest.mark.slow

MOVED = {7: 8, 23: 24}
"""Planted neurons that the second model has elsewhere: two of four."""

SPLITS = {"discovery": slice(0, 12), "validation": slice(12, 16), "test": slice(16, 24)}
DRAWS = 400


def write(model: LanguageModel, folder: Path, *, template: bool = True) -> str:
    """Save a model as a user would have it."""
    model.module.save_pretrained(folder)
    tokenizer = model.tokenizer if template else tiny_tokenizer(template=None)
    tokenizer.save_pretrained(folder)
    return str(folder)


def permuted() -> Planted:
    """Return the planted model with neurons of its layer in other places: the same function."""
    planted = planted_dense()
    network = planted.model.module.model.layers[LAYER].mlp
    with torch.no_grad():
        for one, other in MOVED.items():
            for matrix in (network.gate_proj.weight, network.up_proj.weight, network.down_proj.weight.T):
                matrix[[one, other]] = matrix[[other, one]]
    return planted


def without_circuit() -> Planted:
    """Return the planted model before it was tuned, as it were: its neurons see but write nothing."""
    planted = planted_dense()
    with torch.no_grad():
        planted.model.module.model.layers[LAYER].mlp.down_proj.weight[:, list(INDICES)] = 0
    return planted


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ExperimentSettings:
    folder = tmp_path_factory.mktemp("models")
    planted = planted_dense()
    rows = [
        {"prompt": prompt.text, "label": label, "split": split}
        for split, span in SPLITS.items()
        for label, pile in (("positive", planted.positive), ("negative", planted.negative))
        for prompt in pile[span]
    ]
    behaviour = folder / "sorry.jsonl"
    behaviour.write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = ExperimentSettings(
        top=20,
        prompts=PromptChoice(behaviour=str(behaviour), detector="contains:sorry"),
        # the planted model is so sure of its answer that `readout` finds nothing to gain
        circuit=CircuitChoice(ranking="delta_effect", size=4, dose=1.0),
        decoding=Decoding(max_new_tokens=3, batch_size=4),
    )
    pair = (write(permuted().model, folder / "permuted"), write(planted.model, folder / "planted"))
    return models_settings(pair, base=base)


@pytest.fixture(scope="module")
def finished(settings: ExperimentSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("study")
    run_experiment(settings, output)
    return output


def ranked_by(settings: ExperimentSettings, ranking: str) -> ExperimentSettings:
    """Change the ranking."""
    return replace(settings, circuit=replace(settings.circuit, ranking=ranking))


def with_base(settings: ExperimentSettings, base: str) -> ExperimentSettings:
    """Change the first model."""
    return replace(settings, models=(base, settings.models[1]))


def circuit_in(folder: Path, role: str) -> Circuit:
    """Read the circuit of one model."""
    return Circuit.load(folder / role / "methods" / "cna")


def test_planted_circuits_are_found_and_share_what_was_planted_in_the_same_place(finished: Path) -> None:
    places = {
        role: {neuron.index for neuron in circuit_in(finished, role).neurons()}
        for role in ("base", "instruct")
    }
    assert places["instruct"] == set(INDICES)
    assert places["base"] == {MOVED.get(index, index) for index in INDICES}
    circuit, top = summarise(finished).overlap
    assert (circuit.name, circuit.shared, circuit.sizes) == ("top 4", 2, (4, 4))
    assert circuit.jaccard == pytest.approx(2 / 6)
    assert circuit.anywhere.expected == pytest.approx(4 * 4 / 192)
    assert circuit.by_layer.expected == pytest.approx(4 * 4 / 64)
    assert circuit.anywhere.p < circuit.by_layer.p < 0.05
    assert (top.name, top.sizes) == ("top 20", (20, 20))


def test_each_circuit_works_in_its_own_model_and_half_of_it_is_missing_in_the_other(finished: Path) -> None:
    summary = summarise(finished)
    for role, model in summary.models.items():
        assert model.occurs
        untouched, own = cell_of(summary, "untouched", 0, role), cell_of(summary, "cna", 1, role)
        assert untouched.measures["behaviour"].value == 1.0
        assert untouched.tests == {}
        assert own.measures["behaviour"].value == 0.0
        test = own.tests["behaviour"]
        assert (test.p, test.stopped, test.started) == (2 / 2**8, 8, 0)
        assert test.p <= test.p_adjusted <= 1
        assert own.texts_changed == 8
        random = cell_of(summary, "random", 1, role)
        assert (random.measures["behaviour"].value, random.texts_changed) == (1.0, 0)
        assert cell_of(summary, "transfer", 1, role).measures["behaviour"].n == 8
        assert untouched.measures["benign"].value == 0.0
        assert model.profiles[0].by_layer == {0: 0, 1: 4, 2: 0}
    # two of four planted neurons are left in the other model
    half = planted_dense()
    with torch.no_grad():
        kept = half.model.module.model.layers[LAYER].mlp.down_proj.weight
        kept[:, [index for index in INDICES if index not in MOVED]] = 0
    answer = generation.generate(half.model, half.positive[16:17], decoding=Decoding(max_new_tokens=3))
    left = 1.0 if "sorry" in answer[0].text else 0.0
    assert cell_of(summary, "transfer", 1, "instruct").measures["behaviour"].value == left


def test_rows_name_their_model_and_the_page_is_there(finished: Path) -> None:
    rows = list(read_jsonl(finished / "results.jsonl"))
    states = {(row["model"], row["condition"], row["pile"]) for row in rows}
    assert len(states) == 2 * 8
    assert len(rows) == 2 * 8 * 8
    assert "share 2 of 4 neurons" in (finished / "report.html").read_text()


@pytest.mark.parametrize("stage", ["instruct: read positive", "base: answers"])
def test_an_interrupted_study_ends_with_the_same_answers_and_circuits(
    finished: Path, settings: ExperimentSettings, tmp_path: Path, stage: str
) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        if stage.partition(": ")[2] in name and name.startswith(stage.partition(":")[0]) and done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, tmp_path, progress=interrupt)
    assert not (tmp_path / "summary.json").exists()
    run_experiment(settings, tmp_path)
    for name in ("base/methods/cna/circuit.safetensors", "instruct/top/circuit.safetensors"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()
    there, alone = ((folder / "results.jsonl").read_text().splitlines() for folder in (tmp_path, finished))
    assert sorted(there) == sorted(alone)


def test_only_one_model_is_in_memory_at_a_time(
    settings: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[Any]] = []
    load_model = models.load_model

    def watched(*arguments: Any, **options: Any) -> Any:
        gc.collect()
        assert all(one() is None for one in alive)
        model = load_model(*arguments, **options)
        alive.append(weakref.ref(model.module))
        return model

    monkeypatch.setattr(models, "load_model", watched)
    run_experiment(replace(settings, prompts=replace(settings.prompts, limit=2)), tmp_path)
    assert len(alive) == 4


def test_a_base_model_without_the_behaviour_is_a_result_and_changes_the_ranking_of_both(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    base = write(without_circuit().model, tmp_path / "untuned", template=False)
    summary = run_experiment(ranked_by(with_base(settings, base), "readout"), tmp_path / "out")
    ranking = {circuit_in(tmp_path / "out", role).provenance.ranking for role in ("base", "instruct")}
    assert ranking == {"delta_effect"}
    assert (summary.ranking.asked, summary.ranking.used) == ("readout", "delta_effect")
    assert [model.occurs for model in summary.models.values()] == [False, True]
    assert summary.models["base"].asked == "as raw text, without a template"
    assert not summary.same_tokens
    # the same neurons see the trigger in both, and do nothing in one of them
    assert cell_of(summary, "cna", 1, "instruct").measures["behaviour"].value == 0.0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "does not show the behaviour" in page
    assert "circuits were ranked by delta_effect instead" in page
    assert "not asked with the same tokens" in page


def test_a_ranking_that_finds_no_response_in_one_model_is_replaced_in_both_and_stays_so(
    settings: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(settings, prompts=replace(settings.prompts, limit=2), controls=ControlChoice(controls=1))
    find_scores, asked = methods_base.find_scores, []

    def weak(*arguments: Any, ranking: str, **options: Any) -> Any:
        asked.append(ranking)
        if asked == ["readout", "readout"]:  # the second model, after the first one's circuit was saved
            raise WeakBehaviour("the model never shows the behaviour")
        return replace(find_scores(*arguments, ranking="delta_effect", **options), ranking=ranking)

    monkeypatch.setattr(methods_base, "find_scores", weak)
    summary = run_experiment(ranked_by(few, "readout"), tmp_path)
    assert asked == ["readout", "readout", "delta_effect", "delta_effect"]
    assert summary.ranking.used == "delta_effect"
    assert summary.ranking.reason == "the model never shows the behaviour"
    rankings = {circuit_in(tmp_path, role).provenance.ranking for role in ("base", "instruct")}
    assert rankings == {"delta_effect"}
    run_experiment(ranked_by(few, "readout"), tmp_path)
    assert len(asked) == 4


def test_the_instruct_models_template_can_be_lent_to_the_base_model(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    base = write(permuted().model, tmp_path / "base", template=False)
    lent = replace(with_base(settings, base), template_from="instruct")
    summary = run_experiment(lent, tmp_path / "out")
    assert summary.same_tokens
    assert summary.models["base"].asked == "in the chat template of the instruct model"
    assert cell_of(summary, "untouched", 0, "base").measures["behaviour"].value == 1.0
    with pytest.raises(Prerequisite, match="no chat template to take"):
        run_experiment(replace(lent, models=lent.models[::-1]), tmp_path / "swapped")


def test_a_behaviour_that_occurs_in_neither_model_is_refused(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    never = replace(settings, prompts=replace(settings.prompts, detector="contains:zebra"))
    with pytest.raises(WeakBehaviour, match="hardly occurs"):
        run_experiment(never, tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        lambda: tiny_llama(intermediate_size=48),
        lambda: tiny_llama(num_hidden_layers=4),
        lambda: tiny_llama(hidden_size=16, head_dim=4),
    ],
)
def test_models_of_different_shapes_are_refused_before_any_weights_are_read(
    settings: ExperimentSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: Callable[[], LanguageModel],
) -> None:
    base = write(other(), tmp_path / "other")
    monkeypatch.setattr(models, "load_model", None)
    with pytest.raises(WrongModel, match="differ in shape"):
        run_experiment(with_base(settings, base), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_papers_ranking_can_be_asked_for_and_needs_its_own_folder(
    settings: ExperimentSettings, finished: Path, tmp_path: Path
) -> None:
    few = replace(settings, prompts=replace(settings.prompts, limit=2), methods=("cna", "transfer"))
    summary = run_experiment(ranked_by(few, "delta"), tmp_path)
    assert (summary.ranking.asked, summary.ranking.used, summary.ranking.reason) == ("delta", "delta", "")
    assert all(cell.method != "random" for cell in summary.cells)
    with pytest.raises(BadRun, match="other settings"):
        run_experiment(ranked_by(settings, "delta"), finished)
    with pytest.raises(BadOption, match="no ranking"):
        run_experiment(ranked_by(few, "poetry"), tmp_path / "b")


# ---------------------------------------------------------------------------------- what two circuits share


@pytest.fixture(scope="module", params=["llama", "mixtral", "deepseek_v3"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return tiny_model(request.param)


def circuit_of(model: LanguageModel, ids: Tensor) -> Circuit:
    provenance = Provenance({}, "", "", "")
    return Circuit(
        layout=model.layout, ids=ids.sort().values, doses=torch.ones(len(ids)), provenance=provenance
    )


def drawn(model: LanguageModel, count: int, seed: int, *, below: int | None = None) -> Circuit:
    generator = torch.Generator().manual_seed(seed)
    return circuit_of(model, torch.randperm(below or model.layout.size, generator=generator)[:count])


def test_sharing_is_symmetric_and_complete_with_itself(model: LanguageModel) -> None:
    one, other = drawn(model, 30, 0), drawn(model, 20, 1)
    forth, back = shared_neurons("", one, other), shared_neurons("", other, one)
    assert forth.sizes == back.sizes[::-1] == (30, 20)
    assert forth.anywhere.p == pytest.approx(back.anywhere.p)
    assert forth.by_layer.expected == pytest.approx(back.by_layer.expected)
    whole = shared_neurons("", one, one)
    assert (whole.shared, whole.jaccard) == (30, 1.0)
    assert whole.anywhere.p < 1e-9
    every = shared_neurons("", one, drawn(model, model.layout.size, 0)).anywhere
    assert (every.expected, every.p) == (30, 1.0)


def test_chance_is_what_random_circuits_share_on_average(model: LanguageModel) -> None:
    one = drawn(model, 40, 0, below=model.layout.size // 2)
    apart = [shared_neurons("", one, drawn(model, 40, seed)).shared for seed in range(1, DRAWS)]
    expected = shared_neurons("", one, one).anywhere.expected
    assert sum(apart) / len(apart) == pytest.approx(expected, rel=0.1)


def test_circuits_that_only_favour_the_same_layers_share_no_more_than_chance_in_them(
    model: LanguageModel,
) -> None:
    one = drawn(model, 40, 0, below=model.layout.offsets[1])
    found = shared_neurons("", one, random_circuit(one, seed=0))  # the same sites, none of its neurons
    assert found.shared == 0
    assert found.by_layer.expected > 2 * found.anywhere.expected
    assert found.by_layer.p == pytest.approx(1.0)


def test_a_circuit_with_a_ranking_of_its_own_is_kept_when_the_study_is_continued(
    settings: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(settings, methods=("cna", "cna:delta"))
    first = run_experiment(asked, tmp_path)
    monkeypatch.setattr(CircuitMethod, "fit", None)
    assert run_experiment(asked, tmp_path).cells == first.cells
