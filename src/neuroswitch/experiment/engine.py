"""The experiment: models x conditions (a method at a strength) x piles of prompts -> rows -> summary -> page.

    settings -> models -> untouched answers -> methods (fitted once) -> answers -> measures -> summary

`run`, `evaluate`, `compare` and `compare-models` are settings of it. Everything is on disk as soon as it is
known, and a folder can be continued and added to: what it holds is never fitted, generated or measured
again. The same request gives the same rows, however often it was interrupted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from neuroswitch.answering import AnswerLog, AnswerSettings, Completion, Engine, TransformersEngine
from neuroswitch.discovery import RANKINGS
from neuroswitch.errors import BadOption, WeakBehaviour
from neuroswitch.experiment.behaviour import Behaviour, find_behaviour
from neuroswitch.experiment.claiming import claim_model, facts_of
from neuroswitch.experiment.facts import read_facts
from neuroswitch.experiment.fitting import Fitter, served_names
from neuroswitch.experiment.folder import begin_folder, claim_folder
from neuroswitch.experiment.judging import Judging, check_judge, judge_sample
from neuroswitch.experiment.models import Models, Pair, check_pair, roles_of
from neuroswitch.experiment.piles import Pile, check_circuits, check_prompts, exam_questions, held_out
from neuroswitch.experiment.rows import Rows
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.experiment.summarising import write_report
from neuroswitch.integrations import EngineChoice, check_engine, open_engine
from neuroswitch.measures import (
    MEASURES,
    Bench,
    Condition,
    ExamQuestions,
    MeasureLog,
    ModelMeasure,
    answer_row,
    check_baseline,
    measure,
)
from neuroswitch.methods import get_method
from neuroswitch.models import LanguageModel, require_device
from neuroswitch.options import LOCAL
from neuroswitch.processes import require_one
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.records import ANSWERS, POSITIVE, TRANSFER, UNTOUCHED, AnswerRow
from neuroswitch.storage import locked
from neuroswitch.summary import Summary

Answers = dict[tuple[str, str], list[AnswerRow]]
"""(condition, pile) -> answers, in the order of the prompts."""

WITHOUT_WEIGHTS = ("routing",)
"""Measures that are left out, and not refused, where a server has the weights."""


def run_experiment(
    settings: ExperimentSettings,
    output: Path,
    *,
    engine: EngineChoice = EngineChoice(),
    judging: Judging | None = None,
    progress: Progress = silent,
) -> Summary:
    """Run an experiment, or continue the one in its folder.

    Args:
        settings: What to do; added to what the folder was asked for before.
        output: Folder of the experiment.
        engine: What answers where the model is untouched or neurons are scaled. Other interventions, fits
            and measures that run the model need its weights in this process.
        judging: A language model that checks the detector on a sample; None asks nobody.
        progress: Told after each batch of each stage.

    Returns:
        The summary, as in `summary.json`. The folder also holds every answer, every measured value, the
        fitted methods with their circuits, and `report.html`.

    Raises:
        BadOption: There is no such method, measure or engine.
        BadPrompts: Prompts are malformed, or test prompts are among the discovery prompts.
        BadRun: The folder holds an experiment with other settings, of another model or other prompts.
        Prerequisite: Something that a method, a measure or the engine needs is missing; answers so far are kept.
        WeakBehaviour: No model shows the behaviour often enough to be studied.
        WrongModel: A saved circuit belongs to another model, or two models differ in shape.
    """
    require_one("an experiment")
    output = Path(output).expanduser()
    behaviour = find_behaviour(settings.prompts.behaviour, settings.prompts.detector)
    check_engine(engine)
    settings = replace(settings, engine=engine.kind)
    check_settings(settings, behaviour)
    check_judge(judging, behaviour.detector)
    piles = held_out(behaviour, settings)
    check_circuits(settings, piles, output)
    pair = _checked_pair(settings, behaviour, piles, progress)
    with locked(output):
        settings = claim_folder(output, settings)
        check_settings(settings, behaviour)
        piles, exam = held_out(behaviour, settings), exam_questions(settings)
        check_circuits(settings, piles, output)
        facts = facts_of(behaviour, settings, piles, same_tokens=pair.same_tokens)
        begin_folder(output, settings, facts)
        asked = (settings, behaviour.contrast.discovery.positive[0])

        def loaded(role: str, model: LanguageModel) -> None:
            check_prompts(model, settings, behaviour, piles)
            claim_model(output, facts, role, model, asked)

        elsewhere = not engine.local and not _needs_weights(settings)
        models = Models(settings, pair.template, elsewhere, progress, loaded)
        job = _Job(settings, output, behaviour, piles, models, engine)
        rows = job.run(exam)
        if judging is not None:
            judge_sample(judging, rows, behaviour.detector, output, seed=settings.controls.seed)
        return write_report(output)


def check_settings(settings: ExperimentSettings, behaviour: Behaviour) -> None:
    """Look up every method and measure, so that a wrong name ends things before they begin.

    Raises:
        BadOption: There is no such method or measure, or an option cannot be had with the others.
        Prerequisite: What a method needs is not installed.
    """
    for name in settings.methods:
        if name != TRANSFER:
            for member in settings.members(name):
                get_method(member)
        elif len(settings.models) < 2:
            raise BadOption("the method 'transfer' needs two models", do="use `neuroswitch compare-models`")
    RANKINGS.get(settings.circuit.ranking)
    if settings.engine == LOCAL:
        require_device(settings.loading.device)
    for name in (*settings.measures, settings.match.damage):
        MEASURES.get(name)
    if settings.until_settled and behaviour.detector.settled is None:
        raise BadOption(
            f"the detector {behaviour.detector.name!r} cannot say when a verdict is settled",
            do="leave --until-settled out",
        )
    if settings.until_settled and settings.engine != LOCAL:
        raise BadOption(
            "answers of a server cannot be stopped when their verdict is settled",
            expected=f"--engine {LOCAL}",
            do="leave --until-settled out, or answer in this process",
        )


def _checked_pair(
    settings: ExperimentSettings, behaviour: Behaviour, piles: Mapping[str, Pile], progress: Progress
) -> Pair:
    if len(settings.models) < 2:
        return Pair(None, True)
    return check_pair(settings, _prompts(behaviour, piles), progress=progress)


def _prompts(behaviour: Behaviour, piles: Mapping[str, Pile]) -> list[Prompt]:
    """Return every prompt from which a circuit is found, or that is answered."""
    seen = [*behaviour.contrast.discovery, *(pile.prompts for pile in piles.values())]
    return [prompt for pile in seen for prompt in pile]


def _needs_weights(settings: ExperimentSettings) -> bool:
    """Say whether anything is asked for that a server cannot do."""
    scaled = all(name.partition(":")[0] in ("circuit", "random") for name in settings.methods)
    taken = [name for name in settings.measures if name not in WITHOUT_WEIGHTS]
    return not scaled or bool(taken) or settings.exam.mmlu is not None


@dataclass(frozen=True)
class _Job:
    """An experiment whose folder is claimed."""

    settings: ExperimentSettings
    output: Path
    behaviour: Behaviour
    piles: Mapping[str, Pile]
    models: Models
    engine: EngineChoice

    def run(self, exam: ExamQuestions | None) -> list[AnswerRow]:
        """Do everything that is missing; return the answers to the positive prompts."""
        roles = roles_of(self.settings)
        fitter = Fitter(self.settings, self.output, self.behaviour, self.models)
        # a server is started once, with all that it shall serve, and asked the same after that
        if self.engine.local:
            fitter.occurs = self._require_behaviour(
                {role: self._answers(role, [Condition()]) for role in roles}
            )
        fitted = fitter.conditions(self.models.in_memory_first(roles))
        found = []
        for role in self.models.in_memory_first(roles):
            found += self._finish(role, [Condition(), *fitter.joined(role, fitted)], exam)
        return found

    def _finish(
        self, role: str, conditions: Sequence[Condition], exam: ExamQuestions | None
    ) -> list[AnswerRow]:
        """Answer and measure one model in all its conditions; return the answers to the positive prompts."""
        names, progress = served_names(conditions), self.models.progress_of(role)
        with open_engine(self.engine, self.models.get(role), names, progress=progress) as engine:
            if not self.engine.local:
                self._require_behaviour({role: self._answers(role, [Condition()], engine)})
            answers = self._answers(role, conditions, engine)
        self._measure(role, conditions, answers, exam)
        return [row for (_, pile), rows in answers.items() for row in rows if pile == POSITIVE]

    def _require_behaviour(self, untouched: Mapping[str, Answers]) -> dict[str, bool]:
        """Say which models show the behaviour.

        Raises:
            WeakBehaviour: None of them does.
        """
        occurs: dict[str, bool] = {}
        refusal: WeakBehaviour | None = None
        for role, answers in untouched.items():
            said = answers[UNTOUCHED, POSITIVE]
            rate = measure(said, self.behaviour.detector, ["behaviour"])["behaviour"]
            try:
                check_baseline(rate, behaviour=self.behaviour.name)
                occurs[role] = True
            except WeakBehaviour as error:
                occurs[role], refusal = False, error
        if refusal is not None and not any(occurs.values()):
            raise refusal
        return occurs

    def _answers(self, role: str, conditions: Sequence[Condition], engine: Engine | None = None) -> Answers:
        """Answer every pile in every condition, or take the answers from disk."""
        self.models.get(role)  # what is on disk counts for the model that is loaded, and for no other
        known = self._rows().answers()
        asked = [
            (one, name) for one in conditions for name in self.piles if name == POSITIVE or not one.further
        ]
        total, done = sum(len(self.piles[name].prompts) for _, name in asked), 0
        stage = "untouched answers" if len(conditions) == 1 else "answers"
        found: Answers = {}
        for condition, name in asked:
            rows, prompts = known.get((role, condition.name, name), {}), self.piles[name].prompts
            if any(prompt.id not in rows for prompt in prompts):
                report = _added(self.models.progress_of(role), stage, done, total)
                rows = self._answer(role, condition, name, engine, report) | rows
            found[condition.name, name] = [rows[prompt.id] for prompt in prompts]
            done += len(prompts)
        return found

    def _answer(
        self, role: str, condition: Condition, pile: str, engine: Engine | None, progress: Progress
    ) -> dict[str, AnswerRow]:
        """Put the missing answers of one condition to one pile on disk; return all of them by prompt id."""
        settings, (prompts, detector) = self.settings, self.piles[pile]
        group = self._rows().facts.group(settings, role, condition.method, pile)

        def row_of(answer: Completion) -> AnswerRow:
            return replace(answer_row(answer, detector, condition, pile=pile, model=role), group=group)

        key = {"model": role, "condition": condition.name, "pile": pile}
        settled = detector.settled if settings.until_settled else None
        log = AnswerLog(self.output / ANSWERS, key, lambda one: asdict(row_of(one)), settled)
        how = AnswerSettings(decoding=settings.decoding, chat=settings.chat, log=log, progress=progress)
        if engine is None or not engine.has(condition.intervention):
            engine = TransformersEngine(self.models.get(role))
        return {one.prompt_id: row_of(one) for one in engine.answer(prompts, condition.intervention, how)}

    def _rows(self) -> Rows:
        return Rows(self.output, read_facts(self.output), self.settings)

    def _measure(
        self, role: str, conditions: Sequence[Condition], answers: Answers, exam: ExamQuestions | None
    ) -> None:
        """Take every measure that runs the model."""
        wanted = [*self.settings.measures]
        if exam is not None:
            wanted += ["mmlu", "mmlu_cot"] if exam.written else ["mmlu"]
        chosen = [MEASURES.get(name) for name in wanted]
        # one function may take several measures
        takes = dict.fromkeys(
            one.take for one in chosen if isinstance(one, ModelMeasure) and one.take is not None
        )
        if not takes:
            return
        model, rows = self.models.get(role), self._rows()
        rows.measured()
        bench = Bench(
            model=model,
            conditions=conditions,
            prompts={name: pile.prompts for name, pile in self.piles.items()},
            answers=answers,
            log=MeasureLog(self.output, role, partial(rows.group_of_measured, role)),
            chat=self.settings.chat,
            exam=exam or ExamQuestions(),
            progress=self.models.progress_of(role),
        )
        for take in takes:
            take(bench)


def _added(progress: Progress, stage: str, before: int, total: int) -> Progress:
    """Report the progress of a part as that of the whole."""
    return lambda _, done, __: progress(stage, before + done, total)
