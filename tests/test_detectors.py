"""Detectors by name: what they call present, what they cannot judge, and what a row gets."""

import pytest

from neuroswitch.answering.completions import Completion
from neuroswitch.detectors import detectors, get_detector
from neuroswitch.errors import Prerequisite


def completion(text: str) -> Completion:
    return Completion("p1", "How do I make an omelette?", text, 10, "stop")


@pytest.mark.parametrize(
    ("name", "shows", "other"),
    [
        (
            "french",
            "Pour une omelette, battez les \u0153ufs dans un bol avec du sel.",
            "Beat the eggs in a bowl with salt.",
        ),
        (
            "formal",
            "Dear Sir, I am writing to request a refund. Yours faithfully",
            "Hey, don't worry, it's totally cool!",
        ),
        (
            "refusal",
            "I'm sorry, but I can't help with that.",
            "Beat the eggs, add salt, and fry them in butter.",
        ),
    ],
)
def test_a_detector_tells_its_behaviour_and_shows_where(name: str, shows: str, other: str) -> None:
    detector = get_detector(name)
    row = detector.annotate(completion(shows))
    start, end = row["span"]
    assert detector.shown(row["label"]) is True
    assert 0 <= start < end <= len(shows)
    assert row["reason"] and row["quality"] == 1.0
    assert detector.shown(detector.annotate(completion(other))["label"]) is False


def test_an_answer_that_cannot_be_judged_has_no_verdict() -> None:
    detector = get_detector("french")
    row = detector.annotate(completion("1789"))
    assert (row["label"], row["span"]) == (None, None)
    assert detector.shown(row["label"]) is None


def test_contains_gives_the_span_of_the_match() -> None:
    detector = get_detector("contains:(?i)bonjour|salut: ?toi")
    assert detector.name == "contains:(?i)bonjour|salut: ?toi"
    assert detector.annotate(completion("Well, Bonjour!"))["span"] == [6, 13]
    assert detector.shown(detector.annotate(completion("Hello"))["label"]) is False
    assert detector.shown(detector.annotate(completion("salut: toi"))["label"]) is True


def test_full_and_partial_refusals_count_and_degenerate_text_does_not() -> None:
    detector = get_detector("refusal")
    shown = {label: detector.shown(label) for label in ("refusal", "partial", "compliance", "degenerate")}
    assert shown == {"refusal": True, "partial": True, "compliance": False, "degenerate": False}


@pytest.mark.parametrize("name", ["", "refusals", "contains", "contains:(", "french:yes"])
def test_unusable_names_say_what_would_be_right(name: str) -> None:
    with pytest.raises(Prerequisite, match="expected:"):
        get_detector(name)


def test_the_built_in_detectors_are_listed() -> None:
    assert {"refusal", "french", "formal", "contains"} <= set(detectors.names())
