"""Right and wrong answers of the model, as it is right now, through lm-eval.

Runs inside `with intervention.applied(model)`: lm-eval gets the module itself, hooks included, and never
loads or resizes anything (its `peft=` option resizes padded vocabularies, which changes the numbers).
For multiple-choice tasks with an accuracy.

Source: Gao et al., lm-evaluation-harness.
"""

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from neuroswitch.errors import BadOption, Prerequisite
from neuroswitch.measures.base import ExamQuestions
from neuroswitch.measures.harness import lm_eval_model
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

if TYPE_CHECKING:
    from lm_eval.api.task import Task

Marks = dict[str, bool]
"""Question ("task/number") -> whether the model found the right answer most likely."""

Keep = Callable[[Marks, int], None]
"""Takes the marks of one task, and the number of questions in the whole exam."""


def examine(
    model: LanguageModel,
    questions: ExamQuestions,
    *,
    known: Mapping[str, bool] = MappingProxyType({}),
    keep: Keep = lambda marks, questions: None,
    progress: Progress = silent,
) -> Marks:
    """Ask multiple-choice questions.

    Args:
        model: The model, in the state that shall be examined.
        questions: Which, and how they are asked. Names of lm-eval's own tasks are fetched from the Hub;
            task configurations such as those of `read_mmlu` need no network.
        known: Marks of an exam that was interrupted; tasks that are complete in it are not asked again.
        keep: Called with the marks of each task as soon as they are known.
        progress: Told after each task how many questions are answered.

    Raises:
        Prerequisite: lm-eval is missing, or the questions cannot be fetched.
        BadOption: There is no such task, or it has no solved examples.
    """
    with _quiet():
        harness = lm_eval_model(model)
        from lm_eval.evaluator import evaluate

        loaded = _load(questions)
        asked = draw({name: len(task.eval_docs) for name, task in loaded.items()}, questions)
        total = sum(map(len, asked.values()))
        correct: Marks = {}
        for name, numbers in asked.items():
            marks = {key: known[key] for number in numbers if (key := f"{name}/{number}") in known}
            if len(marks) < len(numbers):
                chosen = {"tasks": {name: loaded[name]}, "groups": {}, "group_map": {}}
                with _without_bars():
                    results = evaluate(
                        harness, chosen, samples={name: numbers}, bootstrap_iters=0, log_samples=True
                    )
                marks = {f"{name}/{row['doc_id']}": row["acc"] == 1 for row in results["samples"][name]}
                keep(marks, total)
            correct |= marks
            progress("exam", len(correct), total)
    return correct


def draw(sizes: Mapping[str, int], questions: ExamQuestions) -> dict[str, list[int]]:
    """Draw the questions of an exam; the same for the same seed.

    Args:
        sizes: Task -> how many questions it has.
        questions: How many to draw, and with which seed.

    Returns:
        Task -> its drawn questions, ascending; tasks without one are absent.
    """
    chance = random.Random(questions.seed)
    drawn = []
    for name in sorted(sizes):
        # drawn one by one although all are taken, so that a limit draws what it always drew
        drawn += [(name, number) for number in chance.sample(range(sizes[name]), sizes[name])]
    if questions.limit is not None and questions.limit < len(drawn):
        drawn = chance.sample(drawn, questions.limit)
    return {name: sorted(number for task, number in drawn if task == name) for name in sorted(dict(drawn))}


def _load(questions: ExamQuestions) -> dict[str, "Task"]:
    """Return lm-eval's task objects by name, set for this exam."""
    from lm_eval.tasks import TaskManager

    # Indexing the thousands of tasks that come with lm-eval takes seconds: only if one is asked for.
    manager = TaskManager(include_defaults=any(isinstance(task, str) for task in questions.tasks))
    try:
        loaded: dict[str, Task] = manager.load(list(questions.tasks))["tasks"]
    except (KeyError, ConnectionError, FileNotFoundError, ValueError) as error:
        raise Prerequisite(
            "lm-eval could not load the questions",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            do="check the task names and the connection, or name a local file of questions",
        ) from error
    for name, task in loaded.items():
        if questions.shots and task.config.fewshot_split is None and not task.has_training_docs():
            raise BadOption(
                f"there are no solved examples for {name}",
                found=f"{questions.shots} shots, and no development questions",
                do="name a file of development questions, or ask with 0 shots",
            )
        task.set_config(key="num_fewshot", value=questions.shots)
        task.set_fewshot_seed(seed=questions.seed)
    return loaded


@contextmanager
def _quiet() -> Iterator[None]:
    """Let lm-eval report errors only: it warns of every choice that is made on purpose here."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep lm-eval from drawing a bar for every task that it prepares: `examine` reports progress."""
    from lm_eval.api import task

    bar = task.tqdm
    task.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        task.tqdm = bar
