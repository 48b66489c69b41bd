"""The lm-eval model against the hook."""

import pytest
import torch
from steered import steered_folders

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.errors import BadOption, WrongModel

pytest.importorskip("lm_eval")
pytestmark = pytest.mark.filterwarnings("default")  # not ours to mend

CONTEXT, CONTINUATION = "tell me a story", " about the red house"


def build(**arguments):
    from lm_eval.api.registry import get_model

    import neuroswitch.integrations.lm_eval  # noqa: F401 - registers the model

    text = ",".join(f"{name}={value}" for name, value in arguments.items())
    return get_model("neuroswitch").create_from_arg_string(text, {"batch_size": 2})


def harness_answer(harness):
    from lm_eval.api.instance import Instance

    request = Instance("loglikelihood", {}, (CONTEXT, CONTINUATION), 0)
    return harness.loglikelihood([request])[0][0]


@torch.inference_mode()
def expected(model):
    context, whole = (model.tokenizer(text).input_ids for text in (CONTEXT, CONTEXT + CONTINUATION))
    rows = model.module(torch.tensor([whole])).logits[0].log_softmax(-1)
    return sum(float(rows[place - 1, whole[place]]) for place in range(len(context), len(whole)))


def test_log_likelihoods_are_those_of_the_steered_model(tmp_path):
    model, circuit, folder = steered_folders(tmp_path)
    # a vocabulary padded beyond the tokenizer's, as Qwen's: no row of it may be cut off
    assert len(model.tokenizer) < model.module.config.vocab_size
    for multiplier in (0.0, 2.0):
        with scaled_neurons(model, circuit.ids, torch.full((len(circuit),), multiplier)):
            steered = expected(model)
        harness = build(pretrained=tmp_path / "base", circuit=folder, multiplier=multiplier)
        assert harness_answer(harness) == pytest.approx(steered, abs=1e-5)
        assert steered != pytest.approx(expected(model), abs=1e-3)
    assert harness_answer(build(pretrained=tmp_path / "base")) == pytest.approx(expected(model), abs=1e-5)


def test_a_circuit_of_another_model_is_refused(tmp_path):
    _, _, folder = steered_folders(tmp_path)
    steered_folders(tmp_path / "other", num_hidden_layers=4)
    with pytest.raises(WrongModel):
        build(pretrained=tmp_path / "other" / "base", circuit=folder)


def test_the_device_that_the_harness_names_by_itself_is_no_request(tmp_path, monkeypatch):
    from lm_eval.api.registry import get_model
    from lm_eval.config.evaluate_config import EvaluatorConfig

    import neuroswitch.integrations.lm_eval as ours

    assert ours.HARNESS_DEVICE == EvaluatorConfig.__dataclass_fields__["device"].default
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    steered_folders(tmp_path)
    text = f"pretrained={tmp_path / 'base'},circuit={tmp_path / 'circuit'},trust_remote_code=False"
    harness = get_model("neuroswitch").create_from_arg_string(text, {"batch_size": 2, "device": "cuda:0"})
    assert harness.model.device.type == "cpu"


@pytest.mark.parametrize("multiplier", ["nan", "inf"])
def test_a_multiplier_that_is_no_number_is_refused_before_the_model_is_loaded(multiplier, monkeypatch):
    import neuroswitch.integrations.lm_eval as ours

    monkeypatch.setattr(ours, "load_model", lambda *more, **named: pytest.fail("loaded"))
    with pytest.raises(BadOption, match="finite"):
        build(pretrained="m", multiplier=multiplier)
