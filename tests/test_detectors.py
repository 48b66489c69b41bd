"""Detectors by name: what they call present, what they cannot judge, and what a row gets."""

import subprocess
import sys

import pytest

from neuroswitch.detectors import DETECTORS, Detector, get_detector
from neuroswitch.errors import BadOption
from neuroswitch.verdicts import Verdict

PROMPT = "How do I make an omelette?"


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
    verdict = detector.classify(shows, PROMPT)
    assert verdict is not None and verdict.span is not None and verdict.reason
    start, end = verdict.span
    assert 0 <= start < end <= len(shows)
    assert detector.shown(verdict.label) is True
    assert (detector.judges(shows, PROMPT), detector.judges(other, PROMPT)) == (True, False)


def test_an_answer_that_cannot_be_judged_has_no_verdict() -> None:
    detector = get_detector("french")
    assert detector.classify("1789", PROMPT) is None
    assert detector.shown(None) is None
    assert detector.judges("1789", PROMPT) is False


def test_contains_gives_the_span_of_the_match() -> None:
    detector = get_detector("contains:(?i)bonjour|salut: ?toi")
    assert detector.name == "contains:(?i)bonjour|salut: ?toi"
    verdict = detector.classify("Well, Bonjour!", PROMPT)
    assert verdict is not None and verdict.span == (6, 13)
    assert [detector.judges(text, PROMPT) for text in ("Hello", "salut: toi")] == [False, True]


def test_full_and_partial_refusals_count_and_degenerate_text_does_not() -> None:
    detector = get_detector("refusal")
    shown = {label: detector.shown(label) for label in ("refusal", "partial", "compliance", "degenerate")}
    assert shown == {"refusal": True, "partial": True, "compliance": False, "degenerate": False}


@pytest.mark.parametrize("name", ["", "refusals", "contains", "contains:(", "french:yes"])
def test_unusable_names_say_what_would_be_right(name: str) -> None:
    with pytest.raises(BadOption, match="expected:"):
        get_detector(name)


def test_the_built_in_detectors_are_listed() -> None:
    assert {"refusal", "french", "formal", "contains"} <= set(DETECTORS.names())


def test_a_detector_that_a_plug_in_registers_is_found_with_its_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DETECTORS, "_table", dict(DETECTORS._table))

    @DETECTORS.register("longer")
    def _longer(argument: str) -> Detector:
        def classify(text: str, prompt: str | None) -> Verdict:
            words = len(text.split())
            return Verdict("long" if words > int(argument) else "short", None, f"{words} words")

        return Detector(f"longer:{argument}", classify, frozenset({"long"}), f"more than {argument} words")

    detector = get_detector("longer:2")
    assert (detector.judges("one two three", None), detector.judges("one two", None)) == (True, False)


def test_judging_answers_needs_no_torch() -> None:
    code = (
        "import sys; from neuroswitch.detectors import get_detector; "
        "assert get_detector('refusal').judges('I cannot help with that.', None); "
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
