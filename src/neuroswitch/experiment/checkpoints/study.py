"""Two checkpoints of one shape: each one's circuit, what they share, and what each does in either model.

Only one model is in memory at a time. The folder holds, per model, its circuit and the circuit of the
paper's size, and one `results.jsonl` whose rows name their model; run the same settings again and
only what is missing is computed.
"""

import gc
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from neuroswitch.activations import Intervention
from neuroswitch.chat import template_digest
from neuroswitch.circuits import DESCRIPTION, Circuit, save, transferred
from neuroswitch.circuits import load as load_circuit
from neuroswitch.discovery import RANKINGS, Reading, collect, rank, select
from neuroswitch.errors import BadPrompts, WeakBehaviour
from neuroswitch.experiment.behaviour import Behaviour, find_behaviour
from neuroswitch.experiment.checkpoints.settings import ROLES, Outlines, Role, StudySettings, check_outlines
from neuroswitch.experiment.checkpoints.summary import Circuits, Found, Rows, summarise
from neuroswitch.experiment.conditions import Bench
from neuroswitch.experiment.counts import Row
from neuroswitch.experiment.run import CIRCUIT, RESULTS, SUMMARY, held_out
from neuroswitch.experiment.settings import claim_folder
from neuroswitch.measures import check_baseline, rate
from neuroswitch.methods import RandomControl, Scaling
from neuroswitch.models import LanguageModel, load_model
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Piles
from neuroswitch.report import rebuild
from neuroswitch.storage import read_jsonl, write_json

TOP = "top"
RANKING = "ranking.json"
FALLBACK = "delta_effect"
"""What ranks neurons where a model never shows the behaviour: it needs prompts, no responses."""


def compare_models(settings: StudySettings, output: Path, *, progress: Progress = silent) -> dict[str, Any]:
    """Compare where a behaviour lives in two checkpoints, and what ablating it does in each.

    A base model often does not show the behaviour at all. That is a result, not an error: it is measured and
    said. A ranking that needs responses that show the behaviour is then replaced, in both models.

    Args:
        settings: What to do.
        output: Folder of the study; an interrupted one in it is continued.
        progress: Told after each batch of each stage, the model's role in front.

    Returns:
        The summary, as in `summary.json` (`reporting.schema.ModelsSummary`).

    Raises:
        WrongModel: The models differ in shape; nothing heavy was done by then.
        WeakBehaviour: Neither model shows the behaviour.
        BadRun: The folder holds a study with other settings.
        BadPrompts: Prompts are malformed, or test prompts are among the discovery prompts.
    """
    behaviour = find_behaviour(settings.run.behaviour, settings.run.detector)
    tests = held_out(behaviour, settings.run)
    RANKINGS.get(settings.run.ranking)
    prompts = [prompt for pile in (*behaviour.contrast.discovery, *tests) for prompt in pile]
    outlines = check_outlines(settings, prompts, progress=progress)
    claim_folder(output, settings.to_json())
    study = _Study(settings, output, behaviour, tests, outlines, _Seat(settings, outlines, progress))
    return _finish(study)


def _finish(study: "_Study") -> dict[str, Any]:
    baselines = {role: study.answers(role, "baseline", "positive") for role in ROLES}
    occurs, notes = _occurrence(study, baselines)
    circuits, ranking = _circuits(study, occurs)
    rows = {role: _rows(study, role, circuits) for role in ROLES}
    summary = summarise(
        study.settings,
        study.behaviour,
        study.outlines,
        Found(circuits, rows, occurs, ranking, tuple(notes)),
    )
    write_json(study.output / SUMMARY, summary)
    rebuild(study.output)
    return summary


class _Seat:
    """Holds one model at a time: asking for the other puts it in the place of the first."""

    def __init__(self, settings: StudySettings, outlines: Outlines, progress: Progress) -> None:
        self.settings, self.outlines, self.progress = settings, outlines, progress
        self._role: Role | None = None
        self._model: LanguageModel | None = None

    def of(self, role: Role) -> LanguageModel:
        """Return the model of a role, loaded now if it is not the one in memory."""
        if self._model is None or self._role != role:
            self._model = None
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._role, self._model = role, self._load(role)
        return self._model

    def _load(self, role: Role) -> LanguageModel:
        settings, template = self.settings, self.outlines.template
        model = load_model(settings.source(role), options=settings.loading(role), progress=self.told(role))
        if role == "instruct" or template is None:
            return model
        tokenizer = deepcopy(model.tokenizer)
        tokenizer.chat_template = template
        identity = replace(model.identity, template_sha256=template_digest(tokenizer))
        return replace(model, tokenizer=tokenizer, identity=identity)

    def told(self, role: Role) -> Progress:
        """Return where to report work on a model: every stage has a name of its own."""
        return lambda stage, done, total: self.progress(f"{role}: {stage}", done, total)


@dataclass(frozen=True)
class _Study:
    """What all parts of a study share."""

    settings: StudySettings
    output: Path
    behaviour: Behaviour
    tests: Piles
    outlines: Outlines
    seat: _Seat

    def answers(
        self,
        role: Role,
        condition: str,
        pile: str,
        intervention: Callable[[LanguageModel], Intervention] | None = None,
    ) -> list[Row]:
        """Return the answers of one model in one condition; it is loaded only if some are missing."""
        prompts = self.tests.positive if pile == "positive" else self.tests.negative
        key = {"model": role, "condition": condition, "pile": pile}
        results = self.output / RESULTS
        rows = {
            row["prompt_id"]: row
            for row in read_jsonl(results)
            if all(row.get(name) == value for name, value in key.items())
        }
        if all(prompt.id in rows for prompt in prompts):
            return [rows[prompt.id] for prompt in prompts]
        model, run = self.seat.of(role), self.settings.run
        bench = Bench(
            model,
            self.behaviour.detector,
            results,
            run.decoding,
            run.chat,
            self.seat.told(role),
            key={"model": role},
        )
        return bench.answers(condition, pile, prompts, intervention(model) if intervention else None)


def _occurrence(study: _Study, baselines: dict[Role, list[Row]]) -> tuple[dict[Role, bool], list[str]]:
    """Say which model shows the behaviour, with the warnings of the preflight; refuse if neither does."""
    occurs: dict[Role, bool] = {}
    notes: list[str] = []
    refusal: WeakBehaviour | None = None
    for role, rows in baselines.items():
        try:
            found = check_baseline(rate(rows, study.behaviour.detector), behaviour=study.behaviour.name)
            notes += [f"In {study.settings.source(role)}: {note[0].lower()}{note[1:]}" for note in found]
            occurs[role] = True
        except WeakBehaviour as error:
            occurs[role], refusal = False, error
    if refusal is not None and not any(occurs.values()):
        raise refusal
    return occurs, notes


def _circuits(study: _Study, occurs: dict[Role, bool]) -> tuple[dict[Role, Circuits], dict[str, str]]:
    """Find both models' circuits by one and the same ranking, which is written down once it is settled.

    The model that the baselines left in memory comes first.
    """
    asked = study.settings.run.ranking
    missing = [study.settings.source(role) for role, found in occurs.items() if not found]
    path = study.output / RANKING
    if path.exists():
        settled: dict[str, str] = json.loads(path.read_text())
    else:
        settled = {"asked": asked, "used": asked, "reason": ""}
        if missing and _needs_responses(asked):
            settled |= {"used": FALLBACK, "reason": f"{missing[0]} does not show the behaviour"}
    try:
        found = {role: _discover(study, role, settled["used"]) for role in reversed(ROLES)}
    except WeakBehaviour as error:
        if not _needs_responses(settled["used"]):
            raise
        settled |= {"used": FALLBACK, "reason": error.what}
        write_json(path, settled)
        found = {role: _discover(study, role, FALLBACK) for role in reversed(ROLES)}
    if not path.exists():
        write_json(path, settled)
    return found, settled


def _needs_responses(ranking: str) -> bool:
    return "contribution" in RANKINGS.get(ranking).needs


def _discover(study: _Study, role: Role, ranking: str) -> Circuits:
    """Find a model's circuit and that of the paper's size in one pass, or load both from the folder."""
    folder = study.output / role
    if (kept := _kept(folder, ranking)) is not None:
        return kept
    run, model = study.settings.run, study.seat.of(role)
    reading = Reading(chat=run.chat, needs=RANKINGS.get(ranking).needs, shows=study.behaviour.detector.judges)
    told = study.seat.told(role)
    scores = rank(collect(model, study.behaviour.contrast, reading, progress=told), ranking, model)
    circuit = select(scores, run.size)
    try:
        top = select(scores, study.settings.top)
    except BadPrompts:  # too small a model for a circuit of the paper's size: the summary leaves it out
        top = circuit
    save(top, folder / TOP, multiplier=run.multiplier)
    save(circuit, folder / CIRCUIT, multiplier=run.multiplier)
    return Circuits(circuit, top)


def _kept(folder: Path, ranking: str) -> Circuits | None:
    """Return the circuits in a folder if they are complete and of this ranking; `circuit` is saved last."""
    if not all((folder / name / DESCRIPTION).exists() for name in (TOP, CIRCUIT)):
        return None
    found = Circuits(load_circuit(folder / CIRCUIT), load_circuit(folder / TOP))
    same = all(one.provenance.ranking == ranking for one in (found.circuit, found.top))
    return found if same else None


def _rows(study: _Study, role: Role, circuits: dict[Role, Circuits]) -> Rows:
    """Answer with one model under everything that is done to it."""
    run = study.settings.run
    own = circuits[role].circuit
    other = circuits["instruct" if role == "base" else "base"].circuit

    def scaling(circuit: Circuit) -> Callable[[LanguageModel], Intervention]:
        return lambda model: Scaling(transferred(circuit, model), run.multiplier)

    seeds: Sequence[int] = range(run.seed, run.seed + run.controls)
    return Rows(
        baseline=study.answers(role, "baseline", "positive"),
        own=study.answers(role, "own", "positive", lambda model: Scaling(own, run.multiplier)),
        other=study.answers(role, "other", "positive", scaling(other)),
        random=[
            study.answers(
                role,
                f"random:{seed}",
                "positive",
                lambda model, seed=seed: RandomControl(own, run.multiplier, seed),  # type: ignore[misc]
            )
            for seed in seeds
        ],
        benign_baseline=study.answers(role, "baseline", "negative"),
        benign_own=study.answers(role, "own", "negative", lambda model: Scaling(own, run.multiplier)),
    )
