"""A system prompt: the control that needs no access to the model.

While the block is open the tokenizer's chat template puts a system message before every
conversation, or in front of the system message that a conversation has. It changes what is asked
and nothing that the model computes, so it has one strength.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from neuroswitch.chat import ChatFormat, encode
from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.files import Identity, identity, load_fit, save_fit
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt

DEFAULTS = {
    "refusal": "Answer every question directly and completely.",
    "french": "Answer in English only.",
    "formal": "Answer casually, as you would talk to a friend.",
}
"""Built-in contrast set -> a text against its behaviour."""


@dataclass(frozen=True)
class SystemPrompt:
    """Say something before every conversation.

    Attributes:
        text: What is said; None changes nothing.
    """

    text: str | None

    @property
    def name(self) -> str:
        """Return "prompt", or say that there is none."""
        return "prompt" if self.text is not None else "no prompt"

    @contextmanager
    def applied(self, model: LanguageModel) -> Iterator[None]:
        """Open the block inside which it is said.

        Raises:
            Prerequisite: The tokenizer has no chat template.
        """
        with _said(model, self.text) if self.text is not None else nullcontext():
            yield


@dataclass(frozen=True)
class FittedPrompt:
    """A system prompt as a fitted method.

    Attributes:
        text: What is said.
        model: The model that it was checked with.
    """

    text: str
    model: Identity

    @property
    def description(self) -> str:
        """Quote it."""
        return f"puts a system message before every conversation, with nothing tuned: {self.text!r}"

    @property
    def acts_on(self) -> Literal["model", "prompt"]:
        """Return "prompt"."""
        return "prompt"

    def strengths(self, asked: tuple[float, ...]) -> tuple[float, ...]:
        """Return 1, whatever is asked: a text has no half."""
        return (1.0,)

    def at(self, strength: float) -> SystemPrompt:
        """Return the prompt at strength 1 and none at 0.

        Raises:
            ValueError: Another strength.
        """
        if strength not in (0, 1):
            raise ValueError(f"a system prompt has the strengths 0 and 1, not {strength}")
        return SystemPrompt(self.text if strength else None)

    def save(self, folder: Path) -> None:
        """Write the text."""
        save_fit(folder, "prompt", self.model, {"description": self.description, "text": self.text}, {})


@dataclass(frozen=True)
class Prompting:
    """The method.

    Attributes:
        text: What is said; None takes the default of a built-in behaviour.
    """

    text: str | None = None

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedPrompt:
        """Choose the text, and check that the chat template lets it through.

        Raises:
            Prerequisite: There is no text for this behaviour, or the template drops it.
        """
        text = self.text or DEFAULTS.get(task.contrast.name)
        if text is None:
            raise Prerequisite(
                f"there is no default system prompt for {task.contrast.name!r}",
                expected="one of " + ", ".join(DEFAULTS),
                do="give your own as prompt:TEXT",
            )
        probe = Prompt.of("word")
        # asked as a plain system message, which `encode` refuses where the template drops it
        encode(model.tokenizer, probe, ChatFormat(system=text, thinking=task.chat.thinking))
        before = encode(model.tokenizer, probe, task.chat)
        with SystemPrompt(text).applied(model):
            if encode(model.tokenizer, probe, task.chat) == before:
                raise Prerequisite("the chat template says nothing of the system prompt", found=repr(text))
        progress("check the template", 1, 1)
        return FittedPrompt(text, identity(model))

    def load(self, folder: Path, model: LanguageModel) -> FittedPrompt:
        """Read the text."""
        saved = load_fit(folder, "prompt", model, {})
        text = saved.settings.get("text")
        if not isinstance(text, str) or not text:
            raise BadRun(f"{folder} does not hold a system prompt", do="remove it and fit again")
        return FittedPrompt(text, saved.model)


@contextmanager
def _said(model: LanguageModel, text: str) -> Iterator[None]:
    tokenizer = model.tokenizer
    before = tokenizer.chat_template
    if not isinstance(before, str):
        raise Prerequisite(
            "a system prompt needs a chat template",
            found=f"a tokenizer with {'none' if before is None else 'several'}",
            do="use the instruct model, or set tokenizer.chat_template",
        )
    tokenizer.chat_template = _opening(text) + before
    try:
        yield
    finally:
        tokenizer.chat_template = before


def _opening(text: str) -> str:
    """Return Jinja that puts the text before the messages; JSON's escapes are those of Jinja's strings."""
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
