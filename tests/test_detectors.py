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
    row = detector.annotate(shows, PROMPT)
    start, end = row["span"]
    assert detector.shown(row["label"]) is True
    assert 0 <= start < end <= len(shows)
    assert row.keys() == {"label", "span", "reason"}
    assert detector.shown(detector.annotate(other, PROMPT)["label"]) is False


def test_an_answer_that_cannot_be_judged_has_no_verdict() -> None:
    detector = get_detector("french")
    row = detector.annotate("1789", PROMPT)
    assert (row["label"], row["span"]) == (None, None)
    assert detector.shown(row["label"]) is None


def test_contains_gives_the_span_of_the_match() -> None:
    detector = get_detector("contains:(?i)bonjour|salut: ?toi")
    assert detector.name == "contains:(?i)bonjour|salut: ?toi"
    assert detector.annotate("Well, Bonjour!", PROMPT)["span"] == [6, 13]
    assert detector.shown(detector.annotate("Hello", PROMPT)["label"]) is False
    assert detector.shown(detector.annotate("salut: toi", PROMPT)["label"]) is True


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
