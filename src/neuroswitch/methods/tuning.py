"""How settings of methods are chosen: on validation prompts, by the behaviour that is left at a given damage.

`screen` is cheap and looks at the first token of the answer only. `choose_at_damage` brings each candidate to the
strength at which its divergence on benign answers reaches the task's limit, lets the model answer there, and takes
the candidate with the lowest rate. So all methods are tuned by one rule and one limit. Test prompts are never used.

Source of the screening: bypass score and KL of Arditi et al. (arXiv:2406.11717), with the opening tokens of the
model's own answers instead of a list written by hand.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import Intervention, divergence, next_token_log_probabilities, read_outputs
from neuroswitch.answering import Reader, generate_tokens
from neuroswitch.batching import compute_prefix
from neuroswitch.discovery import Answering, Gathering, Response
from neuroswitch.errors import WeakBehaviour
from neuroswitch.methods.base import Task
from neuroswitch.methods.damage import CLOSE, STRONGEST, BenignAnswers, answer_states, strength_at
from neuroswitch.methods.differences import tokens_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress
from neuroswitch.prompts import Prompt

PROMPTS = 24
"""Validation prompts that are answered for each setting that is attempted."""

BENIGN, BENIGN_TOKENS = 24, 16
"""Negative validation prompts whose untouched answers show damage, and the tokens of each, at most."""

SCREENED = 8
"""Validation prompts of each pile that are read for each setting that is screened."""

N_GRAM = 4
LEAST_DISTINCT = 0.05
"""How far the share of distinct 4-grams may fall below the untouched model's."""

MOST_SURPRISE = 1.0
"""How many nats less likely to the untouched model the median token of an answer may be than its own is."""


@dataclass(frozen=True)
class Trial:
    """Properties of the answers to validation prompts in one setting.

    Attributes:
        rate: Share of answers that show the behaviour, 0-1.
        distinct: Share of 4-grams of tokens that repeat no earlier one of the same answer, 0-1.
        surprise: Median over all answers' tokens of -log p under the untouched model, nats. The median, because
            in an answer with other content a few tokens are unlikely, and in noise most are.
        kl: KL(untouched || changed) on the untouched model's own benign answers, nats per token.
    """

    rate: float
    distinct: float
    surprise: float
    kl: float = 0.0

    def harms(self, baseline: "Trial", most_kl: float) -> bool:
        """Return whether answers are more repetitive or unlikely than untouched ones, or benign ones change more."""
        return (
            self.kl > (1 + CLOSE) * most_kl
            or self.distinct < baseline.distinct - LEAST_DISTINCT
            or self.surprise > baseline.surprise + MOST_SURPRISE
        )

    def __str__(self) -> str:
        return (
            f"rate {self.rate:.2f}, KL {self.kl:.3f} nats per token on benign answers, distinct 4-grams "
            f"{self.distinct:.2f}, median surprise {self.surprise:.2f} nats"
        )


@dataclass(frozen=True, eq=False)
class Validation:
    """Validation prompts as tokens, and results of the untouched model on them.

    Attributes:
        positive: Token ids of the positive prompts that are answered.
        questions: Their texts.
        screened: Those positive prompts that showed the behaviour most likely, for screening.
        negative: Token ids of the negative prompts, for screening.
        baseline: The untouched model's answers.
        openings: Tokens with which answers that show the behaviour begin, and others do not.
        untouched: Its next-token log-probabilities behind the negative prompts.
        benign: Its answers to negative prompts that do not show the behaviour.
    """

    positive: list[list[int]]
    questions: list[str]
    screened: list[list[int]]
    negative: list[list[int]]
    baseline: Trial
    openings: tuple[int, ...]
    untouched: Float[Tensor, "negative vocabulary"]
    benign: BenignAnswers

    def compared(self, trial: Trial) -> str:
        """Return a trial beside that of the untouched model, for descriptions."""
        return f"{trial}, against {self.baseline} untouched"


def validation_of(model: LanguageModel, task: Task, *, progress: Progress) -> Validation:
    """Let the untouched model answer the validation prompts, or take the answers that are known.

    Raises:
        WeakBehaviour: None of its answers shows the behaviour.
    """
    if task.known is None:
        return _validated(model, task, progress)
    if task.known.validation is None:
        task.known.validation = _validated(model, task, progress)
    return task.known.validation


def _validated(model: LanguageModel, task: Task, progress: Progress) -> Validation:
    piles = task.contrast.validation
    prompts = piles.positive[:PROMPTS]
    positive = tokens_of(model, prompts, task)
    negative = tokens_of(model, piles.negative[:SCREENED], task)
    questions = [prompt.text for prompt in prompts]
    answers = generate_tokens(model, positive, task.decoding, progress=progress, stage="answer untouched")
    shown = _shown(model, task, answers, zip(positive, questions, strict=True))
    if not any(shown):
        raise WeakBehaviour(
            "the model never shows the behaviour on the validation prompts",
            found=f"0 of {len(shown)} answers of {task.decoding.max_new_tokens} tokens",
            do="use prompts that bring it about, or another detector",
        )
    untouched = _log_probabilities(model, negative)
    return Validation(
        positive=positive,
        questions=questions,
        screened=[row for row, one in zip(positive, shown, strict=True) if one][:SCREENED],
        negative=negative,
        baseline=_trial(model, positive, answers, shown),
        openings=_openings(answers, shown, untouched.argmax(-1).tolist()),
        untouched=untouched,
        benign=_benign_answers(model, task, piles.negative[:BENIGN], progress),
    )


def _benign_answers(
    model: LanguageModel, task: Task, prompts: Sequence[Prompt], progress: Progress
) -> BenignAnswers:
    """Let the untouched model answer negative prompts, and keep the answers that do not show the behaviour.

    Where all of them show it, all are kept: then its removal counts as damage, for every candidate alike.
    """
    how = Gathering(tokens=BENIGN_TOKENS, batch_size=task.decoding.batch_size)
    answering = Answering(model, how, task.chat, progress)
    kept = answering.responses(prompts, task.shows_not) or answering.responses(prompts)
    return BenignAnswers.of(model, kept)


def screen(model: LanguageModel, validation: Validation, intervention: Intervention) -> tuple[float, float]:
    """Measure the first token of the answers in one setting.

    Returns:
        Mean log odds, on positive prompts that showed the behaviour, of a first token that opens answers which
        show it; and mean KL(untouched || changed) on negative prompts, in nats.
    """
    with intervention.applied(model):
        odds = opening_odds(model, validation, validation.screened)
        changed = _log_probabilities(model, validation.negative)
    before = validation.untouched
    return odds, float(divergence(before, changed).mean())


def opening_odds(model: LanguageModel, validation: Validation, ids: Sequence[Sequence[int]]) -> float:
    """Return the mean log odds of a first token that opens answers which show the behaviour, in the current state."""
    likely = _log_probabilities(model, ids)[:, list(validation.openings)].exp().sum(-1)
    return float(torch.logit(likely.double(), eps=1e-6).mean())


def attempt(model: LanguageModel, task: Task, validation: Validation, intervention: Intervention) -> Trial:
    """Let the model answer the validation prompts in one setting, and measure its damage."""
    with intervention.applied(model):
        answers = generate_tokens(model, validation.positive, task.decoding)
    shown = _shown(model, task, answers, zip(validation.positive, validation.questions, strict=True))
    found = _trial(model, validation.positive, answers, shown)
    return replace(found, kl=validation.benign.kl(model, intervention))


class Choice(NamedTuple):
    """The candidate that was chosen, the strength at which it was tried, and how it was chosen, in words."""

    place: int
    strength: float
    how: str


def choose_at_damage(
    model: LanguageModel,
    task: Task,
    validation: Validation,
    candidates: Sequence[Callable[[float], Intervention]],
    progress: Progress,
    *,
    strongest: float = STRONGEST,
) -> Choice:
    """Choose between candidates, each at the strength at which its damage reaches the task's limit.

    Args:
        model: The model, untouched.
        task: Its `most_kl` is the limit.
        validation: Prompts that no candidate was fitted to.
        candidates: From a strength to an intervention; where two are level, the earlier one is taken.
        progress: Called after each candidate.
        strongest: The largest strength that makes sense; 1 where 1 removes everything.
    """
    strengths, trials = [], []
    for done, at in enumerate(candidates, start=1):
        damage = partial(_damage, model, validation, at)
        strengths.append(strength_at(damage, task.most_kl, strongest=strongest))
        trials.append(attempt(model, task, validation, at(strengths[-1])))
        progress("answer validation prompts at the damage allowed", done, len(candidates))
    place = best(trials, validation.baseline, task.most_kl)
    prompts = len(validation.positive)
    how = f"chosen on {prompts} validation prompts: {validation.compared(trials[place])}"
    return Choice(place, strengths[place], how)


def _damage(
    model: LanguageModel, validation: Validation, at: Callable[[float], Intervention], strength: float
) -> float:
    return validation.benign.kl(model, at(strength))


def best(trials: Sequence[Trial], baseline: Trial, most_kl: float) -> int:
    """Return the place of the setting with the lowest rate among those that do no harm.

    Among equals it is the first; where all do harm, the one with the lowest divergence.
    """
    harmless = [i for i, trial in enumerate(trials) if not trial.harms(baseline, most_kl)]
    if harmless:
        return min(harmless, key=lambda i: trials[i].rate)
    return min(range(len(trials)), key=lambda i: trials[i].kl)


def _openings(
    answers: Sequence[Sequence[int]], shown: Sequence[bool], others: Sequence[int]
) -> tuple[int, ...]:
    """Return the tokens that begin more answers that show the behaviour than others, or else all that begin one."""
    begun = Counter(answer[0] for answer, one in zip(answers, shown, strict=True) if one and answer)
    other = Counter(answer[0] for answer, one in zip(answers, shown, strict=True) if not one and answer)
    other.update(others)
    telling = [token for token, count in begun.items() if count > other[token]]
    return tuple(sorted(telling or begun))


def _trial(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    shown: Sequence[bool],
) -> Trial:
    grams = [
        [tuple(answer[start : start + N_GRAM]) for start in range(len(answer) - N_GRAM + 1)]
        for answer in answers
    ]
    total = sum(map(len, grams))
    distinct = sum(len(set(each)) for each in grams) / total if total else 1.0
    return Trial(sum(shown) / len(shown), distinct, _surprise(model, prompts, answers))


def _surprise(
    model: LanguageModel, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> float:
    """Return the median -log p of all answers' tokens in the current state of the model."""
    responses = [Response(*one) for one in zip(prompts, answers, strict=True)]
    states = answer_states(model, responses).split([len(one.tokens) for one in responses])
    found = [
        -next_token_log_probabilities(model, hidden).gather(1, torch.tensor(one.tokens)[:, None])[:, 0]
        for one, hidden in zip(responses, states, strict=True)
        if one.tokens
    ]
    return float(torch.cat(found).median())


def _log_probabilities(
    model: LanguageModel, ids: Sequence[Sequence[int]]
) -> Float[Tensor, "rows vocabulary"]:
    """Return next-token log-probabilities behind each prompt, in the current state of the model."""
    prefix = compute_prefix(model, ids)
    hidden = read_outputs(model, ids, [[len(row) - 1] for row in ids], [""], prefix)[:, 0]
    return next_token_log_probabilities(model, hidden)


def _shown(
    model: LanguageModel,
    task: Task,
    answers: Sequence[Sequence[int]],
    asked: Iterable[tuple[Sequence[int], str]],
) -> list[bool]:
    """Return of each answer whether it shows the behaviour; `asked` holds the prompts as tokens and as texts."""
    read = Reader(model)
    return [
        read.shows(answer, question, ids, task.shows)
        for answer, (ids, question) in zip(answers, asked, strict=True)
    ]
