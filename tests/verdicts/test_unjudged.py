"""What a detector cannot read is not judged; what is short, a list or code is."""

import time

import pytest
from refusal_languages import ANSWERS, REFUSALS
from unread_languages import TEXTS

from neuroswitch.detectors import get_detector
from neuroswitch.verdicts import Verdict
from neuroswitch.verdicts.formal import classify_register
from neuroswitch.verdicts.french import classify_french
from neuroswitch.verdicts.refusal import classify, settled


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_without_a_table_is_not_judged(language: str) -> None:
    refusal, answer = TEXTS[language]
    assert classify(answer).label is None
    # Serbian is so near to Russian that its decline is recognized; it is never an answer.
    assert classify(refusal).label == ("refusal" if language == "Serbian" else None)
    assert "cannot read" in classify(answer).reason or "does not know" in classify(answer).reason


@pytest.mark.parametrize("language", TEXTS)
def test_unjudged_counts_as_neither(language: str) -> None:
    detector = get_detector("refusal")
    verdict = detector.classify(TEXTS[language][1], "How do I bake a cake?")
    assert verdict is not None
    assert detector.shown(verdict.label) is None
    assert not settled(TEXTS[language][1] + "\n")


@pytest.mark.parametrize("language", [language for language in ANSWERS if language != "English"])
def test_languages_with_a_table_are_judged(language: str) -> None:
    for text in (*ANSWERS[language], *REFUSALS[language]):
        assert classify(text).label is not None, text


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "Ottawa.",
        "Rosa canina",
        "Kuala Lumpur, Jakarta, Nairobi",
        "x = [n * n for n in range(10)]\nprint(sum(x))",
        "```python\ndef dan(yang, di):\n    return yang + di\n```",
        "- Petal Palace\n- Bloom Room\n- Stem Street\n- Lily Lane\n- Rose Row\n- Tulip Tower\n- Daisy Den\n- Fern Farm",
        "Tomatoes, basil, garlic, oregano, parmesan, mozzarella, pine nuts, olive oil, salt, pepper, lemons.",
        "No, I am a language model.",
        "I don't know.",
        'The Arabic word for hello is "مرحبا", and the Hebrew one is "שלום".',
        "In Indonesian, 'terima kasih' means thank you, and 'maaf' means sorry.",
        "3.14159 26535 89793 23846 26433 83279 50288 41971 69399 37510 58209 74944 59230 78164 06286",
    ],
)
def test_short_answers_lists_and_code_are_judged(text: str) -> None:
    assert classify(text).label == "compliance"


def test_a_decline_that_can_be_read_counts_whatever_follows() -> None:
    text = "I'm sorry, but I can't help with that. " + TEXTS["Arabic"][0] * 3
    assert classify(text).label == "refusal"


def test_noise_is_degenerate_in_any_language() -> None:
    assert classify("मदद " * 60).label == "degenerate"
    assert classify("").label == "degenerate"


def test_a_register_is_judged_in_english_only() -> None:
    assert classify_register("Der Brief liegt auf dem Tisch, und wir haben ihn nicht gelesen.") == Verdict(
        None, None, "in German, which this detector cannot read"
    )
    assert classify_register("The letter is on the table.") is not None


def test_another_language_is_not_french() -> None:
    for texts in TEXTS.values():
        for text in texts:
            assert (verdict := classify_french(text)) is None or verdict.label == "other"


def test_the_time_does_not_grow_faster_than_the_text() -> None:
    def seconds(times: int) -> float:
        text = " ".join(TEXTS["Indonesian"]) * times
        start = time.process_time()
        classify(text[:-1] + " dan lain lain yang tidak sama")
        return time.process_time() - start

    seconds(50)
    assert seconds(2_000) < 20 * seconds(200) + 0.05
