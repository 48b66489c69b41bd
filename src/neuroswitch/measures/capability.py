"""Capability: right and wrong answers of the model, as it is right now, through lm-eval.

Runs inside `with intervention.applied(model)`: lm-eval gets the module itself, hooks included, and
never loads or resizes anything (its `peft=` option resizes padded vocabularies, which changes
the numbers). Multiple-choice tasks with an accuracy are meant: MMLU first.

Source: Hendrycks et al. (2021), arXiv:2009.03300; Gao et al., lm-evaluation-harness.
"""

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from neuroswitch.errors import Prerequisite
from neuroswitch.measures.harness import lm_eval_model
from neuroswitch.measures.marks import Marks
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent


@dataclass(frozen=True, kw_only=True)
class Exam:
    """How many questions are asked, and how.

    Attributes:
        num_fewshot: Solved examples before each question; the paper's MMLU has 5.
        per_task: Questions drawn from each task (in MMLU: subject). None takes all.
        limit: Questions drawn in all, after `per_task`. None takes all.
        seed: Of the draw; the same questions for the same seed.
    """

    num_fewshot: int = 5
    per_task: int | None = None
    limit: int | None = None
    seed: int = 0


Keep = Callable[[Mapping[str, bool], int], None]
"""Takes the marks of one task, and the number of questions in the whole exam."""


def examine(
    model: LanguageModel,
    tasks: Sequence[str | Mapping[str, Any]] = ("mmlu",),
    *,
    exam: Exam = Exam(),
    known: Mapping[str, bool] = MappingProxyType({}),
    keep: Keep = lambda marks, questions: None,
    progress: Progress = silent,
) -> Marks:
    """Ask multiple-choice questions.

    Args:
        model: The model, in the state that shall be examined.
        tasks: Names of lm-eval's own tasks, which it gets from the Hub, or task configurations
            such as those of `read_mmlu`, which need no network.
        exam: How many questions, and how they are asked.
        known: Marks of an exam that was broken off; tasks that are whole in it are not asked again.
        keep: Called with the marks of each task as soon as they are known.
        progress: Told after each task how many questions are answered.

    Raises:
        Prerequisite: lm-eval is missing, a task is unknown, or its data cannot be had.
    """
    with _quiet():
        harness = lm_eval_model(model)
        from lm_eval.evaluator import evaluate

        loaded = _load(tasks, exam)
        asked = draw({name: len(task.eval_docs) for name, task in loaded.items()}, exam)
        total = sum(map(len, asked.values()))
        correct: dict[str, bool] = {}
        for name, numbers in asked.items():
            marks = {f"{name}/{number}": known.get(f"{name}/{number}") for number in numbers}
            if None in marks.values():
                chosen = {"tasks": {name: loaded[name]}, "groups": {}, "group_map": {}}
                with _without_bars():
                    results = evaluate(
                        harness, chosen, samples={name: numbers}, bootstrap_iters=0, log_samples=True
                    )
                marks = {f"{name}/{row['doc_id']}": row["acc"] == 1 for row in results["samples"][name]}
                keep({question: bool(right) for question, right in marks.items()}, total)
            correct |= {question: bool(right) for question, right in marks.items()}
            progress("capability", len(correct), total)
    extent = f"{len(correct)} questions from {len(asked)} tasks"
    return Marks(correct, f"lm-eval, {exam.num_fewshot}-shot, {extent}, seed {exam.seed}")


def draw(sizes: Mapping[str, int], exam: Exam) -> dict[str, list[int]]:
    """Draw the questions of an exam.

    Args:
        sizes: Task -> how many questions it has.
        exam: How many to draw, and with which seed.

    Returns:
        Task -> its drawn questions, ascending; tasks without one are absent.
    """
    chance = random.Random(exam.seed)
    drawn = []
    for name in sorted(sizes):
        count = sizes[name] if exam.per_task is None else min(exam.per_task, sizes[name])
        drawn += [(name, number) for number in chance.sample(range(sizes[name]), count)]
    if exam.limit is not None and exam.limit < len(drawn):
        drawn = chance.sample(drawn, exam.limit)
    return {name: sorted(number for task, number in drawn if task == name) for name in sorted(dict(drawn))}


def _load(tasks: Sequence[str | Mapping[str, Any]], exam: Exam) -> dict[str, Any]:
    """Return lm-eval's task objects by name, set for this exam."""
    from lm_eval.tasks import TaskManager

    # Indexing the thousands of tasks that come with lm-eval takes seconds: only if one is asked for.
    manager = TaskManager(include_defaults=any(isinstance(task, str) for task in tasks))
    try:
        loaded: dict[str, Any] = manager.load(list(tasks))["tasks"]
    except (KeyError, ConnectionError, FileNotFoundError, ValueError) as error:
        raise Prerequisite(
            "lm-eval could not load the questions",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            do="check the task names and the connection, or read local files with read_mmlu",
        ) from error
    for name, task in loaded.items():
        if exam.num_fewshot and task.config.fewshot_split is None and not task.has_training_docs():
            raise Prerequisite(
                f"there are no solved examples for {name}",
                found=f"num_fewshot={exam.num_fewshot}, and no development questions",
                do="give a file of development questions, or ask with num_fewshot=0",
            )
        task.set_config(key="num_fewshot", value=exam.num_fewshot)
        task.set_fewshot_seed(seed=exam.seed)
    return loaded


@contextmanager
def _quiet() -> Iterator[None]:
    """Let lm-eval speak of errors only: it warns of every choice that is made on purpose here."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep lm-eval from drawing a bar for every task that it prepares: progress is told by `examine`."""
    from lm_eval.api import task

    bar = task.tqdm
    task.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        task.tqdm = bar
