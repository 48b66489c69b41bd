"""How settings of methods are chosen: on validation prompts, by their effect on the behaviour and on the rest.

Two steps: `screen` is cheap and looks at the first token of the answer only; `attempt` lets the model answer and
counts the answers that show the behaviour. A setting that breaks the model must not win, so both also measure
damage. Test prompts are never used.

Source of the screening: bypass score and KL of Arditi et al. (arXiv:2406.11717), with the opening tokens of the
model's own answers instead of a list written by hand.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import Intervention, next_token_log_probabilities, read_outputs
from neuroswitch.answering import Reader, generate_tokens
from neuroswitch.batching import compute_prefix, in_batches, plan_batches
from neuroswitch.errors import WeakBehaviour
from neuroswitch.methods.base import Task
from neuroswitch.methods.differences import tokens_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress

PROMPTS = 24
"""Validation prompts that are answered for each setting that is attempted."""

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
    """

    rate: float
    distinct: float
    surprise: float

    def harms(self, baseline: "Trial") -> bool:
        """Return whether answers are more repetitive or unlikely than those of the untouched model."""
        return (
            self.distinct < baseline.distinct - LEAST_DISTINCT
            or self.surprise > baseline.surprise + MOST_SURPRISE
        )

    def __str__(self) -> str:
        return f"rate {self.rate:.2f}, distinct 4-grams {self.distinct:.2f}, median surprise {self.surprise:.2f} nats"


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
    """

    positive: list[list[int]]
    questions: list[str]
    screened: list[list[int]]
    negative: list[list[int]]
    baseline: Trial
    openings: tuple[int, ...]
    untouched: Float[Tensor, "negative vocabulary"]

    def compared(self, trial: Trial) -> str:
        """Return a trial beside that of the untouched model, for descriptions."""
        return f"{trial}, against {self.baseline} untouched"


def validation_of(model: LanguageModel, task: Task, *, progress: Progress) -> Validation:
    """Let the untouched model answer the validation prompts.

    Raises:
        WeakBehaviour: None of its answers shows the behaviour.
    """
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
    )


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
    return odds, float((before.exp() * (before - changed)).sum(-1).mean())


def opening_odds(model: LanguageModel, validation: Validation, ids: Sequence[Sequence[int]]) -> float:
    """Return the mean log odds of a first token that opens answers which show the behaviour, in the current state."""
    likely = _log_probabilities(model, ids)[:, list(validation.openings)].exp().sum(-1)
    return float(torch.logit(likely.double(), eps=1e-6).mean())


def attempt(model: LanguageModel, task: Task, validation: Validation, intervention: Intervention) -> Trial:
    """Let the model answer the validation prompts in one setting."""
    with intervention.applied(model):
        answers = generate_tokens(model, validation.positive, task.decoding)
    shown = _shown(model, task, answers, zip(validation.positive, validation.questions, strict=True))
    return _trial(model, validation.positive, answers, shown)


def choose_setting(
    model: LanguageModel,
    task: Task,
    validation: Validation,
    interventions: Sequence[Intervention],
    progress: Progress,
) -> tuple[int, str]:
    """Let the model answer in one setting after the other, and choose the best.

    Returns:
        The place of the best setting by the rule of `best`; and how it was chosen, in words.
    """
    trials = []
    for done, intervention in enumerate(interventions, start=1):
        trials.append(attempt(model, task, validation, intervention))
        progress("answer validation prompts", done, len(interventions))
    chosen = best(trials, validation.baseline)
    prompts = len(validation.positive)
    return chosen, f"chosen on {prompts} validation prompts: {validation.compared(trials[chosen])}"


def best(trials: Sequence[Trial], baseline: Trial) -> int:
    """Return the place of the setting with the lowest rate among those that do no harm.

    Among equals, and where all do harm, it is the one with the lowest surprise.
    """
    harmless = [i for i, trial in enumerate(trials) if not trial.harms(baseline)]
    if harmless:
        return min(harmless, key=lambda i: (trials[i].rate, trials[i].surprise))
    return min(range(len(trials)), key=lambda i: trials[i].surprise)


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
    answered = list(zip(prompts, answers, strict=True))
    prefix = compute_prefix(model, list(prompts))

    def of_batch(batch: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Tensor:
        rows = [[*prompt, *answer] for prompt, answer in batch]
        spans = [range(len(prompt) - 1, len(prompt) + len(answer) - 1) for prompt, answer in batch]
        hidden = read_outputs(model, rows, spans, [""], prefix)[:, 0]
        targets = torch.tensor([token for _, answer in batch for token in answer])
        return -next_token_log_probabilities(model, hidden).gather(1, targets[:, None])[:, 0]

    batches = plan_batches([len(prompt) + len(answer) for prompt, answer in answered], SCREENED)
    return float(torch.cat(list(in_batches(of_batch, answered, batches))).median())


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
