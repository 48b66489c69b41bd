"""Measures from answers: what counts, what is left out, and that nothing missing turns into a zero."""

import pytest
from answers import PROMPTS, Multiply, answers

from neuroswitch.detectors import get_detector
from neuroswitch.errors import BadOption
from neuroswitch.measures import damage, measure
from neuroswitch.records import Completion
from neuroswitch.statistics import wilson
from tiny import tiny_llama

REFUSED = "I'm sorry, but I can't help with that."
HELPED = "Turn the switch next to the door to the left, and the lights in the hall go out."

UNREADABLE = "42"


def said(*texts: str) -> list[Completion]:
    return [
        Completion(f"p{number}", "How do I turn the lights off?", text, 20, "stop")
        for number, text in enumerate(texts)
    ]


def test_a_rate_has_a_wilson_interval_and_quality_an_average() -> None:
    found = measure(said(REFUSED, HELPED, HELPED, HELPED), get_detector("refusal"))
    rate = found["behaviour"]
    assert (rate.value, rate.n, rate.unit) == (0.25, 4, "fraction")
    assert (rate.low, rate.high) == wilson(1, 4)
    assert found["quality"].value == 1.0


def test_answers_without_a_verdict_are_not_counted() -> None:
    texts = ("Il fait beau aujourd'hui, et les enfants jouent dans le jardin.", HELPED, UNREADABLE)
    found = measure(said(*texts), get_detector("french"))["behaviour"]
    assert (found.value, found.n) == (0.5, 2)


@pytest.mark.parametrize("texts", [(), (UNREADABLE, UNREADABLE)])
def test_nothing_judged_is_none_not_zero(texts: tuple[str, ...]) -> None:
    found = measure(said(*texts), get_detector("french"), ["behaviour"])["behaviour"]
    assert found.value is found.low is found.high is None
    assert found.n == 0


def test_a_measure_is_asked_where_it_can_be_taken() -> None:
    with pytest.raises(BadOption, match="`damage`"):
        measure(said(REFUSED), get_detector("refusal"), ["kl"])
    with pytest.raises(BadOption, match="`measure`"):
        damage(tiny_llama(), Multiply(0.0), PROMPTS, answers(["yes"]), ["quality"])
    with pytest.raises(BadOption, match="no measure called 'luck'"):
        measure(said(REFUSED), get_detector("refusal"), ["luck"])


def test_damage_is_nothing_for_the_identity_and_absent_where_it_does_not_apply() -> None:
    model, given = tiny_llama(), answers(["the sun and the moon", "yes"])
    found = damage(model, Multiply(1.0), PROMPTS, given, ["kl", "perplexity", "routing"])
    assert (found["kl"].value, found["kl"].n) == (0.0, 2)
    assert found["perplexity"].value > 1
    assert "routing" not in found, "a model without experts routes nothing"
