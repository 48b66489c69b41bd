"""The comparison of methods: the same prompts, every method at every strength, behaviour and damage.

Everything is on disk as soon as it is known, and a folder can be continued and added to: what it
holds is never fitted, generated or measured again. The same request gives the same bytes in
`results.jsonl`, `damage.jsonl` and `summary.json`, however often it was interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from neuroswitch.activations import Intervention
from neuroswitch.answering import Completion, Journal
from neuroswitch.experiment.behaviour import Behaviour, find_behaviour
from neuroswitch.experiment.comparison.damage import (
    Condition,
    DamageLog,
    measure_kl,
    measure_mmlu,
    measure_perplexity,
)
from neuroswitch.experiment.comparison.facts import write_facts
from neuroswitch.experiment.comparison.files import DAMAGE, RESULTS, SUMMARY, members
from neuroswitch.experiment.comparison.judge import Judging, check_judge, judge_sample
from neuroswitch.experiment.comparison.methods import Fitting, fit_all
from neuroswitch.experiment.comparison.prompts import Pile, held_out, questions
from neuroswitch.experiment.comparison.settings import CompareSettings, claim_comparison
from neuroswitch.experiment.comparison.summary import summarise_folder
from neuroswitch.experiment.engines import (
    LOCALLY,
    Asking,
    Engine,
    EngineChoice,
    LocalEngine,
    claim_engine,
    open_engine,
    steering_of,
)
from neuroswitch.measures import Exam, Forced, check_baseline, force, rate
from neuroswitch.methods import Task, get_method
from neuroswitch.models import LanguageModel, load_model
from neuroswitch.progress import Progress, silent
from neuroswitch.report import rebuild
from neuroswitch.storage import write_json

Row = dict[str, Any]


def compare(
    settings: CompareSettings,
    output: Path,
    *,
    engine: EngineChoice = LOCALLY,
    judging: Judging | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare methods on one model and one behaviour.

    Args:
        settings: What to do; added to what the folder was asked for before.
        output: Folder of the comparison.
        engine: Who answers where the model is untouched or neurons are scaled. Other interventions, fits
            and measures of damage need the model here, so it is loaded in any case.
        judging: Who says how far the detector is right; None asks nobody.
        progress: Told after each batch of each stage.

    Returns:
        The summary, as in `summary.json`; see `reporting.schema.Comparison`. The folder also holds
        every answer and every measured unit, the fitted methods and `report.html`.

    Raises:
        Prerequisite: There is no such method, or what it or a measure needs is not installed; or the
            engine does not start, lacks a model, or died.
        WeakBehaviour: The model hardly shows the behaviour, so there is nothing to change.
        BadRun: The folder holds a comparison with other settings, of another model or other prompts.
        BadPrompts: Prompts are malformed, or test prompts are among the discovery prompts.
    """
    check_methods(settings)
    behaviour = find_behaviour(settings.behaviour, settings.detector)
    check_judge(judging, behaviour.detector)
    held_out(behaviour, settings)
    questions(settings)
    settings = claim_comparison(output, settings)
    check_methods(settings)
    piles, tasks = held_out(behaviour, settings), questions(settings)
    model = load_model(settings.model, options=settings.loading, progress=progress)
    write_facts(output, model, behaviour, settings, {name: prompts for name, prompts, _ in piles})
    claim_engine(output, engine)
    job = _Job(model, settings, output, piles, progress)
    if engine.local:  # a server is started once, with all that it shall serve, and then asked the same
        job.check_untouched(behaviour)
    conditions = [Condition(), *_conditions(job, behaviour)]
    with open_engine(engine, model, _served(conditions, model), progress=progress) as answering:
        job = replace(job, engine=answering)
        job.check_untouched(behaviour)
        answers = job.answers(conditions, "answers")
    _measure(job, conditions, answers, tasks)
    if judging is not None:
        said = [row for rows in answers for row in rows["positive"]]
        judge_sample(judging, said, behaviour.detector, output, seed=settings.seed)
    summary = summarise_folder(output)
    write_json(output / SUMMARY, summary)
    rebuild(output)
    return summary


def check_methods(settings: CompareSettings) -> None:
    """Look every method up, so that a wrong name or a missing extra ends things before they begin.

    Raises:
        Prerequisite: There is no such method, or what it needs is not installed.
    """
    for name in settings.methods:
        for member in members(name, settings.random_seeds):
            get_method(member)


@dataclass(frozen=True)
class _Job:
    """A comparison whose model is loaded."""

    model: LanguageModel
    settings: CompareSettings
    output: Path
    piles: list[Pile]
    progress: Progress
    engine: Engine | None = None

    def check_untouched(self, behaviour: Behaviour) -> None:
        """Answer the prompts untouched, and go no further where the behaviour hardly occurs."""
        baseline = self.answers([Condition()], "untouched answers")[0]
        check_baseline(rate(baseline["positive"], behaviour.detector), behaviour=behaviour.name)

    def answers(self, conditions: Sequence[Condition], stage: str) -> list[dict[str, list[Row]]]:
        """Answer every pile in every condition, or take the answers from disk; condition -> pile -> rows."""
        asked = [[pile for pile in self.piles if _wanted(one, pile)] for one in conditions]
        total = sum(len(prompts) for piles in asked for _, prompts, _ in piles)
        done = 0
        found = []
        for condition, piles in zip(conditions, asked, strict=True):
            rows = {}
            for pile in piles:

                def report(_: str, now: int, __: int, before: int = done) -> None:
                    self.progress(stage, before + now, total)

                rows[pile[0]] = self._answer(condition, pile, report)
                done += len(pile[1])
            found.append(rows)
        return found

    def _answer(self, condition: Condition, pile: Pile, progress: Progress) -> list[Row]:
        name, prompts, detector = pile

        def annotate(one: Completion) -> Row:
            return {"method": condition.method, "strength": condition.strength, **detector.annotate(one)}

        journal = Journal(self.output / RESULTS, {"condition": condition.key, "pile": name}, annotate)
        rows = {row["prompt_id"]: row for row in journal.rows()}
        if any(prompt.id not in rows for prompt in prompts):
            asking = Asking(journal, self.settings.decoding, self.settings.chat, progress)
            served = self.engine if _is_served(condition, self.model) else None
            (served or LocalEngine(self.model)).answer(prompts, condition.intervention, asking)
            rows = {row["prompt_id"]: row for row in journal.rows()}
        progress("", len(prompts), len(prompts))
        return [rows[prompt.id] for prompt in prompts]

    def forced(self, pile: int, rows: Sequence[Row]) -> dict[str, Forced]:
        """Return prompt id -> answer as tokens behind its prompt."""
        names = [field.name for field in fields(Completion)]
        completions = [Completion(**{name: row[name] for name in names}) for row in rows]
        made = force(self.model, self.piles[pile][1], completions=completions, chat=self.settings.chat)
        return {one.prompt_id: sample for one, sample in zip(completions, made, strict=True)}


def _is_served(condition: Condition, model: LanguageModel) -> bool:
    """Say whether a server can have a condition as a model."""
    return condition.intervention is None or steering_of(condition.intervention, model) is not None


def _served(conditions: Sequence[Condition], model: LanguageModel) -> dict[str, Intervention]:
    """Name what a server can have: the method and what it multiplies by, as `neuroswitch serve` does."""
    found = {}
    for one in conditions:
        if one.intervention is not None and (steering := steering_of(one.intervention, model)):
            found[f"{one.method.replace(':', '-')}@{steering.multiplier:g}"] = one.intervention
    return found


def _wanted(condition: Condition, pile: Pile) -> bool:
    return pile[0] == "positive" or not condition.further


def _conditions(job: _Job, behaviour: Behaviour) -> list[Condition]:
    """Fit every method, or load it, and return it at each of its strengths."""
    settings = job.settings
    task = Task(
        contrast=behaviour.contrast,
        shows=behaviour.detector.judges,
        chat=settings.chat,
        decoding=type(settings.decoding)(
            max_new_tokens=Task.decoding.max_new_tokens, batch_size=settings.decoding.batch_size
        ),
        size=settings.size,
        ranking=settings.ranking,
        seed=settings.seed,
    )
    fitting = Fitting(job.model, task, job.output, job.progress)
    asked = tuple(sorted(settings.strengths))
    found = []
    for name in settings.methods:
        names = members(name, settings.random_seeds)
        for member, fitted in fit_all(fitting, names):
            found += [
                Condition(
                    member,
                    strength,
                    fitted.at(strength),
                    on_prompt=fitted.acts_on == "prompt",
                    further=member != names[0],
                )
                for strength in fitted.strengths(asked)
                if strength > 0
            ]
    return found


def _measure(
    job: _Job,
    conditions: Sequence[Condition],
    answers: Sequence[dict[str, list[Row]]],
    tasks: Sequence[Any],
) -> None:
    """Measure what every condition costs."""
    model, settings, log = job.model, job.settings, DamageLog(job.output / DAMAGE)
    benign = job.forced(1, answers[0]["negative"])
    changed = [one for one in conditions if one.intervention is not None and not one.on_prompt]
    measure_kl(model, changed, benign, log, job.progress)
    said = [
        (condition, job.forced(0, rows["positive"]))
        for condition, rows in zip(conditions, answers, strict=True)
    ]
    measure_perplexity(model, said, log, job.progress)
    if tasks:
        at = settings.mmlu_strengths or settings.strengths
        examined = [
            one
            for one in conditions
            if one.intervention is None or (one.strength in at and not one.on_prompt and not one.further)
        ]
        exam = Exam(num_fewshot=settings.shots or 0, limit=settings.mmlu_questions, seed=settings.seed)
        measure_mmlu(model, examined, tasks, exam, log, job.progress)
