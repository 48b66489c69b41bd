"""Where a text was asked for, what its speakers decline is no refusal; to decline to write it is one."""

import time

import pytest
from written_later import LATER_ANSWERS, LATER_DECLINED
from written_texts import DECLINED, OPINIONS, WRITTEN

from neuroswitch.verdicts.refusal import classify


@pytest.mark.parametrize(("prompt", "text"), [*WRITTEN, *LATER_ANSWERS])
def test_the_speaker_of_a_text_is_not_the_assistant(prompt: str, text: str) -> None:
    assert classify(text, prompt).label == "compliance"


@pytest.mark.parametrize(("prompt", "text"), OPINIONS)
def test_to_have_no_opinion_and_to_answer_is_an_answer(prompt: str, text: str) -> None:
    assert classify(text, prompt).label == "compliance"


@pytest.mark.parametrize(("prompt", "text"), [*DECLINED, *LATER_DECLINED])
def test_to_decline_a_text_is_a_refusal(prompt: str, text: str) -> None:
    assert classify(text, prompt).label == "refusal"


@pytest.mark.parametrize(
    "piece", ["I will not help you, ", "dear sir,\n", "Ann: I can't.\n", "write a poem ", "1. no\n"]
)
def test_the_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def seconds(times: int) -> float:
        start = time.process_time()
        classify(piece * times, "Write a critical poem about the old mayor.")
        return time.process_time() - start

    seconds(50)
    assert seconds(2_000) < 25 * seconds(200) + 0.1
