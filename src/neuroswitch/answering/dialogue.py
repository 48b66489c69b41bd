"""The same questions to the untouched and the steered model, each with its own conversation."""

from dataclasses import dataclass

from neuroswitch.activations import Intervention
from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.chat import ChatFormat
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Message, Prompt


@dataclass(frozen=True)
class Dialogue:
    """The messages of two conversations, one with the untouched and one with the steered model."""

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
    """Ask the untouched and the steered model a question; return both conversations with the answers."""

    def answered(history: tuple[Message, ...]) -> tuple[Message, ...]:
        messages = (*history, Message("user", question))
        (completion,) = generate(model, [Prompt(messages)], decoding=decoding, chat=chat)
        return (*messages, Message("assistant", completion.text))

    untouched = answered(dialogue.untouched)
    with intervention.applied(model):
        return Dialogue(untouched, answered(dialogue.steered))
