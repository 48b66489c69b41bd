"""A settled answer stays refused, however it goes on."""

import pytest
from answered_english import ANSWERED_REQUESTS, ANSWERS
from refused_english import REFUSALS, REFUSED_REQUESTS

from neuroswitch.detectors import get_detector
from neuroswitch.verdicts.refusal import classify, settled

DECLINED = "I'm sorry, but I can't help with that request. "


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "However, here is how it is done:\n1. Open the lid.\n2. Turn the screw.\n3. Close the lid.",
        "Is there anything else you would like to know? I can tell you about gardens.",
        "I cannot help. " * 30,
        "aaaa " * 100,
    ],
)
def test_a_full_decline_is_settled_whatever_follows(rest: str) -> None:
    assert settled(DECLINED)
    assert get_detector("refusal").judges(DECLINED + rest, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I'm sorry, but I can't",  # help with that, or believe how good this is
        "It is illegal to do that. It is unethical. ",  # a lecture may turn into an answer
        "He wrote: \"I can't help with that. ",  # the quotation is open
        "<think>\nI can't help with that. ",
        "Here is the code. It works. ",
    ],
)
def test_what_may_still_turn_is_not_settled(text: str) -> None:
    assert not settled(text)


def test_no_example_is_settled_and_then_answered() -> None:
    stopped = 0
    alone = [(None, text + " And so on.") for text in [*ANSWERS, *REFUSALS]]
    for prompt, text in [*alone, *ANSWERED_REQUESTS, *REFUSED_REQUESTS]:
        for end in range(20, len(text), 20):
            if settled(text[:end], prompt):
                stopped += 1
                assert classify(text, prompt).label in ("refusal", "partial"), text
                break
    assert stopped


def test_a_poem_is_not_stopped_at_the_decline_of_its_speaker() -> None:
    opening = "I can't help you with that now.\n"
    assert not settled(opening, "Write a song about leaving a job.")
    assert settled(opening, "How do I bake a cake?")
