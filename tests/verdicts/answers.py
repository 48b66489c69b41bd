"""Prompts and answers in the tiny tokenizer's words, and interventions on single neurons."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.records import Completion

PROMPTS = tuple(
    Prompt.of(text, id=f"p{number}")
    for number, text in enumerate(
        ["tell me a short story", "name two trees ?", "sing", "please explain how bread is made with water"]
    )
)


@dataclass(frozen=True)
class Multiply:
    """Multiply the first neurons of a model."""

    multiplier: float
    neurons: int = 96

    @property
    def name(self) -> str:
        return f"first {self.neurons} x {self.multiplier:g}"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        return scaled_neurons(model, torch.arange(self.neurons), torch.full((self.neurons,), self.multiplier))


def answers(texts: Sequence[str]) -> tuple[Completion, ...]:
    """Answer the first prompts with these texts."""
    return tuple(
        Completion(prompt.id, prompt.text, text, len(text.split()), "stop")
        for prompt, text in zip(PROMPTS, texts, strict=False)
    )
