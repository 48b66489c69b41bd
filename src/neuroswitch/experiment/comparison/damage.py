"""What each condition of a comparison costs, unit by unit, on disk as it is measured.

One row of `damage.jsonl` per condition, measure and item: an answer's divergence, an answer's
perplexity, a question of an exam. What is on disk is never measured again, and rows come in an order
that depends on the request alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from neuroswitch.activations import Intervention
from neuroswitch.experiment.comparison.files import BASELINE, condition_key
from neuroswitch.measures import Exam, Forced, answer_logits, batched, divergences, examine, nats_per_token
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress
from neuroswitch.storage import append_jsonl, read_jsonl

EXAM = "mmlu"


@dataclass(frozen=True)
class Condition:
    """One state of the model.

    Attributes:
        method: Name of the method, or `baseline`.
        strength: Its strength; 0 for the baseline.
        intervention: What changes the model; None leaves it untouched.
        on_prompt: Whether only what the model is asked is changed.
        further: Whether it is another draw of a control, measured only by behaviour and divergence.
    """

    method: str = BASELINE
    strength: float = 0.0
    intervention: Intervention | None = None
    on_prompt: bool = False
    further: bool = False

    @property
    def key(self) -> str:
        """Its name in the files, such as `caa@0.5`."""
        return self.method if self.intervention is None else condition_key(self.method, self.strength)

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the model is in this state."""
        return nullcontext() if self.intervention is None else self.intervention.applied(model)


class DamageLog:
    """The file of damage, read once and appended to.

    Args:
        path: `damage.jsonl`; created with the first row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = list(read_jsonl(path))
        self.done = {(row["condition"], row["measure"], row["item"]) for row in rows}
        self.marks: dict[str, dict[str, bool]] = defaultdict(dict)
        self.questions: dict[str, int] = {}
        for row in rows:
            if row["measure"] == EXAM:
                self.marks[row["condition"]][row["item"]] = row["value"] == 1
                self.questions[row["condition"]] = row["of"]

    def lacks(self, condition: Condition, measure: str, items: Iterable[str]) -> bool:
        """Say whether any of the items has not been measured in a condition."""
        return any((condition.key, measure, item) not in self.done for item in items)

    def append(self, condition: Condition, measure: str, values: Mapping[str, float], **more: int) -> None:
        """Write what is not yet there; it is durable when this returns."""
        fresh = {item: value for item, value in values.items() if self.lacks(condition, measure, [item])}
        key = {"condition": condition.key, "method": condition.method, "strength": condition.strength}
        rows = [
            {**key, "measure": measure, "item": item, "value": value, **more} for item, value in fresh.items()
        ]
        append_jsonl(self.path, rows)
        self.done |= {(condition.key, measure, item) for item in fresh}


def measure_kl(
    model: LanguageModel,
    conditions: Sequence[Condition],
    samples: Mapping[str, Forced],
    log: DamageLog,
    progress: Progress,
) -> None:
    """Measure KL(untouched || intervened) on the untouched model's own answers, in nats per token.

    The untouched model reads each batch once, for all conditions.

    Args:
        model: The model, untouched.
        conditions: Those that change the model's computation.
        samples: Prompt id -> the untouched model's answer to a benign prompt.
        log: Where it is kept.
        progress: Told after each batch of each condition.
    """
    names, forced = list(samples), list(samples.values())
    batches = list(batched(model, forced))
    for number, batch in enumerate(batches):
        items, chosen = [names[i] for i in batch], [forced[i] for i in batch]
        missing = [one for one in conditions if log.lacks(one, "kl", items)]
        before = answer_logits(model, chosen) if missing else []
        for position, condition in enumerate(missing, start=1):
            with condition.applied(model):
                after = answer_logits(model, chosen)
            log.append(condition, "kl", dict(zip(items, divergences(before, after), strict=True)))
            progress("divergence", number * len(missing) + position, len(batches) * len(missing))


def measure_perplexity(
    model: LanguageModel,
    answers: Sequence[tuple[Condition, Mapping[str, Forced]]],
    log: DamageLog,
    progress: Progress,
) -> None:
    """Measure how unexpected the untouched model finds each answer, in nats per token.

    Args:
        model: The model, untouched.
        answers: Conditions, each with prompt id -> its answer.
        log: Where it is kept.
        progress: Told after each batch.
    """
    for done, (condition, samples) in enumerate(answers, start=1):
        names, forced = list(samples), list(samples.values())
        for batch in batched(model, forced):
            items = [names[i] for i in batch]
            if log.lacks(condition, "perplexity", items):
                nats = nats_per_token(model, [forced[i] for i in batch])
                log.append(
                    condition,
                    "perplexity",
                    {item: value for item, value in zip(items, nats, strict=True) if value is not None},
                )
        progress("perplexity", done, len(answers))


def measure_mmlu(
    model: LanguageModel,
    conditions: Sequence[Condition],
    tasks: Sequence[str | Mapping[str, object]],
    exam: Exam,
    log: DamageLog,
    progress: Progress,
) -> None:
    """Ask every condition the same questions; an exam that was broken off goes on with its next task.

    Args:
        model: The model, untouched.
        conditions: Which states of it are examined.
        tasks: As for `examine`.
        exam: How many questions, and how they are asked.
        log: Where the marks are kept.
        progress: Told after each task.

    Raises:
        Prerequisite: lm-eval is missing, or the questions cannot be had.
    """
    for done, condition in enumerate(conditions):
        known = log.marks[condition.key]
        if len(known) != log.questions.get(condition.key):

            def keep(marks: Mapping[str, bool], questions: int, condition: Condition = condition) -> None:
                log.append(
                    condition, EXAM, {name: float(right) for name, right in marks.items()}, of=questions
                )

            def report(_: str, now: int, total: int, done: int = done) -> None:
                progress("MMLU", done * total + now, len(conditions) * total)

            with condition.applied(model):
                examine(model, tasks, exam=exam, known=known, keep=keep, progress=report)
