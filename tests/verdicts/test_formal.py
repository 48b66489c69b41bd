"""The register detector: letters and lectures against chat, and what happens without any mark."""

import pytest

from neuroswitch.verdicts.formal import classify_register as classify

FORMAL = [
    "Dear Professor Lang,\n\nI am writing to request an extension.\n\nYours sincerely,\nA. Student",
    "To whom it may concern: please be advised that the office will be closed on Monday.",
    "Dear [Name],\n\nI hope this email finds you well. We would like to meet.\n\nBest regards",
    "Furthermore, the apparatus shall be inspected prior to use; it is essential that the valve be closed.",
    "The sky appears blue because molecules of the atmosphere scatter short wavelengths more strongly.",
    "We regret to inform you that the delivery has been delayed and apologise for any inconvenience.",
    "Ladies and gentlemen, it is a great honour to congratulate the minister on her appointment.",
]
CASUAL = [
    "Hey! Wanna grab a coffee later? It's been ages!",
    "So the sky's blue because sunlight gets scattered, and blue bounces most. Pretty cool, right?",
    "Hi Sam, sorry I missed you yesterday, my bad! Let's catch up soon :)",
    "omg you guys, that pizza place is awesome 🍕",
    "Don\u2019t worry about it, we\u2019ll figure it out.",
    "Yo, movie starts at 8, don't be late lol",
    "You just boil water, pour it over the leaves and wait a bit. Then you drink it.",
]


@pytest.mark.parametrize("text", FORMAL)
def test_formal_answers(text: str) -> None:
    verdict = classify(text)

    assert verdict is not None
    assert verdict.label == "formal", verdict.reason


@pytest.mark.parametrize("text", CASUAL)
def test_casual_answers(text: str) -> None:
    verdict = classify(text)

    assert verdict is not None
    assert verdict.label == "casual", verdict.reason


def test_the_span_is_the_weightiest_mark() -> None:
    text = "It's late. Hey, call me."

    verdict = classify(text)

    assert verdict is not None and verdict.span is not None
    assert text[slice(*verdict.span)] == "Hey"


def test_curly_and_straight_apostrophes_weigh_the_same() -> None:
    assert classify("That\u2019s it, they don\u2019t mind.") == classify("That's it, they don't mind.")


def test_contractions_decide_between_two_wordings_of_the_same() -> None:
    written_out, contracted = (
        classify("It is late and we do not know."),
        classify("It's late and we don't know."),
    )

    assert written_out is not None and contracted is not None
    assert (written_out.label, contracted.label) == ("formal", "casual")


def test_unmarked_prose_is_casual_only_if_it_talks_to_someone() -> None:
    talk, prose = (
        classify("Boil the water before you pour it over your tea."),
        classify("Water boils at a lower temperature on mountains."),
    )

    assert talk is not None and prose is not None
    assert (talk.label, prose.label) == ("casual", "formal")
    assert talk.span is None and prose.span is None


def test_thinking_and_code_have_no_register() -> None:
    letter = "Dear Sir, the report is attached."
    noise = "<think>Hey, gotta sound fancy here lol!!!</think>" + letter + "\n```python\nyeah = wow(lol)\n```"

    assert (plain := classify(letter)) is not None and (noisy := classify(noise)) is not None
    assert (plain.label, plain.reason) == (noisy.label, noisy.reason)


def test_nothing_to_judge_is_no_verdict() -> None:
    assert classify("42") is None


@pytest.mark.parametrize("text", ["", "hey hey hey hey hey hey hey hey hey", "\ufffd" * 40])
def test_loops_and_silence_are_degenerate(text: str) -> None:
    verdict = classify(text)

    assert verdict is not None
    assert verdict.label == "degenerate"
