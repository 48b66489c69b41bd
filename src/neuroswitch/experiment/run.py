"""The main job: preflight, discover, ablate, evaluate on held-out prompts, save, report.

Every answer is on disk when it has been given, and the folder can be continued: run the same
settings again and only what is missing is computed.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuroswitch.circuits import DESCRIPTION, Circuit, check_model, load, save
from neuroswitch.discovery import RANKINGS, Reading, collect, rank, select
from neuroswitch.errors import Prerequisite
from neuroswitch.experiment.behaviour import Behaviour, find_behaviour
from neuroswitch.experiment.conditions import Bench
from neuroswitch.experiment.counts import Conditions, Row
from neuroswitch.experiment.engines import LOCALLY, EngineChoice, names_of, open_engine
from neuroswitch.experiment.settings import RunSettings, claim_folder
from neuroswitch.experiment.summary import summarise
from neuroswitch.measures import check_baseline, rate, routing_change
from neuroswitch.methods import RandomControl, Scaling
from neuroswitch.models import LanguageModel, load_model
from neuroswitch.processes import require_one, written_once
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Piles, check_held_out, read_prompts
from neuroswitch.report import rebuild
from neuroswitch.storage import write_json

RESULTS = "results.jsonl"
SUMMARY = "summary.json"
CIRCUIT = "circuit"


def run(settings: RunSettings, output: Path, *, progress: Progress = silent) -> dict[str, Any]:
    """Find the circuit of a behaviour and show what scaling it does.

    Args:
        settings: What to do.
        output: Folder of the run; an interrupted run in it is continued.
        progress: Told after each batch of each stage.

    Returns:
        The summary, as in `summary.json`. The folder also holds the circuit, `results.jsonl` and
        `report.html`.

    Raises:
        WeakBehaviour: The model hardly shows the behaviour, so there is nothing to find.
        BadRun: The folder holds a run with other settings.
        BadPrompts: Prompts are malformed, or test prompts are among the discovery prompts.
    """
    job = _start(_prepare(settings, output, settings.to_json(), progress))
    folder = output / CIRCUIT
    circuit = find_circuit(job.bench.model, job.behaviour, settings, folder, progress=progress)
    return _finish(job, circuit, settings, output)


def evaluate(
    circuit: str | Path,
    settings: RunSettings,
    output: Path,
    *,
    engine: EngineChoice = LOCALLY,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Show what scaling a saved circuit does, on prompts it was not found with.

    Args:
        circuit: Folder of the circuit.
        settings: As for `run`; ranking and size are the circuit's own.
        output: Folder for the results; an interrupted evaluation in it is continued.
        engine: Who answers. For all but "transformers" no weights are loaded here.
        progress: Told after each batch of each stage.

    Raises:
        BadCircuit: The circuit cannot be read.
        WrongModel: It was made for another model.
        Prerequisite: The engine does not start, lacks a model, or died; answers so far are kept.
    """
    asked = {**settings.to_json(), "circuit": str(Path(circuit).resolve()), **engine.to_json()}
    found = load(circuit)
    ready = _prepare(settings, output, asked, progress, elsewhere=not engine.local)
    check_model(found, ready.bench.model)
    scaling = Scaling(found, settings.multiplier)
    names = names_of(Path(circuit).resolve().name, [scaling, *controls_of(found, settings)])
    with open_engine(engine, ready.bench.model, names, progress=progress) as answering:
        job = _start(replace(ready, bench=replace(ready.bench, engine=answering)))
        return _finish(job, found, settings, output)


@dataclass(frozen=True)
class _Ready:
    """A run whose folder is claimed and whose model is loaded."""

    bench: Bench
    behaviour: Behaviour
    tests: Piles


@dataclass(frozen=True)
class _Job:
    """A run whose model is loaded and whose behaviour is known to occur."""

    bench: Bench
    behaviour: Behaviour
    tests: Piles
    baseline: list[Row]
    warnings: tuple[str, ...]


def _prepare(
    settings: RunSettings, output: Path, asked: dict[str, Any], progress: Progress, *, elsewhere: bool = False
) -> _Ready:
    """Find the prompts and load the model; its structure only, if it answers elsewhere."""
    require_one("an evaluation")
    behaviour = find_behaviour(settings.behaviour, settings.detector)
    if settings.until_settled and behaviour.detector.settled is None:
        raise Prerequisite(
            f"the detector {behaviour.detector.name!r} cannot say when a verdict is settled",
            do="leave --until-settled out",
        )
    tests = held_out(behaviour, settings)
    claim_folder(output, asked)
    loading = replace(settings.loading, device="meta") if elsewhere else settings.loading
    model = load_model(settings.model, options=loading, progress=progress)
    bench = Bench(
        model,
        behaviour.detector,
        output / RESULTS,
        settings.decoding,
        settings.chat,
        progress,
        until_settled=settings.until_settled,
    )
    return _Ready(bench, behaviour, tests)


def _start(ready: _Ready) -> _Job:
    bench, behaviour, tests = ready.bench, ready.behaviour, ready.tests
    baseline = bench.answers("baseline", "positive", tests.positive)
    warnings = check_baseline(rate(baseline, behaviour.detector), behaviour=behaviour.name)
    return _Job(bench, behaviour, tests, baseline, warnings)


def _finish(job: _Job, circuit: Circuit, settings: RunSettings, output: Path) -> dict[str, Any]:
    bench, tests = job.bench, job.tests
    scaling = Scaling(circuit, settings.multiplier)
    conditions = Conditions(
        baseline=job.baseline,
        steered=bench.answers("steered", "positive", tests.positive, scaling),
        random=_controls(bench, circuit, settings, tests),
        benign_baseline=bench.answers("baseline", "negative", tests.negative),
        benign_steered=bench.answers("steered", "negative", tests.negative, scaling),
    )
    summary = summarise(bench.model, job.behaviour, settings, circuit, conditions, warnings=job.warnings)
    summary["provenance"]["engine"] = bench.answered_by
    moved = routing_change(
        bench.model, tests.positive, circuit, scaling, chat=settings.chat, progress=bench.progress
    )
    if moved is not None:
        summary["routing"] = moved.to_json()
    write_json(output / SUMMARY, summary)
    rebuild(output)
    return summary


def held_out(behaviour: Behaviour, settings: RunSettings) -> Piles:
    """Return the test prompts: the contrast set's own, or the user's positives, checked for leaks.

    Raises:
        BadPrompts: A test prompt is among those that discovery or validation sees.
    """
    positive, negative = behaviour.contrast.test
    if settings.test_prompts:
        positive = read_prompts(settings.test_prompts)
        check_held_out(positive, behaviour.contrast)
    return Piles(positive[: settings.limit], negative[: settings.limit])


def find_circuit(
    model: LanguageModel,
    behaviour: Behaviour,
    settings: RunSettings,
    folder: Path,
    *,
    progress: Progress = silent,
) -> Circuit:
    """Discover the circuit and save it, or load it where an earlier run has saved it.

    Several processes discover it together; one of them saves it.
    """
    if (folder / DESCRIPTION).exists():
        return load(folder, model)
    reading = Reading(
        chat=settings.chat,
        needs=RANKINGS.get(settings.ranking).needs,
        shows=behaviour.detector.judges,
    )
    statistics = collect(model, behaviour.contrast, reading, progress=progress)
    circuit = select(rank(statistics, settings.ranking, model), settings.size)
    with written_once(folder) as place:
        save(circuit, place, model=model, multiplier=settings.multiplier)
    return circuit


def controls_of(circuit: Circuit, settings: RunSettings) -> list[RandomControl]:
    """Return the random circuits to try beside a circuit."""
    seeds = range(settings.seed, settings.seed + settings.controls)
    return [RandomControl(circuit, settings.multiplier, seed) for seed in seeds]


def _controls(bench: Bench, circuit: Circuit, settings: RunSettings, tests: Piles) -> list[list[Row]]:
    """Answer the positive prompts under random circuits, one list of rows per seed."""
    return [
        bench.answers(f"random:{control.seed}", "positive", tests.positive, control)
        for control in controls_of(circuit, settings)
    ]
