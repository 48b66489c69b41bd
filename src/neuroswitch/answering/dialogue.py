"""Talking to a model untouched and steered side by side, each with its own memory of the talk."""

from dataclasses import dataclass

from neuroswitch.activations import Intervention
from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.chat import ChatFormat
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Message, Prompt


@dataclass(frozen=True)
class Dialogue:
    """Two conversations about the same questions.

    Attributes:
        untouched: What was said by and to the untouched model.
        steered: What was said by and to the steered one.
    """

    untouched: tuple[Message, ...] = ()
    steered: tuple[Message, ...] = ()


def ask_both(
    model: LanguageModel,
    intervention: Intervention,
    dialogue: Dialogue,
    question: str,
    *,
    decoding: Decoding = Decoding(),
    chat: ChatFormat = ChatFormat(),
) -> Dialogue:
    """Put a question to both; the answers are the last messages of the dialogue that is returned.

    Args:
        model: The model.
        intervention: What steers it.
        dialogue: What was said so far.
        question: What is said next.
        decoding: Length of the answers.
        chat: System prompt and thinking mode.
    """

    def answer(history: tuple[Message, ...]) -> tuple[Message, ...]:
        said = (*history, Message("user", question))
        (completion,) = generate(model, [Prompt(said)], decoding=decoding, chat=chat)
        return (*said, Message("assistant", completion.text))

    untouched = answer(dialogue.untouched)
    with intervention.applied(model):
        steered = answer(dialogue.steered)
    return Dialogue(untouched, steered)
