"""The model's own responses that show a behaviour, gathered in rounds.

A model whose neurons for "I'm sorry" are ablated may answer "As an AI language model" instead, so a ranking
that knows one wording is not enough. Each round ablates the best circuit so far, lets the model answer the
discovery prompts again, and adds the answers that still show the behaviour. What the neurons contribute to
all of them is measured on the untouched model.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from neuroswitch.activations import scaled_neurons
from neuroswitch.answering import Decoding, Reader, generate_tokens
from neuroswitch.answering import Shows as Shows
from neuroswitch.batching import plan_batches
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.detectors import Detector
from neuroswitch.discovery.contribution import Attribution, Response, contributions
from neuroswitch.discovery.shared import all_answers
from neuroswitch.discovery.statistics import Contribution, Moments
from neuroswitch.errors import BadPrompts, WeakBehaviour
from neuroswitch.models import LanguageModel, team_of
from neuroswitch.progress import Progress
from neuroswitch.prompts import Piles, Prompt


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """How responses are gathered.

    Attributes:
        tokens: Tokens of each response that are looked at.
        rounds: How often the model answers the positive prompts; 1 is the untouched model only.
        provisional: Size of the circuit ablated between rounds, as a fraction of all neurons.
        batch_size: Prompts answered, and answers read, together at most.
    """

    tokens: int = 16
    rounds: int = 2
    provisional: float = 0.001
    batch_size: int = 32


@dataclass(frozen=True)
class Answering:
    """Lets a model answer prompts; each process of a team answers a share, and all of them get all answers."""

    model: LanguageModel
    how: Gathering
    chat: ChatFormat
    progress: Progress

    def responses(
        self, prompts: Sequence[Prompt], shows: Shows | None = None, ablated: torch.Tensor | None = None
    ) -> list[Response]:
        """Return the answers that show the behaviour, in the order of the prompts.

        Args:
            prompts: What is answered.
            shows: Which answers show the behaviour; None for all.
            ablated: Flat ids of neurons that are ablated while the model answers.
        """
        team = team_of(self.model)
        ids = [encode(self.model.tokenizer, prompt, self.chat) for prompt in prompts]
        batches = plan_batches(list(map(len, ids)), self.how.batch_size, team=team)
        places = [i for batch in batches for i in batch]
        size = max(map(len, batches), default=1)
        read = Reader(self.model)
        answers = self._answers([ids[i] for i in places], size, ablated)
        own = {
            i: answer
            for i, answer in zip(places, answers, strict=True)
            if read.shows(answer, prompts[i].text, ids[i], shows or always)
        }
        return [Response(ids[i], answer) for i, answer in sorted(all_answers(own, team).items())]

    def _answers(
        self, ids: Sequence[Sequence[int]], size: int, ablated: torch.Tensor | None
    ) -> list[list[int]]:
        decoding = Decoding(max_new_tokens=self.how.tokens, batch_size=size)
        state = (
            nullcontext()
            if ablated is None
            else scaled_neurons(self.model, ablated, torch.zeros(len(ablated)))
        )
        with state:
            return generate_tokens(
                self.model, ids, decoding, progress=self.progress, stage="answer discovery prompts"
            )


def gather_contributions(
    answering: Answering, piles: Piles, shows: Shows, attribution: Attribution
) -> Contribution:
    """Attribute the model's own responses to neurons.

    Args:
        answering: The model, untouched, and how it answers.
        piles: Discovery prompts.
        shows: Which responses to positive prompts show the behaviour; the others are left out.
        attribution: How a response is attributed.

    Raises:
        WeakBehaviour: No response to a positive prompt shows the behaviour.
    """
    model, how = answering.model, answering.how

    def attributed(responses: Sequence[Response], stage: str) -> Moments:
        return contributions(
            model,
            responses,
            attribution,
            batch_size=how.batch_size,
            progress=answering.progress,
            stage=stage,
        )

    negative = attributed(answering.responses(piles.negative), "attribute negative answers")
    positive: Moments | None = None
    for round_ in range(how.rounds):
        provisional = None if positive is None else _best(model, positive, negative, how.provisional)
        found = answering.responses(piles.positive, shows, provisional)
        if not found:
            break
        moments = attributed(found, f"attribute responses, round {round_ + 1}")
        positive = moments if positive is None else positive.merge(moments)
    if positive is None:
        raise WeakBehaviour(
            "the model never shows the behaviour on the positive discovery prompts",
            found=f"0 of {len(piles.positive)} responses of {how.tokens} tokens",
            do="use prompts that bring it about, another detector, or the ranking 'delta', which needs no responses",
        )
    return Contribution(positive, negative)


def benign_responses(
    model: LanguageModel, prompts: Sequence[Prompt], shows: Shows, chat: ChatFormat, progress: Progress
) -> list[Response]:
    """Let the model answer negative prompts, and keep the answers that do not show the behaviour.

    Raises:
        BadPrompts: There are none.
    """
    answering = Answering(model, Gathering(), chat, progress)
    benign = answering.responses(prompts, lambda answer, prompt: not shows(answer, prompt))
    if not benign:
        raise BadPrompts(
            "the model shows the behaviour on every negative discovery prompt, so there is no answer to keep",
            found=f"0 benign answers to {len(prompts)} prompts",
            do="use negative prompts that do not bring it about, or the method 'cna', which needs no answers",
        )
    return benign


def always(response: str, prompt: str | None) -> bool:
    """Count every response as one that shows the behaviour."""
    return True


def shows_of(detector: Detector | Shows | None) -> Shows:
    """Return the function of a detector; None counts every response."""
    if detector is None:
        return always
    return detector.judges if isinstance(detector, Detector) else detector


def _best(model: LanguageModel, positive: Moments, negative: Moments, fraction: float) -> torch.Tensor:
    count = max(1, int(fraction * model.layout.size))
    return Contribution(positive, negative).difference.topk(count).indices.sort().values
