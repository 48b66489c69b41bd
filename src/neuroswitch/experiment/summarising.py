"""The files of an experiment -> its summary: every number is computed from the rows on disk.

Needs no model, so that `neuroswitch report` does it again with the code of the day. Holds nothing that two
runs of one request do not share: date and command lie in `provenance.json`, and the page adds them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from neuroswitch.circuits import DESCRIPTION, Circuit
from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadRun, WeakBehaviour
from neuroswitch.experiment.fitting import layer_profile
from neuroswitch.experiment.folder import (
    FACTS,
    JUDGED,
    PROVENANCE,
    RANKING,
    description_file,
    model_folder,
    read_settings,
)
from neuroswitch.experiment.matching import matched, overlaps
from neuroswitch.experiment.models import roles_of
from neuroswitch.experiment.settings import RANDOM, TRANSFER, ExperimentSettings, Json
from neuroswitch.measures import (
    MEASURES,
    AnswerMeasure,
    aggregated,
    answer_values,
    check_baseline,
    completion_of,
    rate_by_length,
)
from neuroswitch.records import (
    POSITIVE,
    SAFE,
    UNJUDGED,
    UNTOUCHED,
    AnswerRow,
    MeasuredRow,
    MeasureInfo,
    condition_name,
    read_answers,
    read_measured,
)
from neuroswitch.report import (
    AtLength,
    Cell,
    Judged,
    LayerProfile,
    MethodFacts,
    ModelFacts,
    PairedTest,
    RankingFacts,
    Shared,
    Summary,
)
from neuroswitch.statistics import Measurement, Values, holm, paired_change, paired_test
from neuroswitch.storage import read_json

TESTED = ("behaviour", "benign")


def summarise(folder: Path) -> Summary:
    """Compute the summary of an experiment from its files; what is not finished yet is left out.

    Raises:
        BadRun: A file is missing or damaged, or not even the untouched model has answered.
    """
    return _Folder(Path(folder)).summary()


@dataclass(frozen=True)
class _Row:
    """A row of the summary to be made: one model under one method at one strength."""

    role: str
    method: str
    strength: float
    members: tuple[str, ...]


@dataclass(frozen=True)
class _Folder:
    folder: Path
    unfinished: list[str] = field(default_factory=list)

    @cached_property
    def settings(self) -> ExperimentSettings:
        return read_settings(self.folder)

    @cached_property
    def facts(self) -> Json:
        return read_json(self.folder / FACTS)

    @cached_property
    def detector(self) -> Detector:
        return get_detector(str(self.facts["detector"]))

    @cached_property
    def answers(self) -> dict[tuple[str, str, str], dict[str, AnswerRow]]:
        """(model, condition, pile) -> prompt id -> answer."""
        found: dict[tuple[str, str, str], dict[str, AnswerRow]] = {}
        for row in read_answers(self.folder):
            found.setdefault((row.model, row.condition, row.pile), {})[row.prompt_id] = row
        return found

    @cached_property
    def measured(self) -> dict[tuple[str, str, str], dict[str, MeasuredRow]]:
        """(model, condition, measure) -> item -> row."""
        found: dict[tuple[str, str, str], dict[str, MeasuredRow]] = {}
        for row in read_measured(self.folder):
            found.setdefault((row.model, row.condition, row.measure), {})[row.item] = row
        return found

    @cached_property
    def roles(self) -> tuple[str, ...]:
        return roles_of(self.settings)

    def summary(self) -> Summary:
        cells = self._cells()
        taken = {name for cell in cells for name in cell.measures}
        infos = {name: self._info(name) for name in MEASURES.names() if name in taken}
        models = {role: self._model(role, cells) for role in self.roles}
        settings, match = self.settings, self.settings.match
        by = match.damage if match.damage in infos else None
        budget = match.budget if match.budget is not None else (infos[by].budget if by else None)
        return Summary(
            behaviour=str(self.facts["behaviour"]),
            sensitive=bool(self.facts["sensitive"]),
            detector=self.detector.how,
            shows=tuple(sorted(self.detector.shows)),
            models=models,
            measures=infos,
            cells=cells,
            settings=settings.to_json(),
            prompts=self._prompts(),
            match=by,
            matched=matched(cells, infos[by], budget, self.roles[0]) if by and budget is not None else None,
            overlap=self._overlap(),
            ranking=RankingFacts.model_validate(read_json(self.folder / RANKING))
            if (self.folder / RANKING).exists()
            else RankingFacts(asked=settings.circuit.ranking, used=settings.circuit.ranking),
            same_tokens=bool(self.facts["same_tokens"]),
            by_length=self._by_length(),
            judged=Judged.model_validate(read_json(self.folder / JUDGED))
            if (self.folder / JUDGED).exists()
            else None,
            warnings=tuple(self._warnings(cells)),
            provenance={"engine": settings.engine},
        )

    def _rows(self) -> Iterable[_Row]:
        """Yield the rows that were asked for, finished or not."""
        settings = self.settings
        for role in self.roles:
            yield _Row(role, UNTOUCHED, 0.0, (UNTOUCHED,))
            for name in settings.methods:
                # a method may have other strengths than those asked for: a system prompt has only 1
                asked = sorted(
                    {*settings.strengths, 1.0} if name.startswith("prompt") else settings.strengths
                )
                for strength in asked:
                    if strength:
                        keys = tuple(condition_name(one, strength) for one in settings.members(name))
                        yield _Row(role, name, strength, keys)

    def _cells(self) -> tuple[Cell, ...]:
        cells = []
        for row in self._rows():
            if self._finished(row):
                cells.append(self._cell(row))
            elif any(self.answers.get((row.role, key, POSITIVE)) for key in row.members):
                self.unfinished.append(condition_name(row.method, row.strength))
            elif row.method == UNTOUCHED:
                raise BadRun(
                    f"{self.folder} holds no finished condition",
                    do="run the same command again: what is missing is computed",
                )
        return self._corrected(cells)

    def _finished(self, row: _Row) -> bool:
        count = self._pile_sizes()[POSITIVE]
        return all(len(self.answers.get((row.role, key, POSITIVE), {})) == count for key in row.members)

    def _pile_sizes(self) -> dict[str, int]:
        piles = self.facts["piles"]
        if not isinstance(piles, dict):
            raise BadRun(f"{self.folder / FACTS} names no piles of prompts")
        return {name: int(count) for name, (count, _) in piles.items()}

    def _cell(self, row: _Row) -> Cell:
        values = self._values(row)
        untouched = _Row(row.role, UNTOUCHED, 0.0, (UNTOUCHED,))
        before = self._values(untouched) if row.method != UNTOUCHED else {}
        texts = None
        if before and len(row.members) == 1:
            was = self.answers[row.role, UNTOUCHED, POSITIVE]
            now = self.answers[row.role, row.members[0], POSITIVE]
            texts = sum(now[item].text != one.text for item, one in was.items())
        return Cell(
            model=row.role,
            method=row.method,
            strength=row.strength,
            members=row.members,
            measures=self._numbers(row, values),
            changes={
                name: paired_change(name, before[name], after, unit="fraction")
                for name, after in values.items()
                if before.get(name) and self._info(name).unit == "fraction"
            },
            tests={
                name: _tested(before[name], values[name])
                for name in TESTED
                if name in before and name in values
            },
            labels=self._labels(row),
            texts_changed=texts,
            layers_moved=self._layers_moved(row),
        )

    def _numbers(self, row: _Row, values: Mapping[str, Values]) -> dict[str, Measurement]:
        found = {name: aggregated(self._info(name), one) for name, one in values.items()}
        if row.method == UNTOUCHED:  # a measure of the distance to the untouched model is 0 there
            for role, _, name in self.measured:
                info = self._info(name)
                if role == row.role and info.from_zero and name not in found:
                    found[name] = Measurement(name, 0.0, 0, 0.0, 0.0, info.unit, "0 by definition")
        return found

    def _values(self, row: _Row) -> dict[str, Values]:
        """Return the values of every measure that was taken: measure -> item -> one for each draw."""
        found: dict[str, Values] = {}
        for name in MEASURES.names():
            chosen = MEASURES.get(name)
            if isinstance(chosen, AnswerMeasure):
                pile = chosen.info.pile
                rows = [
                    one for key in row.members for one in self.answers.get((row.role, key, pile), {}).values()
                ]
                detector = get_detector("refusal") if pile == SAFE else self.detector
                values = answer_values(chosen, rows, detector)
                taken = bool(values) or (bool(rows) and name in TESTED)
            else:
                values = {}
                for key in row.members:
                    for item, one in self.measured.get((row.role, key, name), {}).items():
                        values.setdefault(item, []).append(one.value)
                taken = bool(values)
            if taken:
                found[name] = values
        return found

    def _info(self, name: str) -> MeasureInfo:
        """Return what a measure is, with what this experiment adds to it."""
        info = MEASURES.get(name).info
        if name == "mmlu":
            seed, shots = self.settings.controls.seed, self.settings.exam.shots
            return replace(info, how=f"{info.how}, {shots}-shot, questions drawn with seed {seed}")
        if name in TESTED:
            return replace(info, how=self.detector.how)
        return info

    def _labels(self, row: _Row) -> dict[str, dict[str, int]]:
        found = {}
        for pile in self._pile_sizes():
            labels = [
                one.label or UNJUDGED
                for key in row.members
                for one in self.answers.get((row.role, key, pile), {}).values()
            ]
            if labels:
                found[pile] = dict(sorted(Counter(labels).items()))
        return found

    def _layers_moved(self, row: _Row) -> dict[int, int]:
        rows = [
            one for key in row.members for one in self.measured.get((row.role, key, "routing"), {}).values()
        ]
        return dict(sorted(Counter(layer for one in rows for layer in one.layers or ()).items()))

    @staticmethod
    def _corrected(cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """Correct the p-values of all tests on the positive prompts together, and with them the benign ones."""
        tested = [
            (place, name)
            for place, cell in enumerate(cells)
            for name in cell.tests
            if cell.tests[name].p is not None
        ]
        adjusted = holm([cells[place].tests[name].p or 0.0 for place, name in tested])
        found = list(cells)
        for (place, name), p in zip(tested, adjusted, strict=True):
            cell = found[place]
            tests = {**cell.tests, name: cell.tests[name].model_copy(update={"p_adjusted": p})}
            found[place] = cell.model_copy(update={"tests": tests})
        return tuple(found)

    def _model(self, role: str, cells: Sequence[Cell]) -> ModelFacts:
        models = self.facts["models"]
        if not isinstance(models, dict) or role not in models:
            raise BadRun(f"{self.folder / FACTS} names no {role}", do="run the same command again")
        untouched = next(cell for cell in cells if cell.model == role and cell.method == UNTOUCHED)
        methods = {name: found for name in self.settings.methods if (found := self._method(role, name))}
        profiles = [
            LayerProfile(name=name, **one.circuit.model_dump(include={"neurons", "fraction", "by_layer"}))
            for name, one in methods.items()
            if one.circuit is not None and name != RANDOM
        ]
        if top := self._top(role):
            profiles.append(layer_profile(f"top {len(top)}", top))
        return ModelFacts(
            **models[role],
            occurs=self._occurs(untouched),
            methods=methods,
            profiles=tuple(profiles),
        )

    def _occurs(self, untouched: Cell) -> bool:
        try:
            check_baseline(untouched.measures["behaviour"], behaviour=str(self.facts["behaviour"]))
        except WeakBehaviour:
            return False
        return True

    def _method(self, role: str, name: str) -> MethodFacts | None:
        if name == TRANSFER:
            text = "scales the neurons of the other model's circuit: same layer, same index"
            return MethodFacts(name=name, description=text, acts_on="model")
        path = description_file(self.folder, role, self.settings.members(name)[0])
        if not path.exists():
            return None
        found = MethodFacts.model_validate(read_json(path))
        told = [found.description.rstrip(".")]
        if found.acts_on == "prompt":
            told.append("changes only the prompt, so that divergence and MMLU are not measured")
        if name == RANDOM:
            told.append(
                f"{self.settings.controls.controls} seeds together, intervals resample prompts; benign prompts,"
                " MMLU and over-refusal with the first seed only"
            )
        return found.model_copy(update={"name": name, "description": "; ".join(told)})

    def _top(self, role: str) -> Circuit | None:
        """Return the circuit of the paper's size, where it is another one than the method's own."""
        folder = model_folder(self.folder, role) / "top"
        if not (folder / DESCRIPTION).exists():
            return None
        top = Circuit.load(folder)
        return top if len(top) == self.settings.top else None

    def _overlap(self) -> tuple[Shared, ...]:
        if len(self.roles) < 2:
            return ()
        circuits = [self._named_circuits(role) for role in self.roles]
        return tuple(overlaps(*circuits))

    def _named_circuits(self, role: str) -> dict[str, Circuit]:
        folder, size = model_folder(self.folder, role) / "methods" / "cna", self.settings.circuit.size
        if not (folder / DESCRIPTION).exists():
            return {}
        own = Circuit.load(folder)
        found = {f"top {size:.3g}" if size >= 1 else f"top {100 * size:.3g} %": own}
        if (top := self._top(role)) is not None and len(top) != len(own):
            found[f"top {len(top)}"] = top
        return found

    def _by_length(self) -> tuple[AtLength, ...]:
        """Return the rate of the first model had its untouched answers been cut short."""
        rows = self.answers[self.roles[0], UNTOUCHED, POSITIVE].values()
        found = rate_by_length([completion_of(row) for row in rows], self.detector)
        return tuple(AtLength(words=one.words, whole=one.whole, rate=one.rate) for one in found)

    def _warnings(self, cells: Sequence[Cell]) -> Iterable[str]:
        for role in self.roles:
            untouched = next(cell for cell in cells if cell.model == role and cell.method == UNTOUCHED)
            where = "" if len(self.roles) == 1 else f"In the {role} model: "
            try:
                found = check_baseline(
                    untouched.measures["behaviour"], behaviour=str(self.facts["behaviour"])
                )
                yield from (where + one for one in found)
            except WeakBehaviour as error:
                yield f"{where}{error.what[0].upper()}{error.what[1:]}."
        if self.unfinished:
            yield f"Not finished and left out: {', '.join(self.unfinished)}."
        if self.settings.until_settled:
            yield "Answers were stopped once their verdict could no longer change, so their quality was not measured."
        for role in self.roles:
            yield from self._shared_weights(role)

    def _shared_weights(self, role: str) -> Iterable[str]:
        for name in self.settings.methods:
            circuit = description_file(self.folder, role, name).with_suffix("")
            if name != RANDOM and (circuit / DESCRIPTION).exists():
                found = Circuit.load(circuit)
                if count := found.sharing():
                    yield (
                        f"{count} of the {len(found)} neurons of {name} lie in layers that share their weights with "
                        "other layers. They were scaled in their own layer only; the circuit cannot be exported as "
                        "weights."
                    )

    def _prompts(self) -> dict[str, object]:
        asked, facts = self.settings.prompts, self.facts
        piles = facts["piles"] if isinstance(facts["piles"], dict) else {}
        told = ("contrast", "contrast_sha256", "discovery", "validation")
        return {
            **{key: facts[key] for key in told},
            "test_prompts": asked.test_prompts or "the contrast set's own",
            "benign_prompts": asked.benign_prompts or "the contrast set's own",
            **{f"{name}_prompts": count for name, (count, _) in piles.items()},
            **{f"{name}_sha256": digest for name, (_, digest) in piles.items()},
        }


def _tested(before: Values, after: Values) -> PairedTest:
    p, stopped, started = paired_test(before, after)
    return PairedTest(p=p, stopped=stopped, started=started)


def read_provenance(folder: Path) -> Json:
    """Return when and how an experiment was asked for."""
    path = Path(folder) / PROVENANCE
    return read_json(path) if path.exists() else {}
