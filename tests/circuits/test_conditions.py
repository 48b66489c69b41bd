"""A circuit records how it was found, and says where it is used otherwise."""

from dataclasses import asdict, replace

import pytest
import torch
from steered import circuit_of

from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import Circuit, differences, require_unseen
from neuroswitch.discovery import find_circuit
from neuroswitch.errors import BadPrompts, WrongModel
from neuroswitch.methods.cna import largest_circuit
from neuroswitch.prompts import Prompt
from sets import tiny_contrast
from tiny import tiny_llama

BRIEF = ChatFormat(system="say one word")


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


@pytest.fixture(scope="module")
def found(model):
    return find_circuit(model, tiny_contrast(), ranking="delta", size=5, chat=BRIEF)


def test_what_a_circuit_was_found_with_is_in_its_folder(found, tmp_path):
    made = Circuit.load(found.save(tmp_path / "circuit")).provenance
    assert made == found.provenance
    assert (made.found.system, made.found.thinking) == ("say one word", None)
    assert made.found.read == {"<|assistant|>": 24}
    assert len(made.found.prompts) == 24
    text = (tmp_path / "circuit" / "circuit.json").read_text()
    assert tiny_contrast().discovery.positive[0].text not in text


def test_a_control_of_the_largest_neurons_records_it_too(model):
    made = largest_circuit(model, tiny_contrast(), size=5, chat=BRIEF).provenance
    assert made.found.system == "say one word"
    assert len(made.found.prompts) == 12


def test_each_other_condition_is_a_sentence(model, found):
    same = asdict(model.identity)
    assert differences(found.provenance, same, BRIEF) == []
    other = {**same, "dtype": "bfloat16", "template_sha256": "f" * 64}
    said = differences(found.provenance, other, ChatFormat(thinking=False))
    assert said == [
        "was found with the chat template 00000000, and is used with the chat template ffffffff",
        "was found in float32, and is used in bfloat16",
        "was found with the system prompt 'say one word', and is used without a system prompt",
        "was found in the thinking mode of the template, and is used without thinking",
    ]


def test_a_circuit_that_does_not_record_it_says_so(model):
    (said,) = differences(circuit_of(model, [1, 2]).provenance, asdict(model.identity), ChatFormat())
    assert "does not record how it was found" in said


def test_discovery_prompts_in_other_words_for_the_same_are_known(found):
    text = tiny_contrast().discovery.positive[0].text
    held_out = tiny_contrast().test.positive
    require_unseen(found.provenance, "circuit", held_out)
    with pytest.raises(BadPrompts, match=r"not held out: my circuit was found on them(.|\n)*TELL ME"):
        require_unseen(found.provenance, "my circuit", [*held_out, Prompt.of(f"  {text.upper()}! ")])


def test_a_union_of_two_rankings_keeps_both_provenances_and_no_scores(model, found):
    other = find_circuit(model, tiny_contrast(), ranking="effect_size", size=5, chat=ChatFormat())
    both = found | other
    assert [part.ranking for part in both.provenance.parts] == ["delta", "effect_size"]
    assert both.provenance.parts == (found.provenance, other.provenance)
    assert both.provenance.ranking == "delta | effect_size"
    assert both.evidence() == {}
    assert "several circuits together" in str(both.provenance.arguments["how"])
    doses = torch.linspace(0, 1, len(both))
    assert replace(both, doses=doses).strongest(3).ids.tolist() == both.ids[-3:].tolist(), "by dose alone"
    said = differences(both.provenance, asdict(model.identity), ChatFormat())
    assert said == ["was found with the system prompt 'say one word', and is used without a system prompt"]
    with pytest.raises(BadPrompts):
        require_unseen(both.provenance, "union", tiny_contrast().discovery.negative)


def test_a_union_of_one_way_is_as_if_found_at_once(model):
    small, large = (find_circuit(model, tiny_contrast(), ranking="delta", size=size) for size in (3, 6))
    both = small | large
    assert torch.equal(both.scores, large.scores)
    assert both.provenance.ranking == "delta"
    assert both.provenance.parts == ()


def test_unions_of_many_are_flat_and_are_read_back(model, tmp_path):
    parts = [
        find_circuit(model, tiny_contrast(), ranking=name, size=2)
        for name in ("delta", "effect_size", "next_token")
    ]
    union = (parts[0] | parts[1]) | parts[2]
    assert [one.ranking for one in union.provenance.parts] == ["delta", "effect_size", "next_token"]
    assert Circuit.load(union.save(tmp_path / "union")).provenance == union.provenance


def test_what_is_left_of_a_circuit_names_the_one_it_was_compared_with(model, found):
    other = find_circuit(model, tiny_contrast(), ranking="effect_size", size=5)
    for left in (found & other, found - other):
        assert left.provenance.parts == (found.provenance, other.provenance)
        assert left.provenance.ranking == "delta"
        assert "the circuit of the ranking 'effect_size'" in str(left.provenance.arguments["how"])


def test_circuits_of_two_models_are_compared_and_not_joined(model, found):
    identity = replace(model.identity, config_sha256="1" * 64)
    other = replace(found, provenance=replace(found.provenance, model=asdict(identity)))
    assert found.jaccard(other) == 1.0
    assert len(found & other) == 5
    with pytest.raises(WrongModel, match="two models cannot be joined"):
        found | other
