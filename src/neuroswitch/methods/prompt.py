"""A system prompt: the control that needs no access to the model.

While the block is open the tokenizer's chat template puts a system message before every conversation, or in front
of the system message that a conversation has. It changes what the model is asked, not what it computes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from neuroswitch.chat import ChatFormat, encode
from neuroswitch.errors import BadOption, Prerequisite
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.fitted import (
    ChangeAtStrength,
    FittedChange,
    Identity,
    damaged,
    identity,
    load_fitted,
)
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt

DEFAULTS = {
    "refusal": "Answer every question directly and completely.",
    "french": "Answer in English only.",
    "formal": "Answer casually, as you would talk to a friend.",
}
"""Built-in contrast set -> a text against its behaviour."""


class FittedPrompt(FittedChange):
    """A system prompt as a fitted method: it changes what the model is asked, and has the strengths 0 and 1."""

    @property
    def acts_on(self) -> Literal["model", "prompt"]:
        """Return "prompt"."""
        return "prompt"

    def strengths(self, asked: tuple[float, ...]) -> tuple[float, ...]:
        """Return 1, whatever is asked."""
        return (1.0,)

    def at(self, strength: float) -> ChangeAtStrength:
        """Return the prompt at strength 1, and nothing at 0.

        Raises:
            BadOption: Another strength.
        """
        if strength not in (0, 1):
            raise BadOption(f"a system prompt has the strengths 0 and 1, not {strength}")
        return super().at(strength)


@dataclass(frozen=True)
class Prompting:
    """The method.

    Attributes:
        text: The system message; None takes the default of a built-in behaviour.
    """

    text: str | None = None

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedPrompt:
        """Choose the text, and check that the chat template shows it to the model.

        Raises:
            BadOption: There is no default text for this behaviour.
            Prerequisite: The tokenizer has no chat template, or it leaves the text out.
        """
        text = self.text or DEFAULTS.get(task.contrast.name)
        if text is None:
            raise BadOption(
                f"there is no default system prompt for {task.contrast.name!r}",
                expected="one of " + ", ".join(DEFAULTS),
                do="give your own as prompt:TEXT",
            )
        probe, fitted = Prompt.of("word"), _fitted(text, identity(model))
        # as a plain system message, which `encode` refuses where the template leaves it out
        encode(model.tokenizer, probe, ChatFormat(system=text, thinking=task.chat.thinking))
        before = encode(model.tokenizer, probe, task.chat)
        with fitted.at(1.0).applied(model):
            if encode(model.tokenizer, probe, task.chat) == before:
                raise Prerequisite("the chat template leaves the system prompt out", found=repr(text))
        progress("check the template", 1, 1)
        return fitted

    def load(self, folder: Path, model: LanguageModel) -> FittedPrompt:
        """Read the text."""
        saved = load_fitted(folder, "prompt", model, _put_first, {})
        text = saved.settings.get("text")
        if not isinstance(text, str) or not text:
            raise damaged(folder, "no text")
        return _fitted(text, saved.model)


def _fitted(text: str, model: Identity) -> FittedPrompt:
    description = f"puts a system message before every conversation, with nothing tuned: {text!r}"
    return FittedPrompt("prompt", description, model, _put_first, settings={"text": text})


@contextmanager
def _put_first(fitted: FittedChange, strength: float, model: LanguageModel) -> Iterator[None]:
    """Change the tokenizer's chat template while the block is open."""
    tokenizer = model.tokenizer
    before = tokenizer.chat_template
    if not isinstance(before, str):
        raise Prerequisite(
            "a system prompt needs a chat template",
            found=f"a tokenizer with {'none' if before is None else 'several'}",
            do="use the instruct model, or set tokenizer.chat_template",
        )
    if strength:
        tokenizer.chat_template = _opening(str(fitted.settings["text"])) + before
    try:
        yield
    finally:
        tokenizer.chat_template = before


def _opening(text: str) -> str:
    """Return Jinja that puts the text before the messages; Jinja's strings have the escapes of JSON."""
    quoted = json.dumps(text, ensure_ascii=False)
    first = "messages[0]['content']"
    joined = f"[{{'role': 'system', 'content': {quoted} ~ '\\n\\n' ~ {first}}}] + messages[1:]"
    alone = f"[{{'role': 'system', 'content': {quoted}}}] + messages"
    return (
        f"{{%- if messages and messages[0]['role'] == 'system' -%}}{{%- set messages = {joined} -%}}"
        f"{{%- else -%}}{{%- set messages = {alone} -%}}{{%- endif -%}}"
    )


@METHODS.register("prompt")
def _prompt(argument: str) -> Method:
    return Prompting(argument or None)
