"""Two checkpoints of one shape: known overlaps, known effects, resumed, and refused before anything heavy."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from neuroswitch.answering import generation
from neuroswitch.answering.generation import Decoding
from neuroswitch.circuits.files import load as load_circuit
from neuroswitch.errors import BadRun, Prerequisite, WeakBehaviour, WrongModel
from neuroswitch.experiment.checkpoints import study
from neuroswitch.experiment.checkpoints.settings import StudySettings
from neuroswitch.experiment.checkpoints.study import compare_models
from neuroswitch.experiment.old_settings import RunSettings
from neuroswitch.report import rebuild
from neuroswitch.storage import read_jsonl
from planted import INDICES, LAYER, Planted, planted_dense
from tiny import tiny_llama, tiny_tokenizer

MOVED = {7: 8, 23: 24}
"""Planted neurons that the second model has elsewhere: two of four."""

SPLITS = {"discovery": slice(0, 12), "validation": slice(12, 16), "test": slice(16, 24)}


class Place(NamedTuple):
    """A folder with checkpoints and a behaviour."""

    settings: StudySettings
    folder: Path


def write(model: Any, folder: Path, *, template: bool = True) -> str:
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
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
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
    run = RunSettings(
        behaviour=str(behaviour),
        detector="contains:sorry",
        # the planted model is so sure of its answer that `readout` finds nothing to gain
        ranking="delta_effect",
        size=4,
        decoding=Decoding(max_new_tokens=3, batch_size=4),
    )
    settings = StudySettings(
        base=write(permuted().model, folder / "permuted"),
        instruct=write(planted.model, folder / "planted"),
        top=20,
        run=run,
    )
    return Place(settings, folder)


@pytest.fixture(scope="module")
def finished(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("study")
    compare_models(place.settings, output)
    return output


def summary_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def test_planted_circuits_are_found_and_share_what_was_planted_in_the_same_place(finished: Path) -> None:
    places = {
        role: {neuron.index for neuron in load_circuit(finished / role / "circuit").neurons()}
        for role in ("base", "instruct")
    }
    assert places["instruct"] == set(INDICES)
    assert places["base"] == {MOVED.get(index, index) for index in INDICES}
    circuit, top = summary_of(finished)["overlap"]
    assert (circuit["name"], circuit["shared"], circuit["sizes"]) == ("top 4", 2, [4, 4])
    assert circuit["jaccard"] == pytest.approx(2 / 6)
    assert circuit["all"]["expected"] == pytest.approx(4 * 4 / 192)
    assert circuit["by_layer"]["expected"] == pytest.approx(4 * 4 / 64)
    assert circuit["all"]["p"] < circuit["by_layer"]["p"] < 0.05
    assert (top["name"], top["sizes"]) == ("top 20", [20, 20])


def test_each_circuit_works_in_its_own_model_and_half_of_it_is_missing_in_the_other(finished: Path) -> None:
    for model in summary_of(finished)["models"].values():
        assert model["occurs"]
        states = model["positive"]
        assert states["baseline"]["rate"]["rate"] == 1.0
        assert states["baseline"]["test"] is states["baseline"]["changed"] is None
        assert states["own"]["rate"]["rate"] == 0.0
        assert states["own"]["test"] == {"test": "McNemar, exact", "p": 2 / 2**8, "stopped": 8, "started": 0}
        assert states["own"]["test"]["p"] <= states["own"]["p_adjusted"] <= 1
        assert states["own"]["changed"] == 8
        assert states["random"]["rate"]["rate"] == 1.0
        assert states["random"]["changed"] == 0
        assert states["other"]["rate"]["n"] == 8
        assert model["negative"]["baseline"]["rate"]["rate"] == 0.0
        assert model["circuits"][0]["by_layer"] == {"0": 0, "1": 4, "2": 0}
    # two of four planted neurons are left in the other model
    half = planted_dense()
    with torch.no_grad():
        kept = half.model.module.model.layers[LAYER].mlp.down_proj.weight
        kept[:, [index for index in INDICES if index not in MOVED]] = 0
    answer = generation.generate(half.model, half.positive[16:17], decoding=Decoding(max_new_tokens=3))
    left = 1.0 if "sorry" in answer[0].text else 0.0
    assert summary_of(finished)["models"]["instruct"]["positive"]["other"]["rate"]["rate"] == left


def test_rows_name_their_model_and_the_page_is_there(finished: Path) -> None:
    rows = list(read_jsonl(finished / "results.jsonl"))
    states = {(row["model"], row["condition"], row["pile"]) for row in rows}
    assert len(states) == 2 * 6
    assert len(rows) == 2 * 6 * 8
    page = (finished / "report.html").read_text()
    assert rebuild(finished).read_text() == page
    assert "share 2 of 4 neurons" in page


def test_running_again_loads_no_weights_and_changes_nothing(
    finished: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (finished / "results.jsonl").read_bytes()
    monkeypatch.setattr(study, "load_model", None)
    compare_models(place.settings, finished)
    assert (finished / "results.jsonl").read_bytes() == before


@pytest.mark.parametrize("stage", ["instruct: read positive", "instruct: answer, other"])
def test_an_interrupted_study_ends_with_the_same_answers_and_circuits(
    finished: Path, place: Place, tmp_path: Path, stage: str
) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        if name.startswith(stage):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_models(place.settings, tmp_path, progress=interrupt)
    assert not (tmp_path / "summary.json").exists()
    compare_models(place.settings, tmp_path)
    for name in ("results.jsonl", "base/circuit/circuit.safetensors", "instruct/top/circuit.safetensors"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_only_one_model_is_in_memory_at_a_time(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gc
    import weakref

    alive: list[weakref.ref[Any]] = []
    load = study.load_model

    def watched(*arguments: Any, **options: Any) -> Any:
        gc.collect()
        assert all(one() is None for one in alive)
        model = load(*arguments, **options)
        alive.append(weakref.ref(model.module))
        return model

    monkeypatch.setattr(study, "load_model", watched)
    compare_models(replace(place.settings, run=replace(place.settings.run, limit=2)), tmp_path)
    assert len(alive) == 4


def test_a_base_model_without_the_behaviour_is_a_result_and_changes_the_ranking_of_both(
    place: Place, tmp_path: Path
) -> None:
    base = write(without_circuit().model, tmp_path / "untuned", template=False)
    readout = replace(place.settings.run, ranking="readout")
    summary = compare_models(replace(place.settings, base=base, run=readout), tmp_path / "out")
    ranking = {
        load_circuit(tmp_path / "out" / role / "circuit").provenance.ranking for role in ("base", "instruct")
    }
    assert ranking == {"delta_effect"}
    assert (summary["ranking"]["asked"], summary["ranking"]["used"]) == ("readout", "delta_effect")
    models = summary["models"]
    assert (models["base"]["occurs"], models["instruct"]["occurs"]) == (False, True)
    assert models["base"]["asked"] == "as raw text, having no template"
    assert not summary["same_tokens"]
    # the same neurons see the trigger in both, and do nothing in one of them
    assert models["instruct"]["positive"]["own"]["rate"]["rate"] == 0.0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "does not show the behaviour: 0 of 8 answers" in page
    assert "both circuits were ranked by delta_effect instead" in page
    assert "not asked with the same tokens" in page


def test_a_ranking_that_finds_no_response_in_one_model_is_replaced_in_both_and_stays_so(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(place.settings.run, ranking="readout", limit=2, controls=0)
    collect, asked = study.collect, []

    def weak(model: Any, contrast: Any, reading: Any, **options: Any) -> Any:
        asked.append("contribution" in reading.needs)
        if asked == [True, True]:  # the second model, after the first one's circuit was saved
            raise WeakBehaviour("the model never shows the behaviour")
        return collect(model, contrast, reading, **options)

    def interrupt(name: str, done: int, total: int) -> None:
        if name.startswith("base: answer, own"):
            raise KeyboardInterrupt

    monkeypatch.setattr(study, "collect", weak)
    settings = replace(place.settings, run=run)
    with pytest.raises(KeyboardInterrupt):
        compare_models(settings, tmp_path, progress=interrupt)
    assert asked == [True, True, False, False]
    summary = compare_models(settings, tmp_path)
    assert len(asked) == 4
    assert summary["ranking"] == {
        "asked": "readout",
        "used": "delta_effect",
        "reason": "the model never shows the behaviour",
    }


def test_the_instruct_models_template_can_be_lent_to_the_base_model(place: Place, tmp_path: Path) -> None:
    base = write(permuted().model, tmp_path / "base", template=False)
    lent = replace(place.settings, base=base, template_from="instruct")
    summary = compare_models(lent, tmp_path / "out")
    assert summary["same_tokens"]
    assert summary["models"]["base"]["asked"] == "in the chat template of the instruct model"
    assert summary["models"]["base"]["positive"]["baseline"]["rate"]["rate"] == 1.0
    with pytest.raises(Prerequisite, match="no chat template to take"):
        compare_models(replace(lent, base=lent.instruct, instruct=base), tmp_path / "swapped")


def test_a_behaviour_that_occurs_in_neither_model_is_refused(place: Place, tmp_path: Path) -> None:
    never = replace(place.settings, run=replace(place.settings.run, detector="contains:zebra"))
    with pytest.raises(WeakBehaviour, match="hardly occurs"):
        compare_models(never, tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        lambda: tiny_llama(intermediate_size=48),
        lambda: tiny_llama(num_hidden_layers=4),
        lambda: tiny_llama(hidden_size=16, head_dim=4),
    ],
)
def test_models_of_different_shapes_are_refused_before_any_weights_are_read(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any]
) -> None:
    base = write(other(), tmp_path / "other")
    monkeypatch.setattr(study, "load_model", None)
    with pytest.raises(WrongModel, match="differ in shape"):
        compare_models(replace(place.settings, base=base), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_papers_ranking_can_be_asked_for_and_needs_its_own_folder(
    place: Place, finished: Path, tmp_path: Path
) -> None:
    delta = replace(place.settings, run=replace(place.settings.run, ranking="delta", limit=2, controls=0))
    summary = compare_models(delta, tmp_path)
    assert summary["ranking"] == {"asked": "delta", "used": "delta", "reason": ""}
    assert "random" not in summary["models"]["base"]["positive"]
    with pytest.raises(BadRun, match="other settings"):
        compare_models(delta, finished)
    with pytest.raises(Prerequisite, match="no ranking"):
        compare_models(replace(delta, run=replace(delta.run, ranking="poetry")), tmp_path / "b")
