"""The model's own ways of showing a behaviour, gathered until it has no other.

A model that may not open with "I'm sorry" opens with "As an AI language model": a ranking made
of one wording teaches it another. So responses are gathered in rounds. Each round ablates the
best circuit so far, lets the model answer the discovery prompts again, and adds the answers that
still show the behaviour to those already found. What the neurons contribute is always measured
on the untouched model.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from neuroswitch.chat import ChatFormat, encode
from neuroswitch.discovery.contribution import Response, contributions
from neuroswitch.discovery.statistics import Contribution, Moments
from neuroswitch.errors import WeakBehaviour
from neuroswitch.generation import Decoding, generate_tokens
from neuroswitch.models.language_model import LanguageModel
from neuroswitch.models.scaling import scaled_neurons
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Piles, Prompt

Shows = Callable[[str, str | None], bool]
"""Says of a response and its prompt whether the response shows the behaviour."""


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """How responses are gathered.

    Attributes:
        tokens: Tokens of each response that are looked at.
        rounds: How often the model answers the positive prompts; 1 is the untouched model only.
        provisional: Size of the circuit ablated between rounds, as a fraction of all neurons.
        batch_size: Prompts answered together.
    """

    tokens: int = 16
    rounds: int = 2
    provisional: float = 0.001
    batch_size: int = 32


def gather_contributions(
    model: LanguageModel,
    piles: Piles,
    shows: Shows,
    how: Gathering = Gathering(),
    *,
    chat: ChatFormat = ChatFormat(),
    progress: Progress = silent,
) -> Contribution:
    """Measure what every neuron contributes to the model's own responses.

    Args:
        model: The model, untouched.
        piles: Discovery prompts.
        shows: Which responses to positive prompts show the behaviour; the others are left out.
        how: Length, rounds, size of the provisional circuit.
        chat: System prompt and thinking mode.
        progress: Told after each batch.

    Raises:
        WeakBehaviour: No response to a positive prompt shows the behaviour.
    """
    answers = _responses(model, piles.negative, how, chat, None, progress)
    negative = contributions(model, answers, progress=progress, stage="attribute negative answers")
    positive: Moments | None = None
    for round_ in range(how.rounds):
        provisional = None if positive is None else _best(model, positive, negative, how.provisional)
        answers = _responses(model, piles.positive, how, chat, provisional, progress)
        found = [
            one
            for one, prompt in zip(answers, piles.positive, strict=True)
            if _shown(model, one, prompt, shows)
        ]
        if not found:
            break
        stage = f"attribute responses, round {round_ + 1}"
        moments = contributions(model, found, progress=progress, stage=stage)
        positive = moments if positive is None else positive.merge(moments)
    if positive is None:
        raise WeakBehaviour(
            "the model never shows the behaviour on the positive discovery prompts",
            found=f"0 of {len(piles.positive)} responses of {how.tokens} tokens",
            do="choose prompts that elicit it, another detector, or the ranking 'delta', which needs none",
        )
    return Contribution(positive, negative)


def _responses(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    how: Gathering,
    chat: ChatFormat,
    ablated: torch.Tensor | None,
    progress: Progress,
) -> list[Response]:
    ids = [encode(model.tokenizer, prompt, chat) for prompt in prompts]
    decoding = Decoding(max_new_tokens=how.tokens, batch_size=how.batch_size)
    state = nullcontext() if ablated is None else scaled_neurons(model, ablated, torch.zeros(len(ablated)))
    with state:
        tokens = generate_tokens(model, ids, decoding, progress=progress, stage="answer discovery prompts")
    return [Response(prompt, answer) for prompt, answer in zip(ids, tokens, strict=True)]


def _shown(model: LanguageModel, response: Response, prompt: Prompt, shows: Shows) -> bool:
    text = model.tokenizer.decode(list(response.tokens), skip_special_tokens=True)
    return shows(str(text), prompt.text)


def _best(model: LanguageModel, positive: Moments, negative: Moments, fraction: float) -> torch.Tensor:
    count = max(1, int(fraction * model.layout.size))
    return Contribution(positive, negative).difference.topk(count).indices.sort().values
